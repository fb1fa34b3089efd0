package witness_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
	"gauntlet/sim/witness"
)

// script tells a witness what happens, in few words. Operation o is request o of life 1 of n1.
type script struct {
	*witness.Witness
	last uint64 // index
}

func (s *script) calls(op int64, write bool) {
	s.Called(op, time.Duration(op)*time.Millisecond, 0, 1, uint64(op), write)
}

func request(op int64) witness.Request {
	return witness.Request{Node: 0, Incarnation: 1, ID: uint64(op)}
}

// commits puts a command of an operation into the log.
func (s *script) commits(op int64, cmd kv.Command) {
	cmd.Origin, cmd.Incarnation, cmd.Request = 1, 1, uint64(op)
	s.last++
	s.Committed(raft.Entry{Index: s.last, Term: 1, Kind: raft.EntryCommand, Data: cmd.Encode()})
}

// wrote has a write answered from an index.
func (s *script) wrote(op int64, index uint64, r kv.Result) {
	s.Returned(op, request(op), &replica.Answer{ID: uint64(op), Index: index, Result: r}, "", false)
}

// read has a read of key k answered from the state after an index; "": with nothing.
func (s *script) read(op int64, index uint64, value string) {
	r := kv.Result{Found: value != "", Value: []byte(value)}
	s.Returned(op, request(op), &replica.Answer{ID: uint64(op), Index: index, Result: r}, "k", true)
}

func (s *script) refuses(op int64, unknown bool) {
	refusal := &replica.Refusal{Reason: "no known leader", Unknown: unknown}
	s.Returned(op, request(op), &replica.Answer{ID: uint64(op), Refusal: refusal}, "", false)
}

func put(value string) kv.Command {
	return kv.Command{Op: kv.Put, Key: "k", Value: []byte(value)}
}

// written is operation 1, which put "a" at entry 1 and was answered.
func written() *script {
	s := &script{Witness: witness.New()}
	s.calls(1, true)
	s.commits(1, put("a"))
	s.wrote(1, 1, kv.Result{})
	return s
}

// Goal: every answer that cannot be is called by its name, and its possible likeness passes.
// Method: two or more stories for each, told to the witness by hand.
func TestScenes(t *testing.T) {
	for _, scene := range scenes {
		t.Run(scene.name, func(t *testing.T) {
			s := written()
			scene.play(s)
			s.Ended()
			f := s.Failure()
			switch {
			case f == nil && scene.want != "":
				t.Errorf("nothing is wrong, not even %s", scene.want)
			case f != nil && f.Signature != scene.want:
				t.Errorf("%s: %s; want %q", f.Signature, f.Text, scene.want)
			case f != nil && !slices.Equal(f.Operations, scene.ops):
				t.Errorf("%s: operations %v, want %v", f.Text, f.Operations, scene.ops)
			case f != nil:
				t.Log(f.Text)
			}
		})
	}
}

