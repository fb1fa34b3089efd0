package checker

import (
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"

	"gauntlet/history"
	"gauntlet/workload"
)

// attempt is one operation of a random history, in the twin's own terms.
type attempt struct {
	kind          string
	call, ret     int
	outcome       history.Outcome
	value, expect int64 // 0 is absent
	answer        int64 // what a read, or a cas that failed, returned
	swapped       bool
}

// Goal: the decoding, the dropping of unseen writes and porcupine together decide
// linearizability exactly, and the window of a violation is itself a violation from which
// nothing can be taken away. Method: random histories of up to seven operations, half of them
// made by a real register and then perhaps bent, against a twin that tries every order by brute
// force.
func TestAgainstBruteForce(t *testing.T) {
	var verdicts [3]int
	rapid.Check(t, func(t *rapid.T) {
		attempts := drawHistory(t)
		ops := operations(attempts)
		result := Linearizable(ops, 0)
		if result.Verdict == Unknown {
			t.Fatalf("undecided: %s", result.Reason)
		}
		verdicts[result.Verdict]++
		want := bruteForce(attempts, make([]bool, len(attempts)), 0)
		if want != (result.Verdict == Valid) {
			t.Fatalf("twin says %v, checker %v: %s", want, result.Verdict, result.Reason)
		}
		if result.Verdict == Invalid {
			checkWindow(t, ops, attempts, result.Violation)
		}
	})
	if verdicts[Valid] < 10 || verdicts[Invalid] < 10 {
		t.Fatalf("the histories are one-sided: %v", verdicts)
	}
}

// Goal: the model of leadership and the direct pass agree. Method: random claims of few terms
// and nodes.
func TestLeadersAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history.History
		for range rapid.IntRange(1, 8).Draw(t, "n") {
			h.Observations = append(h.Observations, history.Observation{
				Term: rapid.Uint64Range(1, 4).Draw(t, "term"), Role: history.RoleLeader,
				Node: rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node"),
				At:   time.Duration(rapid.IntRange(0, 9).Draw(t, "at")),
			})
		}
		leaders := make(map[uint64]string)
		want := Valid
		for _, o := range h.Observations {
			if known, led := leaders[o.Term]; led && known != o.Node {
				want = Invalid
			}
			leaders[o.Term] = o.Node
		}
		if got := LeaderPerTerm(&h); got.Verdict != want {
			t.Fatalf("%s, want %s: %s", got.Verdict, want, got.Reason)
		}
	})
}

func drawHistory(t *rapid.T) []attempt {
	attempts := make([]attempt, rapid.IntRange(1, 7).Draw(t, "n"))
	points := make([]int, len(attempts))
	for i := range attempts {
		a := &attempts[i]
		a.kind = rapid.SampledFrom([]string{"read", "write", "cas"}).Draw(t, "kind")
		a.call = rapid.IntRange(0, 20).Draw(t, "call")
		a.ret = a.call + rapid.IntRange(0, 10).Draw(t, "length")
		outcomes := []history.Outcome{"ok", "ok", "ok", "ok", "info", "fail", ""}
		a.outcome = rapid.SampledFrom(outcomes).Draw(t, "outcome")
		a.value = rapid.Int64Range(1, 4).Draw(t, "value")
		a.expect = rapid.Int64Range(0, 4).Draw(t, "expect")
		a.answer = rapid.Int64Range(0, 4).Draw(t, "answer")
		a.swapped = rapid.Bool().Draw(t, "swapped")
		points[i] = rapid.IntRange(a.call, a.ret).Draw(t, "point")
	}
	if rapid.Bool().Draw(t, "honest") {
		answer(attempts, points)
		if rapid.Bool().Draw(t, "bent") {
			bent := rapid.IntRange(0, len(attempts)-1).Draw(t, "which")
			attempts[bent].answer = rapid.Int64Range(0, 4).Draw(t, "lie")
		}
	}
	slices.SortStableFunc(attempts, func(a, b attempt) int { return a.call - b.call })
	return attempts
}

// answer fills in what a real register answers if each operation takes effect at its point.
func answer(attempts []attempt, points []int) {
	order := make([]int, len(attempts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return points[i] - points[j] })
	var state int64
	for _, i := range order {
		a := &attempts[i]
		if a.outcome == history.OutcomeFail {
			continue
		}
		a.answer, a.swapped = state, state == a.expect
		if a.kind == "write" || a.kind == "cas" && a.swapped {
			state = a.value
		}
	}
}

// bruteForce tries every order of the attempts that respects real time.
func bruteForce(attempts []attempt, done []bool, state int64) bool {
	finished := true
	for i, a := range attempts {
		if done[i] || a.outcome == "fail" || a.outcome != "ok" && a.kind == "read" {
			continue
		}
		finished = finished && a.outcome != "ok"
		if mustWait(attempts, done, i) {
			continue
		}
		next, fits := step(a, state)
		if !fits {
			continue
		}
		done[i] = true
		found := bruteForce(attempts, done, next)
		done[i] = false
		if found {
			return true
		}
	}
	return finished
}

// mustWait tells whether some other attempt, not done yet, returned before attempt i was
// called.
func mustWait(attempts []attempt, done []bool, i int) bool {
	for j, other := range attempts {
		if j != i && !done[j] && other.outcome == "ok" && other.ret < attempts[i].call {
			return true
		}
	}
	return false
}

func step(a attempt, state int64) (int64, bool) {
	known := a.outcome == "ok"
	switch {
	case a.kind == "read":
		return state, a.answer == state
	case a.kind == "write":
		return a.value, true
	case known && a.swapped:
		return a.value, state == a.expect
	case known:
		return state, a.answer == state && state != a.expect
	case state == a.expect:
		return a.value, true
	}
	return state, true
}

func operations(attempts []attempt) []history.Operation {
	register := func(n int64) *int64 {
		if n == 0 {
			return nil
		}
		return &n
	}
	ops := make([]history.Operation, len(attempts))
	for i, a := range attempts {
		in := workload.RegisterInput{Value: register(a.value), Expected: register(a.expect)}
		out := workload.RegisterOutput{
			Value: register(a.answer), Current: register(a.answer), Swapped: &a.swapped,
		}
		ops[i] = history.Operation{
			ID: int64(i), Process: i, Key: "r0", Node: "n1", Kind: a.kind, Outcome: a.outcome,
			Call: time.Duration(a.call), Return: time.Duration(a.ret), Input: in.Encode(a.kind),
		}
		if a.outcome == history.OutcomeOK {
			ops[i].Output = out.Encode(a.kind)
		}
	}
	return ops
}

// checkWindow wants a window that is a violation for the twin, and 1-minimal unless it needed
// no search.
func checkWindow(t *rapid.T, ops []history.Operation, attempts []attempt, v *Violation) {
	var window []attempt
	var picked []history.Operation
	for _, id := range v.Operations {
		window = append(window, attempts[id])
		picked = append(picked, ops[id])
	}
	if bruteForce(window, make([]bool, len(window)), 0) {
		t.Fatalf("the window %v is no violation: %s", v.Operations, v.Text)
	}
	all, err := decode(ops)
	if err != nil {
		t.Fatal(err)
	}
	if unexplained(ops, all) != nil {
		return
	}
	effects, err := decode(picked)
	if err != nil || unexplained(picked, effects) != nil {
		t.Fatalf("the window %v made up a value from nowhere: %v", v.Operations, err)
	}
	for i := range effects {
		if search(without(effects, i, i+1), 0) == porcupine.Illegal {
			t.Fatalf("the window %v needs no operation %d", v.Operations, effects[i].op.ID)
		}
	}
}
