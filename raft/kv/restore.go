package kv

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"time"
)

// Restore reads a snapshot to its end into a new store. It refuses whatever a View does not write,
// with an ErrDamaged that says where, and passes the reader's own errors on.
func Restore(r io.Reader) (*Store, error) {
	d := &restorer{r: bufio.NewReaderSize(r, snapshotBufferBytes), crc: crc32.New(castagnoli)}
	d.magic()
	s := New()
	d.keys(s)
	d.sessions(s)
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

func (d *restorer) sessions(s *Store) {
	s.now = d.duration()
	last := uint64(0)
	for i := d.uint(); i > 0 && d.err == nil; i-- {
		id := d.uint()
		x := &session{timeout: d.duration(), active: d.duration(), acked: d.uint()}
		d.answers(x)
		if id <= last || x.active > s.now {
			d.damaged("session %d behind session %d, active at %v of %v", id, last, x.active, s.now)
		}
		s.sessions.Set(id, x)
		last = id
	}
}

func (d *restorer) answers(x *session) {
	next := x.acked
	for i := d.uint(); i > 0 && d.err == nil; i-- {
		a := answer{sequence: d.uint(), index: d.uint()}
		digest := d.uint()
		a.digest, a.result = uint32(digest), d.result(true)
		if a.sequence < next || digest > math.MaxUint32 {
			d.damaged("answer %d where %d may come, digest %d", a.sequence, next, digest)
		}
		x.answers = append(x.answers, a)
		x.bytes += a.bytes()
		next = a.sequence + 1
	}
}

// result reads a result; only that of a whole command may have steps.
func (d *restorer) result(whole bool) Result {
	flags := d.uint()
	if flags > resultFound|resultSwapped|resultConflict {
		d.damaged("result of kind %d", flags)
	}
	r := Result{
		Found: flags&resultFound != 0, Swapped: flags&resultSwapped != 0,
		Conflict: flags&resultConflict != 0,
	}
	if r.Found {
		r.Value = []byte(d.text(d.uint()))
	}
	steps := d.uint()
	if steps > 0 && !whole {
		d.damaged("steps in a step")
	}
	for ; steps > 0 && d.err == nil; steps-- {
		r.Steps = append(r.Steps, d.result(false))
	}
	return r
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

func (d *restorer) duration() time.Duration {
	n := d.uint()
	if n > math.MaxInt64 {
		d.damaged("time %d", n)
	}
	return time.Duration(n)
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
