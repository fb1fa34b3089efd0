package kv

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"io"
	"time"

	"github.com/tidwall/btree"
)

// ErrDamaged is the error of Restore for bytes that no View wrote.
var ErrDamaged = errors.New("damaged snapshot")

// A snapshot (paper, section 7) is
//
//	magic     "raft-kv" and the version, 1 byte
//	keys      their number; of each, in ascending order, its length, its value's length, and both
//	time      cluster time, in nanoseconds
//	sessions  their number; of each, in ascending order, its id, timeout and last activity (both in
//	          nanoseconds), the acknowledged sequence, the number of answers; of each of these its
//	          sequence, index, digest and result
//	crc       uint32, little endian: CRC-32C of all bytes before
//
// where numbers and lengths are unsigned varints, no longer than need be. A result is the sum of 1
// (found), 2 (swapped) and 4 (conflict); if found, the value's length and the value; the number of
// steps, and their results. So the bytes depend on the state alone: members that applied the same
// entries write the same snapshot, whatever they went through on the way, and comparing two
// members means comparing bytes.
const (
	snapshotMagic   = "raft-kv"
	snapshotVersion = 1

	// snapshotBufferBytes is what is written or read at once.
	snapshotBufferBytes = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// View is the state of a Store at one instant, which later commands do not change. It may be used
// by another goroutine than the store, one at a time.
type View struct {
	values   *btree.Map[string, string]
	sessions *btree.Map[uint64, *session]
	now      time.Duration
}

// Freeze returns the state as it is now, in constant time. The first change of each node of the
// tree, and of each session, afterwards copies it.
func (s *Store) Freeze() View {
	s.epoch++
	return View{values: s.values.Copy(), sessions: s.sessions.Copy(), now: s.now}
}

// Len returns the number of keys.
func (v View) Len() int { return v.values.Len() }

// WriteTo writes the snapshot, a buffer at a time, and returns the number of bytes written and the
// writer's error.
func (v View) WriteTo(w io.Writer) (int64, error) {
	e := encoderTo(w)
	e.text(snapshotMagic)
	e.text(string([]byte{snapshotVersion}))
	e.uint(uint64(v.values.Len()))
	v.values.Scan(func(key, value string) bool {
		e.uint(uint64(len(key)))
		e.uint(uint64(len(value)))
		e.text(key)
		e.text(value)
		return e.err == nil
	})
	e.uint(uint64(v.now))
	e.uint(uint64(v.sessions.Len()))
	v.sessions.Scan(func(id uint64, x *session) bool {
		e.session(id, x)
		return e.err == nil
	})
	return e.seal()
}

func (e *encoder) session(id uint64, x *session) {
	for _, n := range [...]uint64{
		id, uint64(x.timeout), uint64(x.active), x.acked, uint64(len(x.answers)),
	} {
		e.uint(n)
	}
	for i := range x.answers {
		a := &x.answers[i]
		e.uint(a.sequence)
		e.uint(a.index)
		e.uint(uint64(a.digest))
		e.result(&a.result)
	}
}

// What is true of a result, as its first number in a snapshot.
const (
	resultFound = 1 << iota
	resultSwapped
	resultConflict
)

func (e *encoder) result(r *Result) {
	flags := uint64(0)
	for i, is := range [...]bool{r.Found, r.Swapped, r.Conflict} {
		if is {
			flags |= 1 << i
		}
	}
	e.uint(flags)
	if r.Found {
		e.uint(uint64(len(r.Value)))
		e.bytes(r.Value)
	}
	e.uint(uint64(len(r.Steps)))
	for i := range r.Steps {
		e.result(&r.Steps[i])
	}
}

// encoder writes fields. The first error sticks.
type encoder struct {
	w       *bufio.Writer
	crc     hash.Hash32
	scratch []byte
	written int64
	err     error
}

func encoderTo(w io.Writer) *encoder {
	return &encoder{w: bufio.NewWriterSize(w, snapshotBufferBytes), crc: crc32.New(castagnoli)}
}

func (e *encoder) uint(v uint64) {
	e.scratch = binary.AppendUvarint(e.scratch[:0], v)
	e.bytes(e.scratch)
}

func (e *encoder) text(s string) {
	e.scratch = append(e.scratch[:0], s...)
	e.bytes(e.scratch)
}

func (e *encoder) bytes(b []byte) {
	if e.err != nil {
		return
	}
	e.crc.Write(b)
	n, err := e.w.Write(b)
	e.written += int64(n)
	e.err = err
}

// sum appends the checksum of what was written.
func (e *encoder) sum(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, e.crc.Sum32())
}

// seal ends the snapshot.
func (e *encoder) seal() (int64, error) {
	e.bytes(e.sum(nil))
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.written - int64(e.w.Buffered()), e.err
}
