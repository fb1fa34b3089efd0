package aggregate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// Goal: the last read decides, as jepsen.checker/set has it.
// Method: one script for each way in which it can.
func TestSet(t *testing.T) {
	const ok, bad, unknown = finding.Linearizable, finding.Violation, finding.Undecided
	for _, w := range []want{
		{"whole", "0.add:1 0.ok 0.add:2 0.ok 0.read 0.ok:[2,1]", ok, "", nil, "all 2 elements"},
		{"never read", "0.add:1 0.ok", unknown, "", nil, "never read"},
		{"never answered", "0.add:1 0.ok 0.read", unknown, "", nil, "never read"},
		{"nothing", "0.read 0.ok:null", unknown, "", nil, "returned nothing"},
		{"empty", "0.read 0.ok:[]", ok, "", nil, "all 0 elements"},
		{"lost", "0.add:1 0.ok 0.add:2 0.ok 0.read 0.ok:[2]", bad, finding.LostWrite, []int{0, 2},
			"Add #1 of 1 was acknowledged, but the last read, #3, does not hold it."},
		{"unexpected", "0.add:1 0.ok 0.read 0.ok:[1,7]", bad, finding.NeverWritten, []int{1},
			"The last read, #2, holds 7, which nobody tried to add."},
		{"recovered", "0.add:1 1.read 1.ok:[1]", ok, "", nil, "never acknowledged: 1, namely 1"},
		{"not recovered", "0.add:1 1.read 1.ok:[]", ok, "", nil, ""},
		{"refused, yet there", "0.add:1 0.fail 0.read 0.ok:[1]", ok, "", nil, "refused, yet there: 1"},
		{"only the last counts", "0.add:1 0.ok 0.read 0.ok:[7] 0.read 0.ok:[1]", ok, "", nil, ""},
		{"last to return", "0.read 1.read 1.ok:[7] 0.ok:[]", ok, "", nil, "read, #1,"},
		{"any element", `0.add:[0,1] 0.ok 0.add:"x" 0.ok 0.read 0.ok:["x",[0,1]]`, ok, "", nil, ""},
		{"twice is once", "0.add:1 0.ok 0.read 0.ok:[1,1]", ok, "", nil, ""},
	} {
		got, err := Set(script(t, w.script))
		w.hold(t, got, err)
	}
	spaced := script(t, "0.add:[0,1] 0.ok 0.read 0.ok")
	spaced[1].Output = json.RawMessage("[ [0, 1] ]")
	got, err := Set(spaced)
	want{name: "space", answer: ok}.hold(t, got, err)
}