var scenes = []struct {
	name string
	want failure.Signature // "": none
	ops  []int64
	play func(*script)
}{
	{"a read finds what was written", "", nil, func(s *script) {
		s.calls(2, false)
		s.read(2, 1, "a")
	}},
	{"a read finds something else", failure.WrongAnswer, []int64{2}, func(s *script) {
		s.calls(2, false)
		s.read(2, 1, "b")
	}},
	{"a read finds nothing", failure.WrongAnswer, []int64{2}, func(s *script) {
		s.calls(2, false)
		s.read(2, 1, "")
	}},
	{"a read finds what its index holds, not what came later", "", nil, func(s *script) {
		s.calls(2, false)
		s.calls(3, true)
		s.commits(3, put("b"))
		s.read(2, 1, "a")
	}},
	{"a read finds what came after its index", failure.WrongAnswer, []int64{2}, func(s *script) {
		s.calls(2, false)
		s.calls(3, true)
		s.commits(3, put("b"))
		s.read(2, 1, "b")
	}},
	{"an answer comes before the entry it depends on", "", nil, func(s *script) {
		s.calls(2, true)
		s.calls(3, false)
		s.wrote(2, 2, kv.Result{})
		s.read(3, 2, "b")
		s.commits(2, put("b"))
	}},
	{"a wrong answer comes before the entry it depends on", failure.WrongAnswer, []int64{3},
		func(s *script) {
			s.calls(2, true)
			s.calls(3, false)
			s.read(3, 2, "a")
			s.commits(2, put("b"))
		}},
	{"an answer depends on an entry that never comes", failure.WrongAnswer, []int64{2},
		func(s *script) {
			s.calls(2, false)
			s.read(2, 2, "a")
		}},
	{"a read is older than a write answered before", failure.StaleAnswer, []int64{2, 3},
		func(s *script) {
			s.calls(2, true)
			s.commits(2, put("b"))
			s.wrote(2, 2, kv.Result{})
			s.calls(3, false)
			s.read(3, 1, "a")
		}},
	{"a read is older than a read answered before", failure.StaleAnswer, []int64{3, 4},
		func(s *script) {
			s.calls(2, true)
			s.commits(2, put("b"))
			s.calls(3, false)
			s.read(3, 2, "b")
			s.calls(4, false)
			s.read(4, 1, "a")
		}},
	{"a read is older than a write answered during it", "", nil, func(s *script) {
		s.calls(2, true)
		s.commits(2, put("b"))
		s.calls(3, false)
		s.wrote(2, 2, kv.Result{})
		s.read(3, 1, "a")
	}},
	{"a write stands in the log before a read that saw more and was answered before the call",
		failure.StaleAnswer, []int64{2, 3}, func(s *script) {
			s.calls(2, false)
			s.read(2, 2, "a")
			s.calls(3, true)
			s.commits(3, put("b"))
		}},
	{"a write stands in the log before a read that saw more, and was called before its answer",
		"", nil, func(s *script) {
			s.calls(2, false)
			s.calls(3, true)
			s.read(2, 2, "b")
			s.commits(3, put("b"))
		}},
	{"a write is answered with another's result", failure.WrongAnswer, []int64{2},
		func(s *script) {
			s.calls(2, true)
			s.calls(3, true)
			s.commits(2, put("b"))
			s.commits(3, put("c"))
			s.wrote(2, 3, kv.Result{})
		}},
	{"a write is answered with what it did not do", failure.WrongAnswer, []int64{2},
		func(s *script) {
			s.calls(2, true)
			s.commits(2, kv.Command{Op: kv.CAS, Key: "k", Value: []byte("b"), Expected: []byte("x")})
			s.wrote(2, 2, kv.Result{Swapped: true})
		}},
	{"a compare-and-set fails with what the key holds", "", nil, func(s *script) {
		s.calls(2, true)
		s.commits(2, kv.Command{Op: kv.CAS, Key: "k", Value: []byte("b"), Expected: []byte("x")})
		s.wrote(2, 2, kv.Result{Found: true, Value: []byte("a")})
	}},
	{"a request takes effect twice", failure.TwiceDone, []int64{2}, func(s *script) {
		s.calls(2, true)
		s.commits(2, put("b"))
		s.commits(2, put("b"))
	}},
	{"two requests do the same", "", nil, func(s *script) {
		s.calls(2, true)
		s.calls(3, true)
		s.commits(2, put("b"))
		s.commits(3, put("b"))
	}},
	{"two lives number their requests alike", "", nil, func(s *script) {
		s.calls(2, true)
		s.Called(3, 0, 0, 2, 2, true)
		s.commits(2, put("b"))
		cmd := put("b")
		cmd.Origin, cmd.Incarnation, cmd.Request = 1, 2, 2
		s.Committed(raft.Entry{Index: 3, Kind: raft.EntryCommand, Data: cmd.Encode()})
	}},
	{"what was refused takes effect", failure.UndoneFail, []int64{2}, func(s *script) {
		s.calls(2, true)
		s.refuses(2, false)
		s.commits(2, put("b"))
	}},
	{"what took effect is refused", failure.UndoneFail, []int64{2}, func(s *script) {
		s.calls(2, true)
		s.commits(2, put("b"))
		s.refuses(2, false)
	}},
	{"what may have happened takes effect, before or after it was said", "", nil,
		func(s *script) {
			s.calls(2, true)
			s.calls(3, true)
			s.commits(2, put("b"))
			s.refuses(2, true)
			s.refuses(3, true)
			s.commits(3, put("c"))
		}},
	{"a read is refused, and so is a write that never happens", "", nil, func(s *script) {
		s.calls(2, false)
		s.Returned(2, request(2), &replica.Answer{Refusal: &replica.Refusal{}}, "k", true)
		s.calls(3, true)
		s.refuses(3, false)
	}},
	{"entries that ask for nothing count, too", "", nil, func(s *script) {
		s.Committed(raft.Entry{Index: 2, Kind: raft.EntryNoop})
		s.calls(2, false)
		s.read(2, 2, "a")
	}},
	{"a command cannot be decoded", failure.WrongAnswer, nil, func(s *script) {
		s.Committed(raft.Entry{Index: 2, Kind: raft.EntryCommand, Data: []byte("?")})
	}},
	{"nobody asked for a command", failure.WrongAnswer, nil, func(s *script) {
		s.commits(2, put("b"))
	}},
	{"a probe is nobody's operation", "", nil, func(s *script) {
		s.Probed(0, 1, 2)
		s.commits(2, put("b"))
	}},
	{"another command takes effect", failure.WrongAnswer, []int64{2}, func(s *script) {
		s.calls(2, true)
		cmd := put("b")
		s.Wants(2, &cmd)
		s.commits(2, put("c"))
	}},
	{"the command that was asked for takes effect", "", nil, func(s *script) {
		s.calls(2, true)
		cmd := put("b")
		s.Wants(2, &cmd)
		s.commits(2, put("b"))
	}},
}

