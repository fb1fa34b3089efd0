package kv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"gauntlet/raft"
)

// member applies entries to a store, one after the other.
type member struct {
	store *Store
	index uint64
	now   time.Duration
}

func (m *member) apply(t fataler, cmd Command) Result {
	t.Helper()
	m.index++
	_, result, ok := m.store.Apply(raft.Entry{
		Index: m.index, Kind: raft.EntryCommand, Time: m.now, Data: cmd.Encode(),
	})
	if !ok {
		t.Fatalf("%+v was not applied", cmd)
	}
	return result
}

// add is a command whose second run would show.
func add(session, sequence, acked uint64) Command {
	return Command{Op: Add, Key: "k", Value: []byte("1"), Session: session, Sequence: sequence,
		AckedBelow: acked}
}

// Goal: a command that comes again gets the answer of the first time, with the entry it had, and is
// not run, until the client acknowledges the answer; sequences may come in any order. Method: one
// command after the other.
func TestOnce(t *testing.T) {
	m := &member{store: New()}
	session := m.apply(t, Command{Op: OpenSession, Timeout: time.Hour}).Session
	if session != 1 {
		t.Fatalf("session %d, opened by entry 1", session)
	}
	sum := func(value string, repeats uint64) Result {
		return Result{Found: true, Value: []byte(value), Repeats: repeats}
	}
	for i, c := range []struct {
		cmd  Command
		want Result
	}{
		{add(1, 1, 0), sum("1", 0)}, // entry 2
		{add(1, 1, 0), sum("1", 2)},
		{add(1, 3, 0), sum("2", 0)}, // entry 4
		{add(1, 2, 1), sum("3", 0)}, // entry 5
		{add(1, 1, 1), sum("1", 2)},
		{add(1, 3, 3), sum("2", 4)},
		{add(1, 2, 1), Result{Rejection: AnswerDropped}},
		{Command{Op: Put, Key: "k", Session: 1, Sequence: 3}, Result{Rejection: OtherCommand}},
		{add(9, 3, 3), Result{Rejection: UnknownSession}},
		{add(2, 1, 0), Result{Rejection: UnknownSession}}, // an entry, but not one that opened one
		{Command{Op: KeepAlive, Session: 9}, Result{Rejection: UnknownSession}},
		{Command{Op: KeepAlive, Session: 1}, Result{}},
		{Command{Op: Add, Key: "k", Value: []byte("x"), Session: 1, Sequence: 4},
			Result{Conflict: true}}, // entry 14
		{Command{Op: Add, Key: "k", Value: []byte("x"), Session: 1, Sequence: 4},
			Result{Conflict: true, Repeats: 14}},
		{Command{Op: OpenSession, Timeout: 1}, Result{Session: 16}},
		{add(16, 3, 0), sum("4", 0)},
		{Command{Op: Add, Key: "k", Value: []byte("1")}, sum("5", 0)},
	} {
		if got := m.apply(t, c.cmd); !cmp.Equal(got, c.want) {
			t.Errorf("%d: %+v gave %+v, want %+v", i, c.cmd, got, c.want)
		}
	}
}

// Goal: a session expires when unused for longer than its timeout, by cluster time, and never comes
// back; commands, repeated ones and keep-alives renew it. Method: at and beyond the bound.
func TestSessionExpires(t *testing.T) {
	const timeout = 10 * time.Second
	for _, use := range []Command{add(1, 2, 0), add(1, 1, 0), {Op: KeepAlive, Session: 1}} {
		m := &member{store: New(), now: time.Hour}
		m.apply(t, Command{Op: OpenSession, Timeout: timeout})
		m.apply(t, add(1, 1, 0))
		for range 3 {
			m.now += timeout
			if got := m.apply(t, use); got.Rejection != NotRejected {
				t.Fatalf("%d at its bound: %+v", use.Op, got)
			}
		}
		m.now += timeout + 1
		for range 2 {
			if got := m.apply(t, use); got.Rejection != UnknownSession {
				t.Fatalf("%d beyond its bound: %+v", use.Op, got)
			}
		}
	}
}

// Goal: sessions and their answers are bounded; the least recently used session goes, and of an
// expired one nothing is left. Method: one more than the bounds.
func TestSessionsAreBounded(t *testing.T) {
	m := &member{store: New()}
	for i := range MaxSessions {
		m.now = time.Duration(i)
		m.apply(t, Command{Op: OpenSession, Timeout: time.Hour})
	}
	m.apply(t, Command{Op: KeepAlive, Session: 1})
	extra := m.apply(t, Command{Op: OpenSession, Timeout: time.Second}).Session
	for session, want := range map[uint64]Rejection{
		1: NotRejected, 2: UnknownSession, 3: NotRejected, extra: NotRejected,
	} {
		if got := m.apply(t, Command{Op: KeepAlive, Session: session}).Rejection; got != want {
			t.Errorf("session %d: %d, want %d", session, got, want)
		}
	}
	m.now = 2 * time.Second
	last := m.apply(t, Command{Op: OpenSession, Timeout: time.Hour}).Session
	if n := m.store.sessions.Len(); n != MaxSessions {
		t.Errorf("%d sessions, want %d", n, MaxSessions)
	}
	for i := range uint64(MaxAnswers) {
		m.apply(t, add(last, i+1, 0))
	}
	if got := m.apply(t, add(last, MaxAnswers+1, 0)).Rejection; got != TooManyAnswers {
		t.Errorf("one answer too many: %d", got)
	}
	if got := m.apply(t, add(last, MaxAnswers+1, 2)).Rejection; got != NotRejected {
		t.Errorf("after one was acknowledged: %d", got)
	}
	m.apply(t, Command{Op: Put, Key: "large", Value: make([]byte, MaxAnswerBytes)})
	read := Command{Op: Txn, Steps: []Step{{Op: Get, Key: "large"}}, Session: last,
		Sequence: MaxAnswers + 2, AckedBelow: MaxAnswers + 2}
	for i, want := range []Rejection{NotRejected, TooManyAnswers} {
		read.Sequence += uint64(i)
		if got := m.apply(t, read).Rejection; got != want {
			t.Errorf("large answer %d: %d, want %d", i, got, want)
		}
	}
}

