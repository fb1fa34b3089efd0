package kv

import (
	"bytes"
	"encoding/hex"
	"maps"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"gauntlet/raft"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var values = rapid.OneOf(
	rapid.Just[[]byte](nil), rapid.SliceOfN(rapid.Byte(), 0, 9),
	rapid.Map(rapid.Int64(), func(n int64) []byte { return strconv.AppendInt(nil, n, 10) }),
)

func step(key *rapid.Generator[string]) *rapid.Generator[Step] {
	return rapid.Custom(func(t *rapid.T) Step {
		return Step{
			Op:  rapid.SampledFrom([]Op{Get, Put, Append, Add, Delete}).Draw(t, "op"),
			Key: key.Draw(t, "key"), Value: values.Draw(t, "value"),
		}
	})
}

func command(key *rapid.Generator[string]) *rapid.Generator[Command] {
	return rapid.Custom(func(t *rapid.T) Command {
		c := Command{
			Op:          Op(rapid.IntRange(int(Put), int(Txn)).Draw(t, "op")),
			Origin:      raft.NodeID(rapid.Uint64().Draw(t, "origin")),
			Incarnation: rapid.Uint64().Draw(t, "incarnation"),
			Request:     rapid.Uint64().Draw(t, "request"),
		}
		if rapid.Bool().Draw(t, "in a session") {
			c.Session = rapid.Uint64Min(1).Draw(t, "session")
			c.Sequence = rapid.Uint64Min(1).Draw(t, "sequence")
			c.AckedBelow = rapid.Uint64().Draw(t, "acked")
		}
		if c.Op == Txn {
			if n := rapid.IntRange(0, 5).Draw(t, "steps"); n > 0 {
				c.Steps = rapid.SliceOfN(step(key), n, n).Draw(t, "steps")
			}
			return c
		}
		c.Key, c.Value = key.Draw(t, "key"), values.Draw(t, "value")
		c.Expected = values.Draw(t, "expected")
		return c
	})
}

// Goal: a command survives its encoding, nil and empty values apart. Method: random commands.
func TestCodecRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := command(rapid.String()).Draw(t, "command")
		switch rapid.IntRange(0, 8).Draw(t, "kind") {
		case 0:
			want = Command{Op: KeepAlive, Session: rapid.Uint64Min(1).Draw(t, "session")}
		case 1:
			timeout := time.Duration(rapid.Int64Min(0).Draw(t, "timeout"))
			want = Command{Op: OpenSession, Timeout: timeout}
		}
		got, err := Decode(want.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Goal: commands that are already in somebody's log keep their meaning. Method: bytes written by
// earlier versions.
func TestCodecIsStable(t *testing.T) {
	for text, want := range map[string]Command{
		"0103000903723003313700":   {Op: Put, Key: "r0", Value: []byte("17"), Origin: 3, Request: 9},
		"03000000037231023501":     {Op: CAS, Key: "r1", Value: []byte("5"), Expected: []byte{}},
		"0200ffffffff0f00026b0000": {Op: Delete, Key: "k", Incarnation: 1<<32 - 1},
		"8103000907020103723003313700": {Op: Put, Key: "r0", Value: []byte("17"), Origin: 3,
			Request: 9, Session: 7, Sequence: 2, AckedBelow: 1},
		"0800000080d0acf30e": {Op: OpenSession, Timeout: 4 * time.Second},
		"89000000070000":     {Op: KeepAlive, Session: 7},
		"060000000207026b0004026b0278": {Op: Txn, Steps: []Step{
			{Op: Get, Key: "k"}, {Op: Append, Key: "k", Value: []byte("x")},
		}},
	} {
		b, _ := hex.DecodeString(text)
		got, err := Decode(b)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
		if !bytes.Equal(want.Encode(), b) {
			t.Errorf("%+v is now written as %x, not as %x", want, want.Encode(), b)
		}
	}
}

// Goal: Decode refuses what Encode did not write, and never panics. Method: fuzzing; what it
// accepts must be what Encode writes, and no prefix of it may be accepted.
func FuzzDecode(f *testing.F) {
	f.Add(Command{Op: Put, Key: "r0", Value: []byte("17"), Origin: 3, Request: 9}.Encode())
	f.Add(Command{Op: CAS, Key: "r1", Value: []byte("5"), Expected: []byte{}}.Encode())
	f.Add(Command{Op: Delete, Incarnation: 1 << 63}.Encode())
	f.Add(Command{Op: Add, Key: "c", Value: []byte("-3")}.Encode())
	f.Add(Command{Op: Txn, Steps: []Step{
		{Op: Get, Key: "a"}, {Op: Append, Key: "", Value: []byte("x")}, {Op: Delete, Key: "c"},
	}}.Encode())
	f.Add(Command{Op: OpenSession, Timeout: time.Hour}.Encode())
	f.Add(Command{Op: KeepAlive, Session: 7}.Encode())
	f.Add(Command{Op: Put, Session: 7, Sequence: 2, AckedBelow: 1, Key: "k"}.Encode())
	f.Add([]byte{1, 0x83, 0, 0, 0, 2, 'k', 0, 0}) // a varint longer than need be
	f.Add([]byte{6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 7, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Decode(b)
		if err != nil {
			return
		}
		if again := first.Encode(); !bytes.Equal(again, b) {
			t.Fatalf("%x became %+v and then %x", b, first, again)
		}
		if _, err := Decode(b[:len(b)-1]); err == nil {
			t.Fatal("a cut command was accepted")
		}
	})
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func apply(t fataler, s *Store, cmd Command) Result {
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

// twin is the dumb twin of a Store, which it copies before every command.
type twin map[string]string

func (m twin) do(cmd Command) (twin, Result) {
	next := maps.Clone(m)
	old, found := m[cmd.Key]
	switch cmd.Op {
	case Get:
		return m, m.get(cmd.Key)
	case Put:
		next[cmd.Key] = string(cmd.Value)
	case Delete:
		delete(next, cmd.Key)
	case CAS:
		if found != (cmd.Expected != nil) || old != string(cmd.Expected) {
			return m, m.get(cmd.Key)
		}
		next[cmd.Key] = string(cmd.Value)
		return next, Result{Swapped: true}
	case Append:
		next[cmd.Key] += string(cmd.Value)
		if len(next[cmd.Key]) > MaxValueBytes {
			return m, Result{Conflict: true}
		}
	case Add:
		if !found {
			old = "0"
		}
		a, okA := new(big.Int).SetString(old, 10)
		b, okB := new(big.Int).SetString(string(cmd.Value), 10)
		if !okA || !okB || !a.IsInt64() || !b.IsInt64() || !a.Add(a, b).IsInt64() {
			return m, Result{Conflict: true}
		}
		next[cmd.Key] = a.String()
		return next, next.get(cmd.Key)
	case Txn:
		var all Result
		for _, p := range cmd.Steps {
			var r Result
			if next, r = next.do(Command{Op: p.Op, Key: p.Key, Value: p.Value}); r.Conflict {
				return m, r
			}
			all.Steps = append(all.Steps, r)
		}
		return next, all
	}
	return next, Result{}
}

func (m twin) get(key string) Result {
	value, found := m[key]
	return Result{Found: found, Value: []byte(value)}
}

// Goal: a store does what its commands say, transactions wholly or not at all, and never changes a
// value that it has handed out. Method: random commands on few keys, against a dumb twin; every
// result is looked at again in the end.
func TestStoreEqualsItsTwin(t *testing.T) {
	keys := rapid.SampledFrom([]string{"a", "b", "c"})
	plain := rapid.Map(command(keys), func(c Command) Command {
		c.Session, c.Sequence, c.AckedBelow = 0, 0, 0
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		s, dumb := New(), twin{}
		var got, want []Result
		for _, cmd := range rapid.SliceOfN(plain, 1, 30).Draw(t, "commands") {
			var result Result
			dumb, result = dumb.do(cmd)
			want = append(want, result)
			got = append(got, apply(t, s, cmd))
			for _, key := range []string{"a", "b", "c"} {
				want, got = append(want, dumb.get(key)), append(got, s.Get(key))
			}
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Goal: the bounds of numbers and lengths are exact. Method: commands at and beyond them.
func TestConflicts(t *testing.T) {
	full := strings.Repeat("x", MaxValueBytes-1)
	for _, c := range []struct {
		held     string
		op       Op
		value    string
		conflict bool
		after    string
	}{
		{"9223372036854775806", Add, "1", false, "9223372036854775807"},
		{"9223372036854775807", Add, "1", true, "9223372036854775807"},
		{"-9223372036854775807", Add, "-1", false, "-9223372036854775808"},
		{"-9223372036854775808", Add, "-1", true, "-9223372036854775808"},
		{"-1", Add, "-9223372036854775808", true, "-1"},
		{"5", Add, "0", false, "5"},
		{"5", Add, "9223372036854775808", true, "5"},
		{"5", Add, "", true, "5"},
		{"five", Add, "1", true, "five"},
		{"", Add, "1", true, ""},
		{"5.0", Add, "1", true, "5.0"},
		{full, Append, "y", false, full + "y"},
		{full, Append, "yy", true, full},
	} {
		for _, cmd := range []Command{
			{Op: c.op, Key: "k", Value: []byte(c.value)},
			{Op: Txn, Steps: []Step{{Op: c.op, Key: "k", Value: []byte(c.value)}}},
			{Op: Txn, Steps: []Step{
				{Op: Put, Key: "other"}, {Op: Put, Key: "k", Value: []byte("overwritten")},
				{Op: Put, Key: "k", Value: []byte(c.held)},
				{Op: c.op, Key: "k", Value: []byte(c.value)},
			}},
		} {
			s := New()
			apply(t, s, Command{Op: Put, Key: "k", Value: []byte(c.held)})
			got := apply(t, s, cmd)
			after := string(s.Get("k").Value)
			if got.Conflict != c.conflict || after != c.after || c.conflict && s.Get("other").Found {
				t.Errorf("%.20q %d %.20q: %v, left %.20q", c.held, c.op, c.value, got, after)
			}
		}
	}
}