// Goal: a witness that was Reset knows nothing of the run before, not even a value.
// Method: fail, Reset, and live through a good run with the same names.
func TestReset(t *testing.T) {
	s := written()
	s.calls(2, false)
	s.read(2, 1, "b")
	if s.Failure() == nil {
		t.Fatal("nothing is wrong")
	}
	s.Reset()
	s.last = 0
	s.calls(2, false)
	s.calls(1, true)
	s.commits(1, kv.Command{Op: kv.Append, Key: "k", Value: []byte("x")})
	s.wrote(1, 1, kv.Result{})
	s.read(2, 0, "")
	s.calls(3, false)
	s.read(3, 1, "x")
	s.Ended()
	if f := s.Failure(); f != nil {
		t.Error(f.Text)
	}
}

// Goal: answers can be judged as fast as they come. Method: a write and a read of it, in runs of
// 500, allocations counted.
func BenchmarkWriteAndRead(b *testing.B) {
	s := &script{Witness: witness.New()}
	entries := make([]raft.Entry, 501)
	for i := range entries {
		cmd := put(strings.Repeat("v", 16))
		cmd.Key = fmt.Sprint("k", i%8)
		cmd.Origin, cmd.Incarnation, cmd.Request = 1, 1, uint64(i)
		entries[i] = raft.Entry{Index: uint64(i), Kind: raft.EntryCommand, Data: cmd.Encode()}
	}
	var answer replica.Answer
	result := kv.Result{Found: true, Value: []byte(strings.Repeat("v", 16))}
	keys := []string{"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"}
	b.ReportAllocs()
	index := 500
	for b.Loop() {
		if index++; index > 500 {
			s.Reset()
			index = 1
		}
		s.calls(int64(index), true)
		s.Committed(entries[index])
		answer = replica.Answer{Index: uint64(index)}
		s.Returned(int64(index), request(int64(index)), &answer, "", false)
		s.calls(int64(1000+index), false)
		answer.Result = result
		s.Returned(int64(1000+index), request(int64(1000+index)), &answer, keys[index%8], true)
	}
	if s.Failure() != nil {
		b.Fatal(s.Failure().Text)
	}
}
