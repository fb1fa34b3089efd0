package kv

import (
	"encoding/binary"
	"errors"

	"gauntlet/raft"
)

// ErrMalformed is the error of Decode.
var ErrMalformed = errors.New("malformed command")

// Encode returns the command's bytes: the op, then origin, incarnation and request as unsigned
// varints, then key, value and expected value, each as a varint of its length plus one (0: nil)
// and its bytes.
func (c Command) Encode() []byte {
	size := 1 + 6*binary.MaxVarintLen64 + len(c.Key) + len(c.Value) + len(c.Expected)
	b := append(make([]byte, 0, size), byte(c.Op))
	for _, v := range [...]uint64{uint64(c.Origin), c.Incarnation, c.Request} {
		b = binary.AppendUvarint(b, v)
	}
	b = binary.AppendUvarint(b, uint64(len(c.Key))+1)
	b = append(b, c.Key...)
	for _, v := range [...][]byte{c.Value, c.Expected} {
		if v == nil {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(v))+1)
		b = append(b, v...)
	}
	return b
}

// Decode reads what Encode wrote, and refuses anything else. The command shares b's memory.
func Decode(b []byte) (Command, error) {
	if len(b) == 0 || Op(b[0]) < Put || Op(b[0]) > CAS {
		return Command{}, ErrMalformed
	}
	d := decoder{rest: b[1:]}
	c := Command{Op: Op(b[0])}
	c.Origin = raft.NodeID(d.uint())
	c.Incarnation = d.uint()
	c.Request = d.uint()
	key := d.bytes()
	c.Key = string(key)
	c.Value = d.bytes()
	c.Expected = d.bytes()
	if d.bad || key == nil || len(d.rest) > 0 {
		return Command{}, ErrMalformed
	}
	return c, nil
}

// decoder takes fields off the front. The first bad one sticks.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uint()
	if d.bad || n == 0 {
		return nil
	}
	if n--; n > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}
