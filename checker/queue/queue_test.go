package queue

import (
	"flag"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/google/go-cmp/cmp"

	"gauntlet/checker/finding"
)

// histories is how many random histories each property meets.
var histories = flag.Int("histories", 20_000, "random histories for each property")

// Goal: the rules decide exactly what they say they decide, with unanswered operations and equal
// stamps, and whatever they blame is a violation by itself. Method: random histories of up to ten
// operations, true or bent, against a search that tries every order by brute force; each kind of
// evidence must have been met.
func TestAgainstBruteForce(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 5))
	answers, classes := map[finding.Answer]int{}, map[finding.Class]int{}
	starved := 0
	for n := range *histories {
		ops, values := draw(chance, 1+chance.IntN(10))
		found := Check(ops, values)
		answers[found.Answer]++
		classes[found.Class]++
		want := finding.Violation
		if bruteForce(ops, make([]bool, len(ops)), nil) {
			want = finding.Linearizable
		}
		if found.Answer != want {
			t.Fatalf("history %d: %v, want %v\n%s", n, found, want, show(ops))
		}
		if found.Answer == finding.Violation {
			checkCulprits(t, ops, found)
		}
		foundEmpty := func(i int) bool { return ops[i].Kind == Empty }
		if found.Class == finding.LostWrite && slices.ContainsFunc(found.Culprits, foundEmpty) {
			starved++
		}
	}
	t.Logf("%v %v, %d found nothing beside what was lost", answers, classes, starved)
	for _, answer := range []finding.Answer{finding.Linearizable, finding.Violation} {
		if answers[answer] < *histories/5 {
			t.Errorf("the histories are one-sided: %v", answers)
		}
	}
	for _, class := range []finding.Class{finding.NeverWritten, finding.Future, finding.LostWrite,
		finding.Stale, finding.Twice, finding.Reordered} {
		if classes[class] < *histories/1000 {
			t.Errorf("%s was met %d times only", class, classes[class])
		}
	}
}

// Goal: no input makes the checker panic or guess. Method: operations that make no sense, each
// beside a true one.
func TestOddInput(t *testing.T) {
	for _, odd := range []Op{
		{Kind: 3, Ret: 1}, {Kind: 255, Pending: true}, {Value: -1, Ret: 1}, {Value: 2, Ret: 1},
		{Kind: Dequeue, Value: math.MaxInt32, Ret: 1}, {Call: 2, Ret: 1, Value: 1}, {Value: 0},
		{Kind: Empty, Call: math.MaxInt64, Ret: math.MinInt64},
	} {
		found := Check([]Op{{Ret: 5}, odd}, 2)
		if found.Answer != finding.Undecided || found.Why == "" {
			t.Errorf("%+v: %v", odd, found)
		}
	}
	for _, values := range []int{-1, 0} {
		if found := Check(nil, values); found.Answer != finding.Linearizable {
			t.Errorf("nothing happened to %d values: %v", values, found)
		}
	}
}

// Goal: an element that unanswered dequeues could not take in time is blamed together with those
// before it in line and the dequeues that these got, and with no others. Method: three lost
// elements, dequeues called early and late, and what shows that two of the elements were gone.
func TestCulpritsOfALoss(t *testing.T) {
	ops := []Op{
		{Call: 0, Ret: 1, Value: 0}, {Call: 2, Ret: 3, Value: 1}, {Call: 4, Ret: 20, Value: 2},
		{Kind: Dequeue, Call: 5, Pending: true}, {Kind: Dequeue, Call: 15, Pending: true},
		{Kind: Empty, Call: 10, Ret: 12},
	}
	want := finding.Finding{Answer: finding.Violation, Class: finding.LostWrite}
	want.Culprits = []int{0, 1, 3, 5}
	if diff := cmp.Diff(want, Check(ops, 3)); diff != "" {
		t.Errorf("found empty (-want +got):\n%s", diff)
	}
	ops[5] = Op{Call: 6, Ret: 7, Value: 3}
	ops = append(ops, Op{Kind: Dequeue, Call: 8, Ret: 9, Value: 3})
	want.Culprits = []int{0, 1, 3, 5, 6}
	if diff := cmp.Diff(want, Check(ops, 4)); diff != "" {
		t.Errorf("passed over (-want +got):\n%s", diff)
	}
}

