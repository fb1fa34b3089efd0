package kv

import (
	"bytes"
	"testing"

	"gauntlet/raft"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func command() *rapid.Generator[Command] {
	value := rapid.OneOf(rapid.Just[[]byte](nil), rapid.SliceOfN(rapid.Byte(), 0, 9))
	return rapid.Custom(func(t *rapid.T) Command {
		return Command{
			Op: Op(rapid.IntRange(1, 3).Draw(t, "op")), Key: rapid.String().Draw(t, "key"),
			Value: value.Draw(t, "value"), Expected: value.Draw(t, "expected"),
			Origin:      raft.NodeID(rapid.Uint64().Draw(t, "origin")),
			Incarnation: rapid.Uint64().Draw(t, "incarnation"),
			Request:     rapid.Uint64().Draw(t, "request"),
		}
	})
}

// Goal: a command survives its encoding, nil and empty values apart. Method: random commands.
func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := command().Draw(t, "command")
		got, err := Decode(want.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Goal: Decode refuses what Encode did not write, and never panics. Method: fuzzing; what it
// accepts must mean the same when encoded again, and no prefix of it may be accepted.
func FuzzDecode(f *testing.F) {
	f.Add(Command{Op: Put, Key: "r0", Value: []byte("17"), Origin: 3, Request: 9}.Encode())
	f.Add(Command{Op: CAS, Key: "r1", Value: []byte("5"), Expected: []byte{}}.Encode())
	f.Add(Command{Op: Delete, Incarnation: 1 << 63}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Decode(b)
		if err != nil {
			return
		}
		second, err := Decode(first.Encode())
		if err != nil || !cmp.Equal(first, second) {
			t.Fatalf("%+v became %+v, %v", first, second, err)
		}
		if _, err := Decode(b[:len(b)-1]); err == nil {
			t.Fatal("a cut command was accepted")
		}
	})
}

func apply(t *testing.T, s *Store, cmd Command) Result {
	t.Helper()
	_, result, ok := s.Apply(raft.Entry{Kind: raft.EntryCommand, Data: cmd.Encode()})
	if !ok {
		t.Fatalf("%+v was not applied", cmd)
	}
	return result
}

// Goal: each command means what it says, absent keys and empty values included. Method: one
// command after the other on one key.
func TestCommands(t *testing.T) {
	s := New()
	x, y, empty := []byte("x"), []byte("y"), []byte{}
	for i, c := range []struct {
		cmd   Command
		want  Result
		after Result
	}{
		{Command{Op: Delete}, Result{}, Result{}},
		{Command{Op: CAS, Value: x, Expected: y}, Result{}, Result{}},
		{Command{Op: CAS, Value: x, Expected: empty}, Result{}, Result{}},
		{Command{Op: CAS, Value: x}, Result{Swapped: true}, Result{Found: true, Value: x}},
		{Command{Op: CAS, Value: y}, Result{Found: true, Value: x},
			Result{Found: true, Value: x}},
		{Command{Op: CAS, Value: y, Expected: x}, Result{Swapped: true},
			Result{Found: true, Value: y}},
		{Command{Op: Put, Value: empty}, Result{}, Result{Found: true, Value: empty}},
		{Command{Op: CAS, Value: x}, Result{Found: true, Value: empty},
			Result{Found: true, Value: empty}},
		{Command{Op: CAS, Value: x, Expected: empty}, Result{Swapped: true},
			Result{Found: true, Value: x}},
		{Command{Op: Delete}, Result{}, Result{}},
	} {
		c.cmd.Key = "k"
		if got := apply(t, s, c.cmd); !cmp.Equal(got, c.want) {
			t.Errorf("%d: %+v gave %+v", i, c.cmd, got)
		}
		if got := s.Get("k"); !cmp.Equal(got, c.after) {
			t.Errorf("%d: %+v left %+v", i, c.cmd, got)
		}
	}
}

// Goal: what is not a command changes nothing. Method: a no-op and garbage.
func TestOtherEntriesChangeNothing(t *testing.T) {
	s := New()
	put := Command{Op: Put, Key: "k", Value: []byte("v")}.Encode()
	for _, e := range []raft.Entry{
		{Kind: raft.EntryNoop}, {Kind: raft.EntryNoop, Data: put}, {Kind: raft.EntryCommand},
		{Kind: raft.EntryCommand, Data: bytes.Repeat([]byte{0xff}, 40)},
		{Kind: raft.EntryCommand, Data: append(bytes.Clone(put), 0)},
	} {
		if _, _, ok := s.Apply(e); ok || s.Get("k").Found {
			t.Errorf("%+v had an effect", e)
		}
	}
}
