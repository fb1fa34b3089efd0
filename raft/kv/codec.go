package kv

import (
	"encoding/binary"
	"errors"
	"time"

	"gauntlet/raft"
)

// ErrMalformed is the error of Decode.
var ErrMalformed = errors.New("malformed command")

// inSession is set in the op's byte of a command that belongs to a session.
const inSession = 0x80

// Encode returns the command's bytes: the op, then numbers as unsigned varints, then the body. The
// numbers are origin, incarnation and request, and if the op says so session, sequence and
// acked-below. The body is key, value and expected value, each as a varint of its length plus one
// (0: nil) and its bytes. A Txn has instead the number of its steps as a varint, and each step's
// op, key and value; an OpenSession its timeout in nanoseconds, as a varint; a KeepAlive nothing.
func (c Command) Encode() []byte {
	b := make([]byte, 0, c.encodedBytes())
	if c.Session != 0 {
		b = append(b, byte(c.Op)|inSession)
	} else {
		b = append(b, byte(c.Op))
	}
	for _, v := range [...]uint64{uint64(c.Origin), c.Incarnation, c.Request} {
		b = binary.AppendUvarint(b, v)
	}
	if c.Session != 0 {
		for _, v := range [...]uint64{c.Session, c.Sequence, c.AckedBelow} {
			b = binary.AppendUvarint(b, v)
		}
	}
	return c.appendBody(b)
}

func (c Command) appendBody(b []byte) []byte {
	switch c.Op {
	case OpenSession:
		return binary.AppendUvarint(b, uint64(c.Timeout))
	case KeepAlive:
		return b
	case Txn:
	default:
		b = appendField(b, c.Key, true)
		b = appendField(b, c.Value, c.Value != nil)
		return appendField(b, c.Expected, c.Expected != nil)
	}
	b = binary.AppendUvarint(b, uint64(len(c.Steps)))
	for _, p := range c.Steps {
		b = append(b, byte(p.Op))
		b = appendField(b, p.Key, true)
		b = appendField(b, p.Value, p.Value != nil)
	}
	return b
}

// encodedBytes returns at least what Encode needs.
func (c Command) encodedBytes() int {
	n := 1 + 9*binary.MaxVarintLen64 + len(c.Key) + len(c.Value) + len(c.Expected)
	for _, p := range c.Steps {
		n += 1 + 2*binary.MaxVarintLen64 + len(p.Key) + len(p.Value)
	}
	return n
}

func appendField[T string | []byte](b []byte, v T, present bool) []byte {
	if !present {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(v))+1)
	return append(b, v...)
}

// Decode reads what Encode wrote, and refuses anything else. The command shares b's memory.
func Decode(b []byte) (Command, error) {
	c, _, err := decode(b)
	return c, err
}

// decode returns the command's body as well.
func decode(b []byte) (Command, []byte, error) {
	if len(b) == 0 {
		return Command{}, nil, ErrMalformed
	}
	d := decoder{rest: b[1:]}
	c := Command{Op: Op(b[0] &^ inSession)}
	c.Origin = raft.NodeID(d.uint())
	c.Incarnation = d.uint()
	c.Request = d.uint()
	if b[0]&inSession != 0 {
		c.Session, c.Sequence, c.AckedBelow = d.uint(), d.uint(), d.uint()
		d.bad = d.bad || c.Session == 0
	}
	body := d.rest
	switch c.Op {
	case Put, Delete, CAS, Append, Add:
		c.Key = d.key()
		c.Value = d.bytes()
		c.Expected = d.bytes()
	case Txn:
		c.Steps = d.steps()
	case OpenSession:
		c.Timeout = time.Duration(d.uint())
	case KeepAlive:
	default:
		d.bad = true
	}
	if d.bad || len(d.rest) > 0 || !c.consistent() {
		return Command{}, nil, ErrMalformed
	}
	return c, body, nil
}

// consistent tells whether what the command says of sessions makes sense.
func (c *Command) consistent() bool {
	switch {
	case c.Op == OpenSession:
		return c.Session == 0 && c.Timeout >= 0
	case c.Op == KeepAlive:
		return c.Session != 0 && c.Sequence == 0
	}
	return (c.Session == 0) == (c.Sequence == 0)
}

// decoder takes fields off the front. The first bad one sticks.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || n > 1 && d.rest[n-1] == 0 { // cut short, too large, or longer than need be
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

func (d *decoder) key() string {
	b := d.bytes()
	d.bad = d.bad || b == nil
	return string(b)
}

func (d *decoder) steps() []Step {
	const leastBytes = 3 // of a step
	n := d.uint()
	if n > uint64(len(d.rest)/leastBytes) {
		d.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	steps := make([]Step, n)
	for i := range steps {
		if len(d.rest) == 0 {
			d.bad = true
			return nil
		}
		p := &steps[i]
		p.Op, d.rest = Op(d.rest[0]), d.rest[1:]
		p.Key = d.key()
		p.Value = d.bytes()
		switch p.Op {
		case Get, Put, Append, Add, Delete:
		default:
			d.bad = true
		}
	}
	return steps
}