// checkCulprits wants the culprits to be a violation without all others, and no less of one with
// every unanswered dequeue.
func checkCulprits(t *testing.T, ops []Op, found finding.Finding) {
	t.Helper()
	var alone, generous []Op
	for i, c := range found.Culprits {
		if i > 0 && c <= found.Culprits[i-1] {
			t.Fatalf("culprits do not rise: %v", found.Culprits)
		}
		alone = append(alone, ops[c])
	}
	if len(alone) == 0 || bruteForce(alone, make([]bool, len(alone)), nil) {
		t.Fatalf("%v is not a violation:\n%s\nof\n%s", found, show(alone), show(ops))
	}
	for i, op := range ops {
		if op.Pending && op.Kind == Dequeue || slices.Contains(found.Culprits, i) {
			generous = append(generous, op)
		}
	}
	if bruteForce(generous, make([]bool, len(generous)), nil) {
		t.Fatalf("unanswered dequeues excuse %v:\n%s", found, show(ops))
	}
}

// Goal: the same on longer histories. Method: up to twelve operations, against porcupine with a
// model of its own.
func TestAgainstPorcupine(t *testing.T) {
	chance := rand.New(rand.NewPCG(2, 5))
	for n := range *histories / 4 {
		ops, values := draw(chance, 7+chance.IntN(6))
		found := Check(ops, values)
		list := make([]porcupine.Operation, len(ops))
		for i, op := range ops {
			list[i] = porcupine.Operation{Input: op, Call: op.Call, Return: op.Ret}
			if op.Pending {
				list[i].Return = never
			}
		}
		want := finding.Violation
		if porcupine.CheckOperations(fifo, list) {
			want = finding.Linearizable
		}
		if found.Answer != want {
			t.Fatalf("history %d: %v, want %v\n%s", n, found, want, show(ops))
		}
	}
}

var seed = maphash.MakeSeed()

// fifo is a queue as porcupine has it: a string of values.
var fifo = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) {
		s, op := state.(string), input.(Op)
		switch {
		case op.Kind == Enqueue:
			return true, s + string(rune('a'+op.Value))
		case op.Pending && s != "":
			return true, s[1:]
		case op.Pending || op.Kind == Empty:
			return s == "", s
		}
		return s != "" && s[0] == byte('a'+op.Value), s[min(1, len(s)):]
	},
	Equal: func(a, b any) bool { return a == b },
	Hash:  func(state any) uint64 { return maphash.String(seed, state.(string)) },
}

// draw makes a history that a queue answered, each operation at a random instant, or an unanswered
// one later or never; then it perhaps bends it.
func draw(chance *rand.Rand, n int) (ops []Op, values int) {
	ops = make([]Op, n)
	points, happened := make([]int64, n), make([]bool, n)
	order := make([]int, n)
	spread := 1 + chance.IntN(6)
	unanswered := 1 + 3*chance.IntN(2)
	enqueues := 35 + chance.IntN(30)
	for i := range ops {
		op := &ops[i]
		op.Call = int64(chance.IntN(2 * n))
		op.Ret = op.Call + int64(chance.IntN(spread))
		op.Pending = chance.IntN(10) < unanswered
		happened[i] = !op.Pending || chance.IntN(2) == 0
		if op.Kind = Dequeue; chance.IntN(100) < enqueues {
			op.Kind, op.Value = Enqueue, int32(values)
			values++
		}
		points[i] = op.Call + chance.Int64N(op.Ret-op.Call+1)
		if op.Pending {
			points[i] = op.Call + int64(chance.IntN(2*n))
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(points[a] - points[b]) })
	var content []int32
	for _, i := range order {
		op := &ops[i]
		switch {
		case !happened[i]:
		case op.Kind == Enqueue:
			content = append(content, op.Value)
		case len(content) == 0:
			if !op.Pending {
				op.Kind = Empty
			}
		default:
			op.Value, content = content[0], content[1:]
		}
		if op.Pending && op.Kind == Dequeue {
			op.Value = 0
		}
	}
	if chance.IntN(6) > 0 {
		bend(chance, ops, values)
	}
	return ops, values
}

