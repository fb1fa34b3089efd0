package online

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/checker/finding"
	"gauntlet/checker/synth"
	"gauntlet/history"
	"gauntlet/workload"
)

// watch returns a Watch over registers.
func watch(t testing.TB) *Watch {
	t.Helper()
	w, err := New(workload.ModelRegister)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// script feeds lines to a Watch and returns what it says of each that makes it speak. A line is
// "ID key kind input call time", or "ID key kind output OUTCOME time": "3 x read {} call 7".
func script(t *testing.T, text string) string {
	t.Helper()
	w := watch(t)
	var said strings.Builder
	asked := map[int64]history.Operation{}
	for line := range strings.Lines(text) {
		var op history.Operation
		var body, what string
		var at int64
		if _, err := fmt.Sscan(line, &op.ID, &op.Key, &op.Kind, &body, &what, &at); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if what == "call" {
			op.Input, op.Call = []byte(body), time.Duration(at)
			asked[op.ID] = op
		} else {
			op.Input, op.Call = asked[op.ID].Input, asked[op.ID].Call
			op.Outcome, op.Return = history.Outcome(what), time.Duration(at)
			if what == "ok" {
				op.Output = []byte(body)
			}
		}
		alarm, err := w.Observe(op)
		if alarm != nil {
			fmt.Fprintf(&said, "%s #%d at %d against %v: %s: %s\n", alarm.Key, alarm.Operation, alarm.At,
				alarm.Others, alarm.Class, alarm.Text)
		}
		if err != nil {
			fmt.Fprintln(&said, err)
		}
	}
	return said.String()
}

// Goal: what a Watch says can be acted upon: it names the key, the answer and what that
// contradicts, once; other keys are watched on; what it cannot judge it says, once, in one line.
// Method: small histories by hand.
func TestWhatIsSaid(t *testing.T) {
	const two = "1 x write {\"value\":1} call 1\n1 x write {} ok 2\n" +
		"2 x write {\"value\":2} call 3\n2 x write {} ok 4\n"
	for name, c := range map[string]struct{ text, want string }{
		"stale": {two + "3 x read {} call 5\n3 x read {\"value\":1} ok 6\n" +
			"4 x read {} call 7\n4 x read {\"value\":1} ok 8\n" +
			"5 y read {} call 9\n5 y read {\"value\":1} ok 10\n",
			"x #3 at 6 against []: stale-read: 1 was found, which was replaced long before, if " +
				"anybody wrote it\n" +
				"y #5 at 10 against []: value-never-written: 1 was found, which nobody wrote\n"},
		"stale at once": {"9 x read {} call 1\n" + two + "3 x read {} call 5\n" +
			"3 x read {\"value\":1} ok 6\n",
			"x #3 at 6 against [1 2]: stale-read: 1 was seen, though 2 came after it and before\n"},
		"failed write was seen": {"1 x write {\"value\":1} call 1\n2 x read {} call 2\n" +
			"2 x read {\"value\":1} ok 3\n1 x write {} fail 4\n",
			"x #1 at 4 against [2]: value-never-written: 1 was seen, yet its write certainly did " +
				"not happen\n"},
		"absurd": {two + "3 x cas {\"expected\":2,\"value\":3} call 5\n" +
			"3 x cas {\"swapped\":false,\"current\":2} ok 6\n",
			"x #3 at 6 against []: contradiction: cas from 2 failed, and found 2\n"},
		"silent cas": {two + "3 x cas {\"expected\":2,\"value\":3} call 5\n" +
			"3 x cas {\"swapped\":false} ok 6\n", ""},
		"written twice": {"1 x write {\"value\":1} call 1\n2 x write {\"value\":1} call 2\n" +
			"3 x read {} call 5\n3 x read {\"value\":9} ok 6\n",
			"key x is not watched any more: operation 2: 1 is written twice\n"},
		"written anew": {two + "3 x write {\"value\":3} call 5\n3 x write {} ok 6\n" +
			"4 x write {\"value\":1} call 7\n4 x write {} ok 8\n" +
			"5 x read {} call 9\n5 x read {\"value\":1} ok 10\n", ""},
		"written anew, and never idle": {"1 x write {\"value\":1} call 1\n1 x write {} ok 2\n" +
			"2 x write {\"value\":2} call 3\n3 x read {} call 4\n2 x write {} ok 5\n" +
			"4 x read {} call 6\n3 x read {\"value\":2} ok 7\n" +
			"5 x write {\"value\":1} call 8\n5 x write {} ok 9\n4 x read {\"value\":1} ok 10\n", ""},
		"order": {"1 x read {} call 5\n2 x read {} call 4\n",
			"key x is not watched any more: operation 2: called at 4, after a call at 5 and none " +
				"returned\n"},
		"order of a call after a return": {two + "3 x read {} call 4\n",
			"key x is not watched any more: operation 3: called at 4, after a call at 3 and a " +
				"return at 4\n"},
		"returned before its call": {"1 x read {} call 5\n1 x read {\"value\":null} ok 4\n",
			"key x is not watched any more: operation 1: called at 5 and returned at 4\n"},
		"called twice": {"1 x read {} call 5\n1 x read {} call 6\n",
			"key x is not watched any more: operation 1 is called twice\n"},
		"returned twice": {two + "2 x write {} ok 5\n9 x write {} ok 5\n", ""},
		"no input": {"1 x write {} call 5\n",
			"key x is not watched any more: operation 1: write input: no value in {}\n"},
		"no output": {"1 x read {} call 5\n1 x read {} ok 6\n",
			"key x is not watched any more: operation 1: read output: no value in {}\n"},
		"unanswered": {two + "3 x read {} call 5\n3 x read {} info 6\n" +
			"4 x cas {\"expected\":2,\"value\":4} call 7\n4 x cas {} info 8\n" +
			"5 x read {} call 9\n5 x read {\"value\":4} ok 10\n" +
			"6 x read {} call 11\n6 x read {\"value\":2} ok 12\n",
			"x #6 at 12 against [4 5]: stale-read: 2 was seen after a cas had replaced it by 4\n"},
	} {
		if got := script(t, c.text); got != c.want {
			t.Errorf("%s: it says\n%swant\n%s", name, got, c.want)
		}
	}
	if _, err := New(workload.ModelAppend); err == nil ||
		err.Error() != "append: only the workload register is watched while it runs" {
		t.Errorf("lists: %v", err)
	}
}

// Goal: a long history is judged in the memory of what is open and what was never answered, and the
// one wrong answer in it is found at once.
// Method: generated histories, with and without a stale read. After every event the versions held
// are counted; the stale read is the only one whose answer the generator does not give in good
// faith, so everything before it must be silent.
func TestLongHistories(t *testing.T) {
	for _, stale := range []bool{false, true} {
		for seed := range uint64(6) {
			s := synth.Spec{Clients: 3 + int(seed)*8, Operations: 20_000, CAS: seed%2 == 0,
				Pending: 0.01 * float64(seed%3), Stale: stale, Seed: seed}
			w := watch(t)
			unanswered, alarms := 0, 0
			for op := range lines(s, "x", 1) {
				alarm, err := w.Observe(op)
				if err != nil {
					t.Fatal(err)
				}
				if op.Outcome == history.OutcomeInfo {
					unanswered++
				}
				if most := unanswered + 30*s.Clients + leastKept; w.live > most {
					t.Fatalf("%+v: #%d: %d versions are held, want at most %d", s, op.ID, w.live, most)
				}
				if alarm == nil {
					continue
				}
				alarms++
				if op.ID < 18_000 || op.Kind != workload.KindRead || !stale {
					t.Errorf("%+v: a false alarm: %+v", s, alarm)
				}
				if alarm.Class != finding.Stale {
					t.Errorf("%+v: %+v", s, alarm)
				}
			}
			if stale != (alarms == 1) || !stale && alarms > 0 {
				t.Errorf("%+v: %d alarms", s, alarms)
			}
		}
	}
}

// Goal: a client that hangs for long holds memory back only until it gives up, and no work piles
// up behind it.
// Method: one read is open through a long history; then it ends without an answer.
func TestOneHangs(t *testing.T) {
	w := watch(t)
	hangs := history.Operation{ID: 1, Key: "x", Kind: workload.KindRead, Input: []byte("{}")}
	if _, err := w.Observe(hangs); err != nil {
		t.Fatal(err)
	}
	s := synth.Spec{Clients: 10, Operations: 20_000, CAS: true, Seed: 3}
	greatest := 0
	for op := range lines(s, "x", 2) {
		if op.ID > 19_000 && hangs.Outcome == "" {
			hangs.Outcome = history.OutcomeInfo
			if _, err := w.Observe(hangs); err != nil {
				t.Fatal(err)
			}
		}
		if alarm, err := w.Observe(op); alarm != nil || err != nil {
			t.Fatal(alarm, err)
		}
		greatest = max(greatest, w.live)
	}
	if greatest < 5000 {
		t.Errorf("at most %d versions were held: nothing was held back", greatest)
	}
	if w.live > 8 {
		t.Errorf("%d versions are still held", w.live)
	}
}

// Goal: a watch stays within its bounds, and says where it ends.
// Method: narrow bounds; more keys, and more writes that are never answered.
func TestBounds(t *testing.T) {
	w := watch(t)
	w.mostKeys, w.mostVersions = 2, 5
	var said []string
	for i := range 12 {
		op := history.Operation{ID: int64(i + 1), Key: fmt.Sprint("k", i%3), Kind: workload.KindWrite,
			Input: fmt.Appendf(nil, `{"value":%d}`, i), Call: time.Duration(i)}
		alarm, err := w.Observe(op)
		if err != nil {
			said = append(said, err.Error())
		}
		op.Outcome, op.Return = history.OutcomeInfo, op.Call
		_, gone := w.Observe(op)
		if alarm != nil || gone != nil || w.live > w.mostVersions {
			t.Fatalf("%+v, %v, %d versions", alarm, gone, w.live)
		}
	}
	if diff := cmp.Diff([]string{
		"key k2 and later ones are not watched: there are 2",
		"key k1 is not watched any more: more than 5 values to remember",
	}, said); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

// Goal: nothing that a history can hold brings a watch down.
// Method: random events, most of which make no sense together.
func TestNonsense(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 4))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	for range 300 {
		w := watch(t)
		for range 200 {
			op := history.Operation{
				ID: r.Int64N(12) - 1, Key: pick("x", "y", ""), Kind: pick("read", "write", "cas", "add"),
				Input: []byte(pick("{}", "", "[", `{"value":1}`, `{"value":7,"expected":null}`,
					`{"expected":1,"value":7}`, `{"expected":7,"value":7}`, `{"value":1e99}`)),
				Call: time.Duration(r.Int64N(50) - 5), Outcome: history.Outcome(pick("", "", "ok", "ok",
					"fail", "info", "what")),
			}
			op.Return = op.Call + time.Duration(r.Int64N(20)-2)
			if r.IntN(9) == 0 {
				op.Return = math.MaxInt64
			}
			if op.Outcome != "" {
				op.Output = []byte(pick("{}", "", "null", `{"value":null}`, `{"value":1}`,
					`{"swapped":true}`, `{"swapped":false,"current":1}`, `{"swapped":false}`))
			}
			if _, err := w.Observe(op); err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		}
	}
}
