package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gauntlet/raft"
)

// message draws any message, sensible or not: the codec must not depend on what the core sends
// today.
func message(t *rapid.T) *raft.Message {
	u := rapid.Uint64()
	data := func(label string) []byte {
		b := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, label)
		if len(b) == 0 {
			return nil
		}
		return b
	}
	m := &raft.Message{
		Kind: raft.MessageKind(rapid.Byte().Draw(t, "kind")),
		From: raft.NodeID(u.Draw(t, "from")), To: raft.NodeID(u.Draw(t, "to")),
		Term: u.Draw(t, "term"), Index: u.Draw(t, "index"), LogTerm: u.Draw(t, "logterm"),
		Commit: u.Draw(t, "commit"), Reject: rapid.Bool().Draw(t, "reject"),
		Transfer:  rapid.Bool().Draw(t, "transfer"),
		HintIndex: u.Draw(t, "hint"), HintTerm: u.Draw(t, "hintterm"),
		Round: u.Draw(t, "round"), ID: u.Draw(t, "id"), Data: data("data"),
	}
	if rapid.Bool().Draw(t, "has chunk") {
		m.Chunk = &raft.Chunk{
			Snapshot: raft.Snapshot{
				Index: u.Draw(t, "snapshot index"), Term: u.Draw(t, "snapshot term"),
				Time: time.Duration(rapid.Int64Min(0).Draw(t, "time")),
				Size: u.Draw(t, "size"), Checksum: rapid.Uint32().Draw(t, "checksum"),
				Configuration: raft.NewConfiguration(raft.Members(1, 2)...),
			},
			Offset: u.Draw(t, "offset"), Data: data("chunk"),
			Checksum: rapid.Uint32().Draw(t, "chunk checksum"),
		}
	}
	for range rapid.IntRange(0, 5).Draw(t, "entries") {
		m.Entries = append(m.Entries, raft.Entry{
			Index: u.Draw(t, "i"), Term: u.Draw(t, "t"),
			Kind: raft.EntryKind(rapid.Byte().Draw(t, "k")),
			Time: time.Duration(rapid.Int64Min(0).Draw(t, "time")), Data: data("d"),
		})
	}
	return m
}

// Goal: what goes in comes out, in order, with nothing lost between frames.
// Method: draw any messages, write them after a hello with pings between, read the stream back.
func TestStreamRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hello := Hello{Cluster: 7, From: 1, To: 2, Stream: Bulk, Founders: 9, Name: "n1", Address: "h:1"}
		stream := AppendHello(nil, hello)
		var sent []*raft.Message
		for range rapid.IntRange(0, 4).Draw(t, "messages") {
			m := message(t)
			var err error
			if stream, err = AppendMessage(stream, m); err != nil {
				t.Fatal(err)
			}
			stream = AppendPing(stream)
			sent = append(sent, m)
		}
		r := NewReader(bytes.NewReader(stream))
		if f, err := r.Next(); err != nil || f.Hello == nil || *f.Hello != hello {
			t.Fatalf("hello: %+v, %v", f.Hello, err)
		}
		for _, want := range sent {
			f, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, f.Message); diff != "" {
				t.Fatal(diff)
			}
			if f, err := r.Next(); err != nil || f.Message != nil || f.Hello != nil {
				t.Fatalf("ping: %+v, %v", f, err)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("end: %v, want EOF", err)
		}
	})
}

