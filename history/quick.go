package history

import (
	"encoding/json"
	"time"
)

// quick reads the lines of operations in the one spelling that this package writes: its order of
// keys, no spaces, plain numbers, and text that needs no escape. They are nearly all lines of a
// history, and encoding/json takes several times as long. Whatever differs in any way is left to
// it, so that the two never disagree.
type quick struct {
	rest  []byte
	wrong bool // this is some other spelling
	kept  *kept
}

// kept is what the lines of one history share: the few names, and blocks of memory for JSON.
type kept struct {
	names map[string]string
	block []byte
}

// The bounds of what is read quickly, and kept.
const (
	mostDigits = 18       // that certainly fit into an int64
	mostDepth  = 16       // of JSON within JSON
	mostNames  = 1 << 16  // beyond, a name is kept as often as it comes
	blockSize  = 64 << 10 // bytes of JSON that are allocated at a time
)

// invoke reads an invoke line, and reports whether it is one in this spelling.
func (q *quick) invoke(l *invokeLine) bool {
	q.text(`{"type":"invoke","time":`)
	l.Type, l.Time = typeInvoke, time.Duration(q.number())
	q.text(`,"id":`)
	l.ID = q.number()
	q.text(`,"process":`)
	l.Process = int(q.number())
	q.text(`,"node":"`)
	l.Node = q.name()
	q.text(`,"kind":"`)
	l.Kind = q.name()
	q.text(`,"key":"`)
	l.Key = q.name()
	if q.next(`,"input":`) {
		l.Input = q.json()
	}
	return q.end()
}

// returned reads a return line, and reports whether it is one in this spelling.
func (q *quick) returned(l *returnLine) bool {
	q.text(`{"type":"return","time":`)
	l.Type, l.Time = typeReturn, time.Duration(q.number())
	q.text(`,"id":`)
	l.ID = q.number()
	q.text(`,"process":`)
	l.Process = int(q.number())
	q.text(`,"outcome":"`)
	l.Outcome = Outcome(q.name())
	if q.next(`,"output":`) {
		l.Output = q.json()
	}
	if q.next(`,"error":"`) {
		l.Error = q.name()
	}
	return q.end()
}

// text reads exactly this.
func (q *quick) text(want string) {
	if !q.next(want) {
		q.wrong = true
	}
}

// next reports whether this comes next, and reads it if so.
func (q *quick) next(want string) bool {
	if q.wrong || len(q.rest) < len(want) || string(q.rest[:len(want)]) != want {
		return false
	}
	q.rest = q.rest[len(want):]
	return true
}

// end reads the end of the line.
func (q *quick) end() bool { return q.next("}") && len(q.rest) == 0 }

// number reads an integer without leading zeros.
func (q *quick) number() int64 {
	negative := q.next("-")
	var v int64
	digits := 0
	for digits < len(q.rest) && '0' <= q.rest[digits] && q.rest[digits] <= '9' {
		v = v*10 + int64(q.rest[digits]-'0')
		if digits++; digits > mostDigits {
			break
		}
	}
	if digits == 0 || digits > mostDigits || digits > 1 && q.rest[0] == '0' {
		q.wrong = true
		return 0
	}
	q.rest = q.rest[digits:]
	if negative {
		return -v
	}
	return v
}

// name reads text up to its closing quote.
func (q *quick) name() string {
	n := q.plain()
	if n < 0 {
		return ""
	}
	text := q.rest[:n]
	q.rest = q.rest[n+1:]
	name, known := q.kept.names[string(text)]
	if !known {
		name = string(text)
		if len(q.kept.names) < mostNames {
			q.kept.names[name] = name
		}
	}
	return name
}

// plain is how much text comes before the next quote; -1 if some of it is no plain ASCII.
func (q *quick) plain() int {
	if !q.wrong {
		for i, c := range q.rest {
			if c == '"' {
				return i
			}
			if c < ' ' || c > '~' || c == '\\' {
				break
			}
		}
	}
	q.wrong = true
	return -1
}

// json reads a JSON value without spaces, and keeps it. A slice of it has no room to grow into its
// neighbour.
func (q *quick) json() json.RawMessage {
	from := q.rest
	q.value(mostDepth)
	if q.wrong {
		return nil
	}
	raw := from[:len(from)-len(q.rest)]
	k := q.kept
	if cap(k.block)-len(k.block) < len(raw) {
		if len(raw) > blockSize/8 {
			return append(json.RawMessage(nil), raw...)
		}
		k.block = make([]byte, 0, blockSize)
	}
	at := len(k.block)
	k.block = append(k.block, raw...)
	return json.RawMessage(k.block[at:len(k.block):len(k.block)])
}

// value reads a JSON value of numbers without fractions, plain text and at most so much depth.
func (q *quick) value(depth int) {
	switch {
	case q.wrong:
	case depth == 0 || len(q.rest) == 0:
		q.wrong = true
	case q.next("{"):
		q.members(depth, "}", true)
	case q.next("["):
		q.members(depth, "]", false)
	case q.next(`"`):
		q.string()
	case q.next("null"), q.next("true"), q.next("false"):
	default:
		q.number()
	}
}

// members reads what an object or an array holds, and its end.
func (q *quick) members(depth int, end string, keys bool) {
	if q.next(end) {
		return
	}
	for !q.wrong {
		if keys {
			q.text(`"`)
			q.string()
			q.text(":")
		}
		q.value(depth - 1)
		if q.next(end) {
			return
		}
		q.text(",")
	}
}

// string reads text that is not kept by itself, up to its closing quote.
func (q *quick) string() {
	if n := q.plain(); n >= 0 {
		q.rest = q.rest[n+1:]
	}
}