// Goal: each element is followed as jepsen.checker/set-full follows it.
// Method: the histories of Jepsen's own test of it, and what they leave out.
func TestSetFull(t *testing.T) {
	const ok, bad, unknown = finding.Linearizable, finding.Violation, finding.Undecided
	for _, w := range []want{
		{"never read", "0.add:0 0.ok", unknown, "", nil, "never read: 1"},
		{"never confirmed", "0.add:0 1.read 1.ok:[]", unknown, "", nil, "never read: 1"},
		{"seen before", "1.read 0.add:0 1.ok:[0] 0.ok", ok, "", nil, "1 of 1 elements are stable"},
		{"seen outside", "1.read 0.add:0 0.ok 1.ok:[0]", ok, "", nil, ""},
		{"seen inside", "0.add:0 1.read 1.ok:[0] 0.ok", ok, "", nil, ""},
		{"seen after", "0.add:0 1.read 0.ok 1.ok:[0]", ok, "", nil, ""},
		{"seen later", "0.add:0 0.ok 1.read 1.ok:[0]", ok, "", nil, ""},
		{"absent later", "0.add:0 0.ok 1.read 1.ok:[]", bad, finding.LostWrite, []int{0, 1},
			"Element 0 was acknowledged by add #1, but read #2, called 1ms later, does not hold it"},
		{"absent before", "1.read 0.add:0 1.ok:[] 0.ok", unknown, "", nil, "never read: 1"},
		{"absent outside", "1.read 0.add:0 0.ok 1.ok:[]", unknown, "", nil, "never read: 1"},
		{"absent inside", "0.add:0 1.read 1.ok:[] 0.ok", unknown, "", nil, "never read: 1"},
		{"absent after", "0.add:0 1.read 0.ok 1.ok:[]", unknown, "", nil, "never read: 1"},
		{"present, missing", "0.add:0 1.add:1 2.read 2.ok:[1] 0.ok 1.ok 2.read 2.ok:[0,1] " +
			"2.read 2.ok:[0] 2.read 2.ok:[]", bad, finding.LostWrite, []int{0, 5}, "lost: 2, namely 0, 1"},
		{"flutter", "0.add:0 0.ok 1.add:1 2.read 2.ok:[1] 1.ok 2.read 3.read 3.ok:[1] 2.ok:[0]", bad,
			finding.LostWrite, []int{0, 4}, "stale for a while: 1, namely 1; at worst for 2ms"},
		{"stale is no loss", "0.add:0 0.ok 1.read 1.ok:[] 1.read 1.ok:[0]", ok, "", nil, "stale for"},
		{"seen, then lost", "0.add:0 1.read 1.ok:[0] 1.read 1.ok:[]", bad, finding.LostWrite,
			[]int{0, 1, 2}, "Element 0 was seen by read #2"},
		{"nobody's", "0.add:0 0.ok 1.read 1.ok:[0,7]", ok, "", nil, "read, yet never added: 1"},
		{"twice", "0.add:0 0.ok 1.read 1.ok:[0,0]", bad, finding.Twice, []int{1},
			"Read #2 returned 0 more than once"},
		{"nothing returned", "0.add:0 0.ok 1.read 1.ok:null", unknown, "", nil, ""},
		{"refused, not there", "0.add:0 0.fail 1.read 1.ok:[]", unknown, "", nil, "never read: 1"},
		{"added again", "0.add:0 0.ok 0.add:0 1.read 1.ok:[0] 0.ok", ok, "", nil, "1 of 1"},
		{"read before it was added", "1.read 1.ok:[0] 0.add:0 0.ok 1.read 1.ok:[]", bad,
			finding.LostWrite, []int{1, 2}, "acknowledged by add #2"},
	} {
		got, err := SetFull(script(t, w.script), false)
		w.hold(t, got, err)
	}
	stale := want{"stale", "0.add:0 0.ok 1.read 1.ok:[] 1.read 1.ok:[0]", bad, finding.Stale,
		[]int{0, 1}, "Element 0 was acknowledged by add #1, but read #2, called 1ms later"}
	got, err := SetFull(script(t, stale.script), true)
	stale.hold(t, got, err)
}

// chart is a random history of a set: adds and reads whose times often meet. Reads mostly see what
// is true.
func chart(draw *rand.Rand) []history.Operation {
	var ops []history.Operation
	at, universe := time.Duration(0), 1+draw.IntN(4)
	for id := range 2 + draw.IntN(10) {
		at += time.Duration(draw.IntN(3))
		op := history.Operation{ID: int64(id + 1), Kind: kindAdd, Call: at}
		op.Return = at + time.Duration(draw.IntN(6))
		op.Outcome = []history.Outcome{"ok", "ok", "ok", "fail", "info", ""}[draw.IntN(6)]
		op.Input = json.RawMessage(fmt.Sprint(draw.IntN(universe)))
		if draw.IntN(2) == 0 {
			op.Kind, op.Input = kindRead, nil
			list := []int{}
			for e := range universe + draw.IntN(2) {
				if draw.IntN(3) > 0 {
					list = append(list, e)
				}
			}
			if op.Outcome == history.OutcomeOK {
				op.Output, _ = json.Marshal(list)
			}
		}
		ops = append(ops, op)
	}
	return ops
}

