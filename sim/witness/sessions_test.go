package witness

import (
	"testing"
	"time"

	"gauntlet/chance"
	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
)

// Goal: the twin agrees with raftd's state machine about sessions: what repeats, what was dropped,
// what expired. Method: random commands of a few clients, who repeat and skip sequences, and whose
// sessions expire; each result and whether it ran is compared.
func TestTwinSessions(t *testing.T) {
	twin, total := newTwin(), Sessions{}
	rejections := map[kv.Rejection]int{}
	for seed := range uint64(100) {
		twin.reset()
		draw, store, now := chance.New(seed, "twin-sessions", 0), kv.New(), time.Duration(0)
		var opened []uint64
		for index := uint64(1); index <= 300; index++ {
			now += draw.Duration(0, 10)
			c := sessionCommand(draw, opened)
			if c.Op == kv.OpenSession {
				opened = append(opened, index)
			}
			_, want, ok := store.Apply(raft.Entry{Kind: raft.EntryCommand, Index: index, Time: now,
				Data: c.Encode()})
			if !ok {
				t.Fatalf("%+v was not applied", c)
			}
			twin.pass(now)
			got, ran := twin.once(index, c)
			rejections[got.Rejection]++
			if wantRan := want.Repeats == 0 && want.Rejection == 0; !same(got, want) || ran != wantRan {
				t.Fatalf("seed %d, entry %d: %+v gave %s (ran: %t), raftd's gave %s (ran: %t)",
					seed, index, c, show(got), ran, show(want), wantRan)
			}
		}
		total.Repeats += twin.seen.Repeats
		total.Dropped += twin.seen.Dropped
		total.Expired += twin.seen.Expired
	}
	if total.Repeats < 500 || total.Dropped < 500 || total.Expired < 500 {
		t.Errorf("only %+v", total)
	}
	for r := kv.UnknownSession; r <= kv.OtherCommand; r++ {
		if rejections[r] < 100 {
			t.Errorf("rejection %d only %d times", r, rejections[r])
		}
	}
}

// sessionCommand draws a command of one of these sessions, or one that opens another.
func sessionCommand(draw *chance.Stream, opened []uint64) kv.Command {
	if len(opened) == 0 || draw.Intn(20) == 0 {
		return kv.Command{Op: kv.OpenSession, Timeout: draw.Duration(20, 400)}
	}
	c := kv.Command{Op: kv.Add, Key: "k", Value: []byte{'1' + byte(draw.Intn(2))}}
	c.Session = opened[len(opened)-1-draw.Intn(min(3, len(opened)))]
	if draw.Intn(10) == 0 {
		return kv.Command{Op: kv.KeepAlive, Session: c.Session}
	}
	c.Sequence = 1 + uint64(draw.Intn(8))
	if draw.Intn(4) == 0 {
		c.AckedBelow = uint64(draw.Intn(5))
	}
	return c
}

// once is a witness who has seen a session opened at entry 1, and operation 1 carried out in it at
// entry 2. Each try of it is a request of its own.
func once() (
	w *Witness, again func(index, try uint64), answer func(try, index uint64, sum string),
) {
	w = New()
	w.Probed(0, 1, 1)
	open := kv.Command{Op: kv.OpenSession, Timeout: time.Second, Origin: 1, Incarnation: 1,
		Request: 1}
	w.Committed(raft.Entry{Index: 1, Kind: raft.EntryCommand, Data: open.Encode()})
	again = func(index, try uint64) {
		w.Called(1, 0, 0, 1, try, true)
		c := kv.Command{Op: kv.Add, Key: "k", Value: []byte("1"), Session: 1, Sequence: 1,
			Origin: 1, Incarnation: 1, Request: try}
		w.Committed(raft.Entry{Index: index, Kind: raft.EntryCommand, Data: c.Encode()})
	}
	again(2, 2)
	answer = func(try, index uint64, sum string) {
		result := kv.Result{Found: true, Value: []byte(sum)}
		w.Returned(1, Request{0, 1, try}, &replica.Answer{Index: index, Result: result}, "", false)
	}
	return w, again, answer
}

// Goal: a command of a session that is committed twice counts once, and its answer is the first
// one; a try that was refused is not to be found in the log, whatever other tries did.
// Method: the answer of a second try from either entry, with either result; then refusals.
func TestWitnessOnce(t *testing.T) {
	for _, c := range []struct {
		index uint64
		sum   string
		want  failure.Signature
	}{
		{2, "1", ""}, {3, "1", failure.TwiceDone}, {3, "2", failure.TwiceDone},
		{2, "2", failure.WrongAnswer},
	} {
		w, again, answer := once()
		again(3, 3)
		answer(3, c.index, c.sum)
		if got := signature(w); got != c.want {
			t.Errorf("answered %s from entry %d: %q, want %q", c.sum, c.index, got, c.want)
		}
	}
	refused := &replica.Answer{Refusal: &replica.Refusal{Reason: "busy"}}
	for try, want := range map[uint64]failure.Signature{2: failure.UndoneFail, 3: ""} {
		w, _, _ := once()
		w.Called(1, 0, 0, 1, 3, true)
		w.Returned(1, Request{0, 1, try}, refused, "", false)
		if got := signature(w); got != want {
			t.Errorf("try %d refused: %q, want %q", try, got, want)
		}
	}
}

func signature(w *Witness) failure.Signature {
	if f := w.Failure(); f != nil {
		return f.Signature
	}
	return ""
}
