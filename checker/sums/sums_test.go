package sums

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker/finding"
)

// histories is how many random histories each property meets.
var histories = flag.Int("histories", 20_000, "random histories for each property")

// shapes are what histories are drawn from. All of the first ones are decided.
var shapes = []struct {
	name    string
	shape   shape
	decided bool
}{
	{"units, silent and not", shape{15, 60, units}, true},
	{"falling, silent and not", shape{15, 60, falling}, true},
	{"positive, all told", shape{0, 0, positive}, true},
	{"positive, all told or unanswered", shape{25, 0, positive}, true},
	{"mixed, all told", shape{0, 0, mixed}, true},
	{"mixed, all told or unanswered", shape{30, 0, mixed}, true},
	{"mixed, silent and not", shape{15, 60, mixed}, false},
}

// Goal: counters are decided exactly, with unanswered adds and equal stamps, wherever this is
// promised. Method: random histories, true or bent, of every shape against a search that tries
// every order by brute force; of each shape enough histories are and are not linearizable.
func TestAgainstBruteForce(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(1, 11))
			answers, classes := map[finding.Answer]int{}, map[finding.Class]int{}
			count := *histories / len(shapes)
			for n := range count {
				ops := draw(chance, 1+chance.IntN(8), s.shape)
				found := Check(ops, nil)
				answers[found.Answer]++
				classes[found.Class]++
				if found.Answer == finding.Undecided {
					if s.decided {
						t.Fatalf("history %d: %v\n%s", n, found, show(ops))
					}
					continue
				}
				want := finding.Violation
				if bruteForce(ops, make([]bool, len(ops)), 0) {
					want = finding.Linearizable
				}
				if found.Answer != want {
					t.Fatalf("history %d: %v, want %v\n%s", n, found, want, show(ops))
				}
				checkCulprits(t, ops, found.Finding)
				checkStuck(t, ops, found)
			}
			t.Log(answers, classes)
			least := min(answers[finding.Linearizable], answers[finding.Violation])
			if s.decided && least < count/5 {
				t.Errorf("the histories are one-sided: %v", answers)
			}
		})
	}
}

// checkCulprits wants culprits that no counter could satisfy that, up to the last answer, goes one
// way: one that found a sum on the wrong side of 0, or two that fit in no order that respects time.
func checkCulprits(t *testing.T, ops []Op, found finding.Finding) {
	t.Helper()
	sign, last := int64(1), int64(math.MinInt64)
	for _, op := range ops {
		if op.Told {
			last = max(last, op.Ret)
		}
	}
	for _, op := range ops {
		if op.Delta < 0 && op.Call <= last {
			sign = -1
		}
	}
	fits := func(a, b Op) bool { // a, then b
		return b.Ret >= a.Call && sign*a.Sum <= sign*b.before()
	}
	switch c := found.Culprits; {
	case (found.Answer == finding.Violation) != (found.Class != ""):
		t.Fatalf("%v has no class", found)
	case len(c) == 0 && (found.Class == finding.NoOrder) == (found.Answer == finding.Violation):
	case len(c) == 1 && sign*ops[c[0]].before() < 0:
	case len(c) == 2 && c[0] < c[1] && !fits(ops[c[0]], ops[c[1]]) && !fits(ops[c[1]], ops[c[0]]):
	default:
		t.Fatalf("%v is no evidence in\n%s", found, show(ops))
	}
}

// checkStuck wants what was called up to the return in question to be a violation already.
func checkStuck(t *testing.T, ops []Op, found Result) {
	t.Helper()
	if found.Stuck < 0 {
		return
	}
	var beginning []Op
	for _, op := range ops {
		if op.Call <= ops[found.Stuck].Ret {
			beginning = append(beginning, op)
		}
	}
	if bruteForce(beginning, make([]bool, len(beginning)), 0) {
		t.Fatalf("%v is not certain yet in\n%s", found, show(ops))
	}
}

// Goal: the same on longer histories, and with more unanswered adds. Method: up to fourteen
// operations against porcupine with a model of its own.
func TestAgainstPorcupine(t *testing.T) {
	counter := porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) {
			next, ok := step(input.(Op), state.(int64))
			return ok, next
		},
		Equal: func(a, b any) bool { return a == b },
		Hash:  func(state any) uint64 { return uint64(state.(int64)) * 0x9e3779b97f4a7c15 },
	}
	chance := rand.New(rand.NewPCG(2, 11))
	for n := range *histories / 4 {
		ops := draw(chance, 7+chance.IntN(8), shapes[n%len(shapes)].shape)
		found := Check(ops, nil)
		if found.Answer == finding.Undecided {
			continue
		}
		list := make([]porcupine.Operation, len(ops))
		for i, op := range ops {
			list[i] = porcupine.Operation{Input: op, Call: op.Call, Return: op.Ret}
			if op.Pending {
				list[i].Return = math.MaxInt64
			}
		}
		want := finding.Violation
		if porcupine.CheckOperations(counter, list) {
			want = finding.Linearizable
		}
		if found.Answer != want {
			t.Fatalf("history %d: %v, want %v\n%s", n, found, want, show(ops))
		}
	}
}

// Goal: no input makes the checker panic or guess. Method: what makes no sense, and numbers at the
// ends of their range, for which sums wrap around.
func TestOddInput(t *testing.T) {
	if found := Check([]Op{{Call: 1, Delta: 1}}, nil); found.Answer != finding.Undecided {
		t.Errorf("returned before it was called: %v", found)
	}
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	for _, ops := range [][]Op{
		nil,
		{{Told: true}, {Pending: true, Told: true, Sum: 5}, {Pending: true, Ret: -1}},
		{{Delta: high, Sum: high, Told: true}, {Call: 1, Ret: 2, Delta: 1, Sum: low, Told: true}},
		{{Delta: low, Sum: low, Told: true}, {Call: 1, Ret: 2, Delta: low, Told: true}},
		{{Delta: low, Pending: true}, {Call: 1, Ret: 2, Sum: low, Told: true}},
	} {
		if found := Check(ops, nil); found.Answer != finding.Linearizable {
			t.Errorf("%v: %v", ops, found)
		}
	}
	round := []Op{{Call: 1, Ret: 2, Told: true}}
	for range 4 {
		round = append(round, Op{Delta: 1 << 62})
	}
	if found := Check(round, nil); found.Answer == finding.Violation {
		t.Errorf("once around: %v", found)
	}
	bad := []Op{{Ret: 1, Sum: high, Told: true}, {Delta: 1, Pending: true}}
	if found := Check(bad, nil); found.Answer != finding.Violation {
		t.Errorf("from nowhere: %v", found)
	}
}
