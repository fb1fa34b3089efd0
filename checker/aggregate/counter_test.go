package aggregate

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// Goal: each read is held against the adds that must and may have been made by then.
// Method: the histories of Jepsen's own test of its counter, and what they leave out.
func TestCounter(t *testing.T) {
	const ok, bad, unknown = finding.Linearizable, finding.Violation, finding.Undecided
	const most = "9223372036854775807"
	for _, w := range []want{
		{"empty", "", ok, "", nil, "nobody read the sum of"},
		{"never read", "0.add:1 0.ok", ok, "", nil, "nobody read the sum of"},
		{"initial", "0.read 0.ok:0", ok, "", nil, "what 1 read returned lies within the sums of 0 adds"},
		{"refused", "0.add:1 0.fail 0.read 0.ok:0", ok, "", nil, ""},
		{"refused, yet there", "0.add:1 0.fail 0.read 0.ok:1", bad, finding.Future, []int{1},
			"Read #2 returned 1, but the adds called by its return make at most 0."},
		{"from nowhere", "0.read 0.ok:1", bad, finding.Future, []int{0},
			"the furthest, #1, read 1 of [0, 0]"},
		{"unanswered", "0.add:1 1.read 1.ok:1 1.read 1.ok:0", ok, "", nil, ""},
		{"lost", "0.add:1 0.ok 0.read 0.ok:0", bad, finding.LostWrite, []int{1},
			"Read #2 returned 0, but the adds acknowledged before its call make at least 1."},
		{"interleaved", "0.read 1.add:1 2.read 3.add:2 4.read 5.add:4 6.read 7.add:8 8.read " +
			"0.ok:6 1.ok 2.ok:0 3.ok 4.ok:3 5.ok 6.ok:100 7.ok 8.ok:15", bad, finding.Future, []int{6},
			"out of bounds: 1 of 5; the furthest, #7, read 100 of [0, 15]"},
		{"rolling", "0.read 1.add:1 0.ok:0 0.read 1.ok 1.add:2 0.ok:3 0.read 1.ok 0.ok:5", bad,
			finding.Future, []int{4}, "read 5 of [1, 3]"},
		{"down", "0.add:5 0.ok 1.add:-2 0.read 0.ok:3 0.read 0.ok:5 1.ok 0.read 0.ok:3", ok, "", nil, ""},
		{"down during a read", "0.add:5 0.ok 0.read 1.add:-2 0.ok:3 1.ok", ok, "", nil, ""},
		{"down during a read, unseen", "0.add:5 0.ok 0.read 1.add:-2 1.ok 0.ok:5", ok, "", nil, ""},
		{"not down", "0.add:5 0.ok 1.add:-2 1.ok 0.read 0.ok:5", bad, finding.Future, []int{2},
			"at most 3"},
		{"too far down", "1.add:-2 0.read 0.ok:-3", bad, finding.LostWrite, []int{1}, "at least -2"},
		{"nothing", "0.read 0.ok:null", ok, "", nil, "returned nothing: 1"},
		{"never answered", "0.add:1 0.ok 0.read", ok, "", nil, ""},
		{"huge", "0.add:" + most + " 0.add:1", unknown, "", nil, "does not fit into 64 bits"},
		{"huge, and wrong", "0.add:" + most + " 0.ok 0.read 0.ok:-" + most, bad,
			finding.LostWrite, []int{1}, "furthest, #2"},
		{"huge both ways", "0.add:" + most + " 1.add:-" + most + " 2.read 2.ok:0", ok, "", nil, ""},
	} {
		got, err := Counter(script(t, w.script))
		w.hold(t, got, err)
	}
}

// Goal: bounds from running totals are those that one finds by looking at all adds at every read.
// Method: a twin that does so, over random histories in which times often meet.
func TestCounterAgainstTwin(t *testing.T) {
	answers := map[finding.Answer]int{}
	for seed := range uint64(15_000) {
		draw := rand.New(rand.NewPCG(seed, 3))
		var ops []history.Operation
		at := time.Duration(0)
		for id := range 1 + draw.IntN(9) {
			at += time.Duration(draw.IntN(3))
			op := history.Operation{ID: int64(id + 1), Kind: kindAdd, Call: at}
			op.Return = at + time.Duration(draw.IntN(6))
			op.Outcome = []history.Outcome{"ok", "ok", "ok", "fail", "info", ""}[draw.IntN(6)]
			op.Input = json.RawMessage(fmt.Sprint(draw.IntN(7) - 2))
			if draw.IntN(2) == 0 {
				op.Kind, op.Input = kindRead, nil
				op.Output = json.RawMessage(fmt.Sprint(draw.IntN(8) - 2))
			}
			ops = append(ops, op)
		}
		expected := finding.Linearizable
		for _, read := range ops {
			if read.Kind != kindRead || read.Outcome != history.OutcomeOK {
				continue
			}
			low, high := possible(ops, read)
			if seen := whole(read.Output); seen < low || seen > high {
				expected = finding.Violation
			}
		}
		got, err := Counter(ops)
		if err != nil || got.Answer != expected {
			t.Fatalf("seed %d: %v, %v, want %v of %v", seed, got, err, expected, ops)
		}
		answers[got.Answer]++
	}
	balanced(t, answers, finding.Linearizable, finding.Violation)
}

func whole(raw json.RawMessage) (v int64) {
	_ = json.Unmarshal(raw, &v)
	return v
}

// possible is the least and the greatest sum by the time of a read, one add after the other.
func possible(ops []history.Operation, read history.Operation) (low, high int64) {
	for _, add := range ops {
		if add.Kind != kindAdd || add.Outcome == history.OutcomeFail || add.Call > read.Return {
			continue
		}
		delta := whole(add.Input)
		sure := add.Outcome == history.OutcomeOK && add.Return < read.Call
		if sure || delta < 0 {
			low += delta
		}
		if sure || delta > 0 {
			high += delta
		}
	}
	return low, high
}
