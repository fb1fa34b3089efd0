package kv

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/tidwall/btree"
)

// ErrDamaged is the error of Restore for bytes that no View wrote.
var ErrDamaged = errors.New("damaged snapshot")

// A snapshot (paper, section 7) is
//
//	magic   "raft-kv" and the version, 1 byte
//	keys    their number; of each, in ascending order, its length, its value's length, and both
//	crc     uint32, little endian: CRC-32C of all bytes before
//
// where numbers and lengths are unsigned varints, no longer than need be. So the bytes depend on
// the state alone: members that applied the same entries write the same snapshot, whatever they
// went through on the way, and comparing two members means comparing bytes.
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
	values *btree.Map[string, string]
}

// Freeze returns the state as it is now, in constant time. The first change of each node of the
// tree afterwards copies the node.
func (s *Store) Freeze() View {
	return View{values: s.values.Copy()}
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
	return e.seal()
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

// Restore reads a snapshot to its end into a new store. It refuses whatever a View does not write,
// with an ErrDamaged that says where, and passes the reader's own errors on.
func Restore(r io.Reader) (*Store, error) {
	d := &restorer{r: bufio.NewReaderSize(r, snapshotBufferBytes), crc: crc32.New(castagnoli)}
	d.magic()
	s := New()
	d.keys(s)
	d.seal()
	if d.err != nil {
		return nil, d.err
	}
	return s, nil
}

// restorer takes fields off a stream. The first error sticks, and every later field is empty.
type restorer struct {
	r       *bufio.Reader
	crc     hash.Hash32
	scratch []byte
	offset  int64
	err     error
}

func (d *restorer) damaged(format string, args ...any) {
	d.fail(fmt.Errorf("%w: %s before byte %d", ErrDamaged, fmt.Sprintf(format, args...), d.offset))
}

func (d *restorer) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *restorer) magic() {
	if d.text(uint64(len(snapshotMagic))) != snapshotMagic {
		d.damaged("no snapshot of this state machine")
	}
	if version := d.text(1); d.err == nil && version[0] != snapshotVersion {
		d.damaged("version %d, this one reads %d", version[0], snapshotVersion)
	}
}

func (d *restorer) keys(s *Store) {
	last := ""
	for i := d.uint(); i > 0 && d.err == nil; i-- {
		keyBytes, valueBytes := d.uint(), d.uint()
		key, value := d.text(keyBytes), d.text(valueBytes)
		if s.values.Len() > 0 && key <= last {
			d.damaged("key %.40q behind key %.40q", key, last)
		}
		s.values.Load(key, value)
		last = key
	}
}

// seal checks the sum, and that nothing follows.
func (d *restorer) seal() {
	sum := d.crc.Sum32()
	stored := d.text(4)
	if d.err == nil && binary.LittleEndian.Uint32([]byte(stored)) != sum {
		d.damaged("wrong checksum")
	}
	if d.err != nil {
		return
	}
	switch _, err := d.r.ReadByte(); {
	case err == nil:
		d.damaged("more data than there should be")
	case err != io.EOF:
		d.fail(err)
	}
}

func (d *restorer) uint() uint64 {
	var v uint64
	for shift := 0; d.err == nil; shift += 7 {
		b := d.text(1)
		if d.err != nil {
			break
		}
		if shift == 63 && b[0] > 1 || shift > 0 && b[0] == 0 {
			d.damaged("integer too large, or longer than need be")
			break
		}
		v |= uint64(b[0]&0x7f) << shift
		if b[0] < 0x80 {
			return v
		}
	}
	return 0
}

// text reads n bytes. Its memory grows with what really arrives, so that a broken length costs
// none.
func (d *restorer) text(n uint64) string {
	d.scratch = d.scratch[:0]
	for d.err == nil && n > 0 {
		chunk := int(min(n, snapshotBufferBytes))
		at := len(d.scratch)
		d.scratch = append(d.scratch, make([]byte, chunk)...)
		got, err := io.ReadFull(d.r, d.scratch[at:])
		d.offset += int64(got)
		n -= uint64(chunk)
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			d.damaged("cut short")
		default:
			d.fail(err)
		}
	}
	if d.err != nil {
		return ""
	}
	d.crc.Write(d.scratch)
	return string(d.scratch)
}
