package replica

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"testing"
	"time"

	"gauntlet/chance"
	"gauntlet/raft/kv"

	"github.com/anishathalye/porcupine"
)

var seeds = flag.Int("seeds", 60, "random schedules to run in TestLinearizable")

// operation is one client's request on the one key of a schedule.
type operation struct {
	id     uint64
	node   *node
	cmd    kv.Command // Op 0: a read
	call   int64
	answer *Answer
	back   int64
}

// schedule plays random requests, network, disks and crashes. Time for the history is a counter
// of steps: it orders calls and answers as strictly as any clock could.
type schedule struct {
	*cluster
	draw  *chance.Stream
	steps int64
	open  []*operation
	done  []*operation
	cut   map[[2]int]bool
}

func (s *schedule) step() {
	s.steps++
	n := s.nodes[s.draw.Intn(len(s.nodes))]
	switch what := s.draw.Intn(100); {
	case what < 60:
		s.move()
	case what < 78:
		if n.replica != nil && len(n.writes) > 0 {
			s.persist(n)
		}
	case what < 86:
		s.now += time.Duration(s.draw.Intn(6)) * time.Millisecond
		for _, n := range s.nodes {
			if n.replica != nil {
				n.replica.Tick(s.now)
				s.drain(n)
			}
		}
	case what < 91:
		s.request(n)
	case what < 92:
		s.cut[[2]int{s.draw.Intn(len(s.nodes)), s.draw.Intn(len(s.nodes))}] = true
	case what < 95:
		clear(s.cut)
	case what == 95 && s.draw.Intn(4) == 0 && n.replica != nil:
		s.crash(n)
		s.lose(n)
	case what > 95 && n.replica == nil:
		s.start(n)
	}
}

// move delivers, loses or repeats some messages, mostly old ones.
func (s *schedule) move() {
	for range 1 + s.draw.Intn(6) {
		if len(s.network) == 0 {
			return
		}
		i := 0
		if s.draw.Intn(4) == 0 {
			i = s.draw.Intn(len(s.network))
		}
		m, fate := s.network[i], s.draw.Intn(20)
		if fate != 1 {
			s.network = slices.Delete(s.network, i, i+1)
		}
		n := s.nodes[m.To-1]
		if n.replica != nil && fate != 0 && !s.cut[[2]int{int(m.From - 1), int(m.To - 1)}] {
			n.replica.Step(s.now, m)
			s.drain(n)
		}
	}
}

// request sends a request, and sometimes gives an open one up.
func (s *schedule) request(n *node) {
	if n.replica == nil || len(s.open) > 8 {
		return
	}
	n.requests++
	op := &operation{id: n.requests, node: n, call: s.steps}
	s.open = append(s.open, op)
	value := fmt.Append(nil, s.steps)
	switch s.draw.Intn(9) {
	default:
		n.replica.Read(s.now, op.id, "k", false)
	case 8:
		n.replica.LeaseRead(s.now, op.id, "k")
	case 0, 1:
		op.cmd = kv.Command{Op: kv.Put, Value: value}
	case 2, 3:
		op.cmd = kv.Command{Op: kv.CAS, Value: value, Expected: s.guess()}
	case 4:
		op.cmd = kv.Command{Op: kv.Delete}
	}
	if op.cmd.Op != 0 {
		op.cmd.Key = "k"
		n.replica.Write(s.now, op.id, op.cmd)
	}
	s.drain(n)
}

// guess returns what the key may hold, so that compare-and-set succeeds now and then.
func (s *schedule) guess() []byte {
	for _, op := range slices.Backward(s.done) {
		if op.answer != nil && op.answer.Result.Found {
			return op.answer.Result.Value
		}
	}
	return nil
}

// end takes an answer.
func (s *schedule) end(n *node, a Answer) {
	i := slices.IndexFunc(s.open, func(o *operation) bool { return o.id == a.ID && o.node == n })
	if i < 0 {
		panic(fmt.Sprintf("request %d was answered twice, or never made", a.ID))
	}
	op := s.open[i]
	op.answer, op.back = &a, s.steps
	s.open = slices.Delete(s.open, i, i+1)
	s.done = append(s.done, op)
}

// lose ends the requests of a node that crashed: nobody will hear of them.
func (s *schedule) lose(n *node) {
	s.open = slices.DeleteFunc(s.open, func(o *operation) bool {
		if o.node == n {
			s.done = append(s.done, o)
		}
		return o.node == n
	})
}

// history returns the operations as porcupine takes them: what was certainly refused is left out,
// and so is a read without an answer; a write of unknown outcome may happen until the end of time.
func (s *schedule) history() (history []porcupine.Operation, ok int) {
	for i, op := range append(s.done, s.open...) {
		unknown := op.answer == nil || op.answer.Refusal != nil && op.answer.Refusal.Unknown
		refused := op.answer != nil && op.answer.Refusal != nil && !unknown
		if refused || unknown && op.cmd.Op == 0 {
			continue
		}
		p := porcupine.Operation{ClientId: i, Input: op.cmd, Call: 2 * op.call, Return: math.MaxInt64}
		if !unknown {
			ok++
			p.Output, p.Return = op.answer.Result, 2*op.back+1
		}
		history = append(history, p)
	}
	return history, ok
}

// register is what one key of a kv.Store does, on its own terms: state is a value or nil.
var register = porcupine.Model{
	Init: func() any { return kv.Result{} },
	Step: func(state, input, output any) (bool, any) {
		s, cmd := state.(kv.Result), input.(kv.Command)
		out, known := output.(kv.Result)
		next, want := s, kv.Result{}
		switch cmd.Op {
		case 0:
			want = s
		case kv.Put:
			next = kv.Result{Found: true, Value: cmd.Value}
		case kv.Delete:
			next = kv.Result{}
		case kv.CAS:
			if s.Found == (cmd.Expected != nil) && bytes.Equal(s.Value, cmd.Expected) {
				next, want = kv.Result{Found: true, Value: cmd.Value}, kv.Result{Swapped: true}
			} else {
				want = s
			}
		}
		return !known || same(out, want), next
	},
	Equal: func(a, b any) bool { return same(a.(kv.Result), b.(kv.Result)) },
	Hash: func(state any) uint64 {
		h := fnv.New64a()
		h.Write(state.(kv.Result).Value)
		return h.Sum64()
	},
}

func same(a, b kv.Result) bool {
	return a.Found == b.Found && a.Swapped == b.Swapped && bytes.Equal(a.Value, b.Value)
}

// Goal: whatever network, disks and crashes do, clients of any member see one register, refused
// requests had no effect, and no request is answered twice. Method: random schedules, judged by
// porcupine with a model of its own; many seeds.
func TestLinearizable(t *testing.T) {
	total := 0
	for seed := range *seeds {
		draw := chance.New(uint64(seed), "schedule", 0)
		s := &schedule{cluster: newCluster(3 + 2*(seed%2)), draw: draw, cut: make(map[[2]int]bool)}
		s.answered = s.end
		for range 2000 {
			s.step()
		}
		history, ok := s.history()
		total += ok
		result := porcupine.CheckOperationsTimeout(register, history, 10*time.Second)
		if result != porcupine.Ok {
			t.Fatalf("seed %d: %d operations: %v", seed, len(history), result)
		}
	}
	t.Logf("%d schedules, %d operations with a result", *seeds, total)
	if total < 15**seeds {
		t.Error("schedules are too idle to show anything")
	}
}