// Goal: no damaged frame is ever taken for a message.
// Method: flip each single bit, and cut at each length, of a stream of one frame; all must fail.
func TestDamageIsSeen(t *testing.T) {
	whole, err := AppendMessage(nil, &raft.Message{
		Kind: raft.Append, From: 1, To: 2, Term: 3,
		Entries: []raft.Entry{{Index: 9, Term: 3, Kind: raft.EntryCommand, Data: []byte("x")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for bit := range len(whole) * 8 {
		damaged := bytes.Clone(whole)
		damaged[bit/8] ^= 1 << (bit % 8)
		if f, err := NewReader(bytes.NewReader(damaged)).Next(); err == nil {
			t.Errorf("bit %d: accepted as %+v", bit, f.Message)
		}
	}
	for n := 1; n < len(whole); n++ {
		_, err := NewReader(bytes.NewReader(whole[:n])).Next()
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
}

// Goal: sizes are bounded both ways, and an announced size costs nothing until the bytes arrive.
// Method: frames over the limit; one that announces the most and delivers nothing, with the
// allocated bytes counted.
func TestSizeLimits(t *testing.T) {
	big := &raft.Message{Kind: raft.Forward, Data: make([]byte, MaxFrame+1)}
	dst, err := AppendMessage([]byte("kept"), big)
	if !errors.Is(err, ErrTooLarge) || string(dst) != "kept" {
		t.Errorf("append: %q, %v", dst, err)
	}
	header := binary.LittleEndian.AppendUint32(nil, MaxFrame+1)
	header = append(header, 0, 0, 0, 0)
	if _, err := NewReader(bytes.NewReader(header)).Next(); !errors.Is(err, ErrTooLarge) {
		t.Errorf("read: %v", err)
	}
	binary.LittleEndian.PutUint32(header, MaxFrame)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	NewReader(bytes.NewReader(header)).Next()
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
		t.Errorf("a bare header cost %d bytes", got)
	}
}

// Goal: a peer of another version is refused in words, not misread.
func TestOtherVersionIsRefused(t *testing.T) {
	frame := AppendHello(nil, Hello{Cluster: 1, From: 1, To: 2, Stream: Control})
	frame[headerBytes+1] = Version + 1
	_, err := NewReader(bytes.NewReader(seal(frame, 0))).Next()
	if !errors.Is(err, ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
}

// Goal: no bytes make the decoder panic, or accept what it would not itself write back with the
// same meaning.
func FuzzReader(f *testing.F) {
	hello := AppendHello(nil, Hello{Cluster: 1, From: 1, To: 2, Stream: Control})
	seed, _ := AppendMessage(hello, &raft.Message{
		Kind: raft.Append, From: 1, To: 2, Term: 5, Data: []byte("d"),
		Entries: []raft.Entry{{Index: 1, Term: 5, Kind: raft.EntryNoop}},
	})
	f.Add(seed)
	f.Add(AppendPing(nil))
	part, _ := AppendMessage(nil, &raft.Message{
		Kind: raft.SnapshotChunk, From: 1, To: 2, Term: 5,
		Chunk: &raft.Chunk{Snapshot: raft.Snapshot{Index: 7, Term: 4, Size: 3}, Data: []byte("abc")},
	})
	f.Add(part[headerBytes:])
	f.Fuzz(func(t *testing.T, body []byte) {
		// The body is framed here, so that the fuzzer does not have to find a CRC.
		if len(body) == 0 || len(body) > MaxFrame {
			return
		}
		frame := seal(append(make([]byte, headerBytes), body...), 0)
		got, err := NewReader(bytes.NewReader(frame)).Next()
		NewReader(bytes.NewReader(body)).Next()
		if err != nil || got.Message == nil {
			return
		}
		again, err := AppendMessage(nil, got.Message)
		if err != nil {
			t.Fatal(err)
		}
		back, err := NewReader(bytes.NewReader(again)).Next()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Goal: a frame within the limit cannot make a multiple of it in memory out of empty entries.
func TestManyEntries(t *testing.T) {
	m := raft.Message{Kind: raft.Append, From: 2, To: 1, Term: 1}
	for n, want := range map[int]error{maxEntries: nil, maxEntries + 1: ErrMalformed} {
		m.Entries = make([]raft.Entry, n)
		frame, err := AppendMessage(nil, &m)
		if err != nil || len(frame) > MaxFrame/4 {
			t.Fatalf("%d bytes: %v", len(frame), err)
		}
		if _, err := NewReader(bytes.NewReader(frame)).Next(); !errors.Is(err, want) {
			t.Errorf("%d entries: %v, want %v", n, err, want)
		}
	}
}
