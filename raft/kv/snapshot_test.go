package kv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func written(t fataler, v View) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := v.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", n, b.Len(), err)
	}
	return b.Bytes()
}

func restored(t fataler, b []byte) *Store {
	t.Helper()
	s, err := Restore(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return s
}

// holdings returns all that a store's map holds.
func (s *Store) holdings() map[string]string {
	all := map[string]string{}
	s.values.Scan(func(key, value string) bool {
		all[key] = value
		return true
	})
	return all
}

// Goal: a view is the state of one instant, whatever commands come later and whoever else was
// restored from it or frozen meanwhile; and equal states have equal bytes. Method: puts and deletes
// on enough keys for a tree of three levels, against copies of a dumb map. What is restored, and a
// store that was given the same keys in order, must write the same bytes.
func TestViewStaysWhileTheStoreGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chance := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		keys := 1 << chance.IntN(13)
		s, dumb := New(), map[string]string{}
		var views []View
		var wants []map[string]string
		for range 4 {
			for range chance.IntN(2 * keys) {
				key, value := fmt.Sprint("key-", chance.IntN(keys)), fmt.Sprint(chance.IntN(1000))
				cmd := Command{Op: Put, Key: key, Value: []byte(value)}
				dumb[key] = value
				if chance.IntN(3) == 0 {
					cmd = Command{Op: Delete, Key: key}
					delete(dumb, key)
				}
				apply(t, s, cmd)
			}
			views, wants = append(views, s.Freeze()), append(wants, maps.Clone(dumb))
			if chance.IntN(4) == 0 {
				s = restored(t, written(t, s.Freeze()))
			}
		}
		for i, v := range views {
			b := written(t, v)
			again := restored(t, b)
			if diff := cmp.Diff(wants[i], again.holdings()); diff != "" || v.Len() != len(wants[i]) {
				t.Fatalf("view %d of %d keys: %s", i, v.Len(), diff)
			}
			ordered := New()
			for _, key := range slices.Sorted(maps.Keys(wants[i])) {
				apply(t, ordered, Command{Op: Put, Key: key, Value: []byte(wants[i][key])})
			}
			if !bytes.Equal(b, written(t, again.Freeze())) ||
				!bytes.Equal(b, written(t, ordered.Freeze())) {
				t.Fatalf("view %d: equal states, different bytes", i)
			}
		}
	})
}

// Goal: a view is written by another goroutine while commands are applied. Method: both at once,
// under the race detector where it is on.
func TestViewIsWrittenMeanwhile(t *testing.T) {
	const keys = 5000
	s := New()
	put := func(i int, value string) {
		apply(t, s, Command{Op: Put, Key: fmt.Sprint(i), Value: []byte(value)})
	}
	for i := range keys {
		put(i, "old")
	}
	view := s.Freeze()
	done := make(chan []byte)
	go func() {
		var b bytes.Buffer
		view.WriteTo(&b)
		done <- b.Bytes()
	}()
	for i := range keys {
		put(i, "new")
		apply(t, s, Command{Op: Delete, Key: fmt.Sprint(i * 2)})
	}
	for key, value := range restored(t, <-done).holdings() {
		if value != "old" {
			t.Fatalf("%s is %s", key, value)
		}
	}
	if view.Len() != keys {
		t.Fatalf("%d keys", view.Len())
	}
}

// small is a store with a little of everything.
func small(t fataler) *Store {
	s := New()
	for _, key := range []string{"b", "", "a", strings.Repeat("k", 200)} {
		apply(t, s, Command{Op: Put, Key: key, Value: []byte("value of " + key)})
	}
	apply(t, s, Command{Op: Put, Key: "b"})
	return s
}

// Goal: snapshots that already lie on somebody's disk keep their meaning. Method: bytes written by
// earlier versions.
func TestSnapshotIsStable(t *testing.T) {
	s := New()
	apply(t, s, Command{Op: Put, Key: "b", Value: []byte("2")})
	apply(t, s, Command{Op: Put, Key: "a"})
	for name, c := range map[string]struct {
		store *Store
		want  string
	}{
		"keys": {s, "726166742d6b76010201006101016232000045cf64f8"},
		"sessions": {inSessions(t), "726166742d6b76010201016b3501016e78b1020201808cee891ab1020105" +
			"0203d7bcb7bd0b000003048f82bcbc0c010135000405d3cc8df605020005078abdb7a008000301013500000000" +
			"000906f0b496f80b04000200ac020000552ad2e5"},
	} {
		if got := hex.EncodeToString(written(t, c.store.Freeze())); got != c.want {
			t.Errorf("%s: wrote %s, not %s", name, got, c.want)
		}
	}
}

// Goal: damage is refused, wherever it is, and an error of the reader or writer comes back as it
// is. Method: cut at every byte, flip every bit, add a byte; fail at every byte.
func TestDamagedSnapshotIsRefused(t *testing.T) {
	for name, s := range map[string]*Store{"keys": small(t), "sessions": inSessions(t)} {
		t.Run(name, func(t *testing.T) { damage(t, written(t, s.Freeze())) })
	}
}

func damage(t *testing.T, good []byte) {
	refused := func(what string, b []byte) {
		if s, err := Restore(bytes.NewReader(b)); !errors.Is(err, ErrDamaged) || s != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("one byte more", append(slices.Clip(good), 0))
	for i := range good {
		refused(fmt.Sprint("cut at ", i), good[:i])
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			refused(fmt.Sprintf("bit %d of byte %d flipped", bit, i), bad)
		}
		broken := errors.New("broken")
		r := io.MultiReader(bytes.NewReader(good[:i]), iotest.ErrReader(broken))
		if _, err := Restore(r); err != broken {
			t.Errorf("reader broken at %d: %v", i, err)
		}
	}
}

// brokenWriter takes so many bytes.
type brokenWriter int

func (w *brokenWriter) Write(b []byte) (int, error) {
	n := min(len(b), int(*w))
	*w -= brokenWriter(n)
	if n < len(b) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

// Goal: a full disk is reported. Method: a writer that fails after some buffers or at once.
func TestSnapshotWriterFails(t *testing.T) {
	s := New()
	for i := range 10 {
		apply(t, s, Command{Op: Put, Key: fmt.Sprint(i), Value: make([]byte, 30_000)})
	}
	for _, room := range []brokenWriter{0, 1, snapshotBufferBytes, 299_999} {
		w := room
		if n, err := s.Freeze().WriteTo(&w); err != io.ErrClosedPipe || n != int64(room) {
			t.Errorf("room for %d bytes: %d, %v", room, n, err)
		}
	}
}

// Goal: Restore refuses what a View does not write, and never panics or takes memory that the
// input does not fill. Method: fuzzing, with the checksum put right; what is accepted must be what
// a View writes.
func FuzzRestore(f *testing.F) {
	for _, s := range []*Store{New(), small(f), inSessions(f)} {
		b := written(f, s.Freeze())
		f.Add(b[:len(b)-4])
	}
	f.Add([]byte("raft-kv\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"))
	f.Add([]byte("raft-kv\x01\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := encoderTo(io.Discard)
		e.bytes(b)
		b = e.sum(b)
		s, err := Restore(bytes.NewReader(b))
		if err != nil {
			return
		}
		if again := written(t, s.Freeze()); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}
