package sets

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker/finding"
)

// Goal: elements that come and go once are decided exactly, with unanswered operations and equal
// stamps; whatever is blamed is a violation by itself; and nothing but a second insert keeps from
// deciding. Method: random histories of two elements, true or bent, against brute force.
func TestMembersAgainstBruteForce(t *testing.T) {
	chance, met := rand.New(rand.NewPCG(1, 9)), newTally()
	for n := range *histories {
		ops := drawMembers(chance, 1+chance.IntN(9))
		found := Members(ops, 2)
		met.count(found)
		if found.Answer == finding.Undecided {
			t.Fatalf("history %d: %v\n%s", n, found, show(ops))
		}
		if want := wanted(accessedInSomeOrder(ops)); found.Answer != want {
			t.Fatalf("history %d: %v, want %v\n%s", n, found, want, show(ops))
		}
		if found.Answer != finding.Violation {
			continue
		}
		rising(t, found)
		var alone []Access
		inserts := false
		for _, c := range found.Culprits {
			alone, inserts = append(alone, ops[c]), inserts || ops[c].Kind == Insert && ops[c].Yes
		}
		if !inserts && found.Class != finding.NeverWritten {
			element := alone[0].Element
			alone = append(alone, Access{Call: math.MinInt64, Element: element, Pending: true})
		}
		if accessedInSomeOrder(alone) {
			t.Fatalf("%v is no violation:\n%s\nof\n%s", found, show(alone), show(ops))
		}
	}
	met.balanced(t, finding.NeverWritten, finding.Future, finding.LostWrite, finding.Stale,
		finding.Twice)
}

// accessedInSomeOrder is the twin.
func accessedInSomeOrder(ops []Access) bool {
	times := make([]timed, len(ops))
	for i, op := range ops {
		times[i] = timed{op.Call, op.Ret, op.Pending}
	}
	return bruteForce(times, make([]bool, len(ops)), 0, func(i int, content uint32) (uint32, bool) {
		return accessStep(ops[i], content)
	})
}

func accessStep(op Access, content uint32) (uint32, bool) {
	bit := uint32(1) << op.Element
	if !op.Pending && op.found() != (content&bit != 0) {
		return content, false
	}
	switch op.Kind {
	case Insert:
		content |= bit
	case Remove:
		content &^= bit
	}
	return content, true
}

// Goal: the same on longer histories. Method: against porcupine with a model of its own.
func TestMembersAgainstPorcupine(t *testing.T) {
	set := porcupine.Model{
		Init: func() any { return uint32(0) },
		Step: func(state, input, _ any) (bool, any) {
			next, ok := accessStep(input.(Access), state.(uint32))
			return ok, next
		},
		Equal: func(a, b any) bool { return a == b },
		Hash:  func(state any) uint64 { return uint64(state.(uint32)) },
	}
	chance := rand.New(rand.NewPCG(2, 9))
	for n := range *histories / 4 {
		ops := drawMembers(chance, 8+chance.IntN(7))
		list := make([]porcupine.Operation, len(ops))
		for i, op := range ops {
			list[i] = porcupine.Operation{Input: op, Call: op.Call, Return: op.Ret}
			if op.Pending {
				list[i].Return = math.MaxInt64
			}
		}
		want := wanted(porcupine.CheckOperations(set, list))
		if found := Members(ops, 2); found.Answer != want {
			t.Fatalf("history %d: %v, want %v\n%s", n, found, want, show(ops))
		}
	}
}

// drawMembers makes a history that a set of two elements answered, and perhaps bends it. Each is
// inserted once; what else is asked to insert finds it there.
func drawMembers(chance *rand.Rand, n int) []Access {
	times, order := drawTimes(chance, n)
	ops := make([]Access, n)
	content := uint32(0)
	inserted := map[int32]bool{}
	for _, i := range order {
		op := Access{Call: times[i].call, Ret: times[i].ret, Pending: times[i].pending}
		op.Element, op.Kind = int32(chance.IntN(2)), Kind(chance.IntN(3))
		present := content>>op.Element&1 == 1
		if op.Kind == Insert && (inserted[op.Element] && (op.Pending || !present)) {
			op.Kind = Contains
		}
		inserted[op.Element] = inserted[op.Element] || op.Kind == Insert
		if op.Yes = present == (op.Kind != Insert); !op.Pending || chance.IntN(2) == 0 {
			content, _ = accessStep(Access{Element: op.Element, Kind: op.Kind, Pending: true}, content)
		}
		ops[i] = op
	}
	for range max(0, chance.IntN(6)-1) {
		op := &ops[chance.IntN(n)]
		if op.Kind != Insert && chance.IntN(2) == 0 {
			op.Yes = !op.Yes
			continue
		}
		shift := int64(chance.IntN(9) - 4)
		op.Call, op.Ret = op.Call+shift, op.Ret+shift
	}
	return ops
}

// Goal: no input makes the checker panic or guess. Method: accesses that make no sense, and inserts
// that may both have happened, one by one beside a true one.
func TestMembersRefuses(t *testing.T) {
	for _, odd := range []Access{
		{Kind: 3}, {Kind: 255, Pending: true}, {Element: -1}, {Element: 2}, {Call: 2, Ret: 1},
		{Yes: true}, {Pending: true}, {Element: math.MaxInt32, Kind: Contains, Pending: true},
	} {
		found := Members([]Access{{Ret: 5, Yes: true}, odd}, 2)
		if found.Answer != finding.Undecided || found.Why == "" {
			t.Errorf("%+v: %v", odd, found)
		}
	}
	for _, elements := range []int{-1, 0} {
		if found := Members(nil, elements); found.Answer != finding.Linearizable {
			t.Errorf("%d elements: %v", elements, found)
		}
	}
}