// client is the dumb twin of a session.
type client struct {
	timeout, active time.Duration
	acked           uint64
	ran             map[uint64]ran // for ever
}

type ran struct {
	text   string
	index  uint64
	result Result
}

// once is the dumb twin of sessions around the dumb twin of the map.
func (c *client) once(m twin, index uint64, now time.Duration, cmd Command) (twin, Result) {
	if c == nil || now > c.active+c.timeout {
		return m, Result{Rejection: UnknownSession}
	}
	c.active, c.acked = now, max(c.acked, cmd.AckedBelow)
	text := fmt.Sprint(cmd.Op, cmd.Key, cmd.Value, cmd.Expected, cmd.Value == nil,
		cmd.Expected == nil, cmd.Steps)
	before, again := c.ran[cmd.Sequence]
	switch {
	case cmd.Sequence < c.acked:
		return m, Result{Rejection: AnswerDropped}
	case again && before.text != text:
		return m, Result{Rejection: OtherCommand}
	case again:
		before.result.Repeats = before.index
		return m, before.result
	}
	m, result := m.do(cmd)
	c.ran[cmd.Sequence] = ran{text, index, result}
	return m, result
}

// Goal: a store does in sessions what it says, also when it goes on from its own snapshot; a view
// keeps the sessions of its instant. Method: random commands of few clients with few sequences,
// against a dumb twin that forgets nothing; now and then the store is replaced by what its snapshot
// gives.
func TestSessionsEqualTheirTwin(t *testing.T) {
	commands := command(rapid.SampledFrom([]string{"a", "b"}))
	rapid.Check(t, func(t *rapid.T) {
		m, dumb := &member{store: New()}, twin{}
		clients := map[uint64]*client{}
		chance := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		drawn := rapid.SliceOfN(commands, 1, 5).Draw(t, "commands")
		var views []View
		var were [][]byte
		for range 60 {
			m.now += time.Duration(chance.IntN(3))
			switch chance.IntN(9) {
			case 0:
				c := &client{timeout: time.Duration(chance.IntN(9)), active: m.now,
					ran: map[uint64]ran{}}
				id := m.apply(t, Command{Op: OpenSession, Timeout: c.timeout}).Session
				clients[id] = c
				continue
			case 1:
				views = append(views, m.store.Freeze())
				were = append(were, written(t, m.store.Freeze()))
			case 2:
				m.store = restored(t, written(t, m.store.Freeze()))
			}
			cmd := drawn[chance.IntN(len(drawn))]
			cmd.Session = 1 + chance.Uint64N(m.index+1)
			cmd.Sequence, cmd.AckedBelow = 1+chance.Uint64N(4), chance.Uint64N(3)
			var want Result
			dumb, want = clients[cmd.Session].once(dumb, m.index+1, m.now, cmd)
			got := m.apply(t, cmd)
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("entry %d, %+v: %s", m.index, cmd, diff)
			}
		}
		for i, v := range views {
			if !bytes.Equal(written(t, v), were[i]) {
				t.Fatalf("view %d changed", i)
			}
		}
		if diff := cmp.Diff(map[string]string(dumb), m.store.holdings()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// inSessions is a store whose sessions have answers of every kind.
func inSessions(t fataler) *Store {
	m := &member{store: New(), now: 300}
	m.apply(t, Command{Op: OpenSession, Timeout: 7 * time.Second})
	m.apply(t, Command{Op: OpenSession})
	m.now += 5
	m.apply(t, Command{Op: Put, Key: "k", Value: []byte("5"), Session: 1, Sequence: 2, AckedBelow: 1})
	m.apply(t, Command{Op: CAS, Key: "k", Value: []byte("5"), Session: 1, Sequence: 3})
	m.apply(t, Command{Op: CAS, Key: "n", Value: []byte("x"), Session: 1, Sequence: 4})
	m.apply(t, Command{Op: Add, Key: "n", Value: []byte("1"), Session: 1, Sequence: 9})
	m.apply(t, Command{Op: Txn, Session: 1, Sequence: 5, Steps: []Step{
		{Op: Get, Key: "k"}, {Op: Delete, Key: strings.Repeat("n", 3)}, {Op: Get, Key: "absent"},
	}})
	return m.store
}
