package sets

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker/finding"
)

// Goal: growing sets are decided exactly, with elements added more than once, unanswered adds and
// equal stamps, and whatever is blamed is a violation by itself. Method: random histories, true or
// bent, against a search that tries every order by brute force; each kind of evidence must be met.
func TestGrowAgainstBruteForce(t *testing.T) {
	chance, met := rand.New(rand.NewPCG(1, 7)), newTally()
	for n := range *histories {
		ops := drawGrow(chance, 1+chance.IntN(9))
		found := Grow(ops, 5)
		met.count(found)
		if want := wanted(growsInSomeOrder(ops)); found.Answer != want {
			t.Fatalf("history %d: %v, want %v\n%s", n, found, want, show(ops))
		}
		if found.Answer != finding.Violation {
			continue
		}
		rising(t, found)
		if alone := growCulprits(ops, found); growsInSomeOrder(alone) {
			t.Fatalf("%v is no violation:\n%s\nof\n%s", found, show(alone), show(ops))
		}
	}
	met.balanced(t, finding.NeverWritten, finding.Contradiction, finding.Future, finding.LostWrite,
		finding.Stale, finding.Reordered)
}

// growCulprits are the culprits by themselves, and adds at any time of what they saw and did not
// add, if anybody did.
func growCulprits(ops []Op, found finding.Finding) []Op {
	var alone []Op
	var added, seen uint32
	for _, c := range found.Culprits {
		alone = append(alone, ops[c])
		if ops[c].Read {
			seen |= mask(ops[c].Elements)
		} else {
			added |= 1 << ops[c].Element
		}
	}
	if found.Class == finding.NeverWritten {
		return alone
	}
	for e := range int32(5) {
		if (seen&^added)>>e&1 == 1 {
			alone = append(alone, Op{Call: math.MinInt64, Element: e, Pending: true})
		}
	}
	return alone
}

// growsInSomeOrder is the twin.
func growsInSomeOrder(ops []Op) bool {
	times := make([]timed, len(ops))
	for i, op := range ops {
		times[i] = timed{op.Call, op.Ret, op.Pending}
	}
	return bruteForce(times, make([]bool, len(ops)), 0, func(i int, content uint32) (uint32, bool) {
		return growStep(ops[i], content)
	})
}

func growStep(op Op, content uint32) (uint32, bool) {
	if !op.Read {
		return content | 1<<op.Element, true
	}
	m := mask(op.Elements)
	return content, op.Pending || m == content && bits.OnesCount32(m) == len(op.Elements)
}

func mask(elements []int32) (m uint32) {
	for _, e := range elements {
		m |= 1 << e
	}
	return m
}

// Goal: the same on longer histories. Method: up to fourteen operations, against porcupine with a
// model of its own.
func TestGrowAgainstPorcupine(t *testing.T) {
	set := porcupine.Model{
		Init: func() any { return uint32(0) },
		Step: func(state, input, _ any) (bool, any) {
			next, ok := growStep(input.(Op), state.(uint32))
			return ok, next
		},
		Equal: func(a, b any) bool { return a == b },
		Hash:  func(state any) uint64 { return uint64(state.(uint32)) * 0x9e3779b97f4a7c15 },
	}
	chance := rand.New(rand.NewPCG(2, 7))
	for n := range *histories / 4 {
		ops := drawGrow(chance, 8+chance.IntN(7))
		list := make([]porcupine.Operation, len(ops))
		for i, op := range ops {
			list[i] = porcupine.Operation{Input: op, Call: op.Call, Return: op.Ret}
			if op.Pending {
				list[i].Return = math.MaxInt64
			}
		}
		want := wanted(porcupine.CheckOperations(set, list))
		if found := Grow(ops, 5); found.Answer != want {
			t.Fatalf("history %d: %v, want %v\n%s", n, found, want, show(ops))
		}
	}
}

// drawGrow makes a history that a set of up to five elements answered, and perhaps bends it.
func drawGrow(chance *rand.Rand, n int) []Op {
	times, order := drawTimes(chance, n)
	ops := make([]Op, n)
	var content []int32
	for _, i := range order {
		op := Op{Call: times[i].call, Ret: times[i].ret, Pending: times[i].pending}
		op.Element, op.Read = int32(chance.IntN(5)), chance.IntN(2) == 0
		switch happened := !op.Pending || chance.IntN(2) == 0; {
		case op.Read:
			op.Element, op.Elements = 0, slices.Clone(content)
		case happened && !slices.Contains(content, op.Element):
			content = append(content, op.Element)
		}
		ops[i] = op
	}
	for range max(0, chance.IntN(5)-1) {
		bendGrow(chance, &ops[chance.IntN(n)])
	}
	return ops
}

// bendGrow changes a stamp or an answer.
func bendGrow(chance *rand.Rand, op *Op) {
	switch how := chance.IntN(3); {
	case how > 0 && op.Read && len(op.Elements) > 0:
		at := chance.IntN(len(op.Elements))
		op.Elements = slices.Delete(op.Elements, at, at+1)
	case op.Read && how == 0:
		op.Elements = append(op.Elements, int32(chance.IntN(5)))
	default:
		shift := int64(chance.IntN(7) - 3)
		op.Call, op.Ret = op.Call+shift, op.Ret+shift
	}
}

// Goal: no input makes the checker panic or guess. Method: operations that make no sense, each
// beside a true one.
func TestGrowRefuses(t *testing.T) {
	for _, odd := range []Op{
		{Element: -1, Ret: 1}, {Element: 2, Ret: 1}, {Call: 2, Ret: 1}, {Call: 2, Ret: 1, Read: true},
		{Read: true, Elements: []int32{0, math.MaxInt32}}, {Read: true, Elements: []int32{-1}},
		{Element: math.MinInt32, Pending: true},
	} {
		found := Grow([]Op{{Ret: 5}, odd}, 2)
		if found.Answer != finding.Undecided || found.Why == "" {
			t.Errorf("%+v: %v", odd, found)
		}
	}
	for _, elements := range []int{-1, 0} {
		ops := []Op{{Read: true}, {Read: true, Pending: true, Ret: -1}}
		if found := Grow(ops, elements); found.Answer != finding.Linearizable {
			t.Errorf("%d elements: %v", elements, found)
		}
	}
}

// BenchmarkGrow measures ten thousand adds and a thousand reads of all there is, five million
// elements in all.
func BenchmarkGrow(b *testing.B) {
	var ops []Op
	var content []int32
	for e := range int32(10_000) {
		now := int64(e) * 10
		ops = append(ops, Op{Call: now - 50, Ret: now + 50, Element: e, Pending: e%100 == 0})
		if content = append(content, e); e%10 == 0 {
			read := Op{Call: now, Ret: now + 70, Read: true, Elements: slices.Clone(content)}
			ops = append(ops, read)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if found := Grow(ops, len(content)); found.Answer != finding.Linearizable {
			b.Fatal(found)
		}
	}
}