// Goal: the set that is judged by its last read is judged rightly.
// Method: a dumb twin with sets, over random histories.
func TestSetAgainstTwin(t *testing.T) {
	answers := map[finding.Answer]int{}
	for seed := range uint64(8_000) {
		ops := chart(rand.New(rand.NewPCG(seed, 1)))
		tried, acked, final := map[string]bool{}, map[string]bool{}, -1
		for i, op := range ops {
			if op.Kind == kindAdd {
				tried[string(op.Input)] = true
				acked[string(op.Input)] = acked[string(op.Input)] || op.Outcome == "ok"
			} else if op.Outcome == "ok" && (final < 0 || op.Return >= ops[final].Return) {
				final = i
			}
		}
		expected := finding.Undecided
		if final >= 0 {
			expected = finding.Linearizable
			read := strings.Split(strings.Trim(string(ops[final].Output), "[]"), ",")
			for _, e := range read {
				if e != "" && !tried[e] {
					expected = finding.Violation
				}
			}
			for e, ok := range acked {
				if ok && !slices.Contains(read, e) {
					expected = finding.Violation
				}
			}
		}
		got, err := Set(ops)
		if err != nil || got.Answer != expected {
			t.Fatalf("seed %d: %v, %v, want %v of %v", seed, got, err, expected, ops)
		}
		answers[got.Answer]++
	}
	balanced(t, answers, finding.Undecided, finding.Linearizable, finding.Violation)
}

// balanced fails unless every answer came up often.
func balanced(t *testing.T, answers map[finding.Answer]int, want ...finding.Answer) {
	t.Helper()
	for _, a := range want {
		if answers[a] < 500 {
			t.Errorf("%v came up %d times only: %v", a, answers[a], answers)
		}
	}
}

// Goal: following the elements of a set in one pass finds what Jepsen finds by going through all
// elements at every read.
// Method: a twin that plays the events one by one, as jepsen.checker/set-full does, calls before
// returns at equal times.
func TestSetFullAgainstTwin(t *testing.T) {
	answers := map[finding.Answer]int{}
	for seed := range uint64(15_000) {
		draw := rand.New(rand.NewPCG(seed, 2))
		ops, linearizable := chart(draw), draw.IntN(2) == 0
		lost, stale, stable := playSet(ops)
		expected := finding.Linearizable
		switch {
		case lost > 0:
			expected = finding.Violation
		case stable == 0:
			expected = finding.Undecided
		case linearizable && stale > 0:
			expected = finding.Violation
		}
		got, err := SetFull(ops, linearizable)
		if err != nil || got.Answer != expected {
			t.Fatalf("seed %d: %v, %v, want %v (%d lost, %d stale, %d stable) of %v", seed, got, err,
				expected, lost, stale, stable, ops)
		}
		answers[got.Answer]++
	}
	balanced(t, answers, finding.Undecided, finding.Linearizable, finding.Violation)
}

// played is Jepsen's SetFullElement. Its indices are those of events; 0 is none.
type played struct{ known, present, absent int }

func playSet(ops []history.Operation) (lost, stale, stable int) {
	type event struct {
		at      time.Duration
		returns bool
		op      int
	}
	var events []event
	for i, op := range ops {
		events = append(events, event{op.Call, false, i})
		if op.Outcome == "ok" {
			events = append(events, event{op.Return, true, i})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int {
		switch {
		case a.at != b.at:
			return int(a.at - b.at)
		case a.returns == b.returns:
			return 0
		case b.returns:
			return -1
		}
		return 1
	})
	elements, called := map[string]*played{}, map[int]int{}
	for i, e := range events {
		op, index := ops[e.op], i+1
		switch name := string(op.Input); {
		case !e.returns:
			called[e.op] = index
			if op.Kind == kindAdd && elements[name] == nil {
				elements[name] = &played{}
			}
		case op.Kind == kindAdd:
			elements[name].know(index)
		default:
			read := strings.Split(strings.Trim(string(op.Output), "[]"), ",")
			for name, m := range elements {
				if slices.Contains(read, name) {
					m.know(index)
					m.present = max(m.present, called[e.op])
				} else {
					m.absent = max(m.absent, called[e.op])
				}
			}
		}
	}
	for _, m := range elements {
		switch {
		case m.present > 0 && m.absent < m.present:
			stable++
			if m.known > 0 && m.absent > m.known {
				stale++
			}
		case m.known > 0 && m.absent > m.present && m.known < m.absent:
			lost++
		}
	}
	return lost, stale, stable
}

func (m *played) know(index int) {
	if m.known == 0 {
		m.known = index
	}
}