// bend changes a few answers or stamps.
func bend(chance *rand.Rand, ops []Op, values int) {
	for range 1 + chance.IntN(4) {
		op, other := &ops[chance.IntN(len(ops))], &ops[chance.IntN(len(ops))]
		switch answered := op.Kind != Enqueue && !op.Pending; {
		case answered && other.Kind == Dequeue && op.Kind == Dequeue && chance.IntN(2) == 0:
			op.Value, other.Value = other.Value, op.Value
		case answered && op.Kind == Dequeue && chance.IntN(2) == 0:
			op.Kind = Empty
		case answered && values > 0 && chance.IntN(2) == 0:
			op.Kind, op.Value = Dequeue, int32(chance.IntN(values))
		default:
			shift := int64(chance.IntN(5) - 2)
			op.Call, op.Ret = op.Call+shift, op.Ret+shift
		}
	}
	if chance.IntN(8) == 0 { // what nobody put in
		at := slices.IndexFunc(ops, func(op Op) bool { return op.Kind == Enqueue })
		if at >= 0 {
			ops[at].Kind = Empty
		}
	}
}

// bruteForce tries every order of the operations that respects real time.
func bruteForce(ops []Op, done []bool, content []int32) bool {
	finished := true
	for i, op := range ops {
		if done[i] {
			continue
		}
		finished = finished && op.Pending
		if waits(ops, done, i) {
			continue
		}
		next, ok := step(op, content)
		if !ok {
			continue
		}
		done[i] = true
		found := bruteForce(ops, done, next)
		done[i] = false
		if found {
			return true
		}
	}
	return finished
}

// waits tells whether another operation returned before this one was called, and is still to come.
func waits(ops []Op, done []bool, i int) bool {
	for j, other := range ops {
		if j != i && !done[j] && !other.Pending && other.Ret < ops[i].Call {
			return true
		}
	}
	return false
}

// step is the sequential queue.
func step(op Op, content []int32) (next []int32, ok bool) {
	switch {
	case op.Kind == Enqueue:
		return append(slices.Clone(content), op.Value), true
	case op.Pending:
		return content[min(1, len(content)):], true
	case op.Kind == Empty:
		return content, len(content) == 0
	case len(content) == 0 || content[0] != op.Value:
		return nil, false
	}
	return content[1:], true
}

func show(ops []Op) string {
	var text string
	for i, op := range ops {
		name := [...]string{"enqueue", "dequeue", "empty"}[op.Kind]
		text += fmt.Sprintf("%d: [%d,%d] %s %d pending=%v\n", i, op.Call, op.Ret, name, op.Value,
			op.Pending)
	}
	return text
}

// BenchmarkCheck measures a million operations of 25 clients, one in a hundred unanswered.
func BenchmarkCheck(b *testing.B) {
	chance := rand.New(rand.NewPCG(3, 5))
	var ops []Op
	var content []int32
	values := int32(0)
	for now := int64(0); len(ops) < 1_000_000; now += 4 {
		op := Op{Call: now - chance.Int64N(50), Ret: now + chance.Int64N(50)}
		op.Pending = chance.IntN(100) == 0
		switch {
		case chance.IntN(2) == 0:
			op.Value, content = values, append(content, values)
			values++
		case len(content) == 0:
			op.Kind = Empty
		default:
			op.Kind, op.Value, content = Dequeue, content[0], content[1:]
		}
		ops = append(ops, op)
	}
	b.ReportAllocs()
	for b.Loop() {
		if found := Check(ops, int(values)); found.Answer != finding.Linearizable {
			b.Fatal(found)
		}
	}
}
