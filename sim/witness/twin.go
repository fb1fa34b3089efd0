package witness

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"time"

	"gauntlet/raft/kv"
)

// twin is the key-value state machine once more. It shares no code with raftd's but the commands'
// encoding, and differs in that it remembers: a read may come back after many later writes.
type twin struct {
	keys  map[string]*past
	spare []*past     // of runs before
	steps []kv.Result // of all transactions, one after the other

	now      time.Duration // of the cluster
	sessions map[uint64]*session
	seen     Sessions
}

func newTwin() twin {
	return twin{keys: make(map[string]*past), sessions: make(map[uint64]*session)}
}

// past is all that one key ever held. A value that grows shares the bytes of what it grew from, so
// that a long list costs no more than its elements.
type past struct {
	bytes    []byte
	versions []version // the last one is the present
}

// version is what a key holds from a log index on.
type version struct {
	index uint64
	found bool
	start int // of the value, in bytes
	end   int
}

func (t *twin) reset() {
	for _, p := range t.keys {
		t.spare = append(t.spare, p)
	}
	clear(t.keys)
	clear(t.steps)
	t.steps = t.steps[:0]
	clear(t.sessions)
	t.now, t.seen = 0, Sessions{}
}

// past returns what is known of a key.
func (t *twin) past(key string) *past {
	if p := t.keys[key]; p != nil {
		return p
	}
	p := &past{}
	if n := len(t.spare); n > 0 {
		p, t.spare = t.spare[n-1], t.spare[:n-1]
		p.bytes, p.versions = p.bytes[:0], p.versions[:0]
	}
	t.keys[key] = p
	return p
}

// at returns what a key held after the entry at an index.
func (t *twin) at(key string, index uint64) (value []byte, found bool) {
	p := t.keys[key]
	if p == nil {
		return nil, false
	}
	later := sort.Search(len(p.versions), func(i int) bool { return p.versions[i].index > index })
	return p.value(later)
}

// now returns what a key holds.
func (p *past) now() (value []byte, found bool) { return p.value(len(p.versions)) }

// value returns what a key held after so many changes.
func (p *past) value(changes int) (value []byte, found bool) {
	if changes == 0 || !p.versions[changes-1].found {
		return nil, false
	}
	v := p.versions[changes-1]
	return p.bytes[v.start:v.end:v.end], true
}

func (p *past) put(index uint64, value []byte) {
	start := len(p.bytes)
	p.bytes = append(p.bytes, value...)
	p.versions = append(p.versions, version{index, true, start, len(p.bytes)})
}

func (p *past) remove(index uint64) {
	p.versions = append(p.versions, version{index: index})
}

// extend lets a value grow; false: beyond what a store takes.
func (p *past) extend(index uint64, more []byte) bool {
	old, found := p.now()
	if len(old)+len(more) > kv.MaxValueBytes {
		return false
	}
	if !found || p.versions[len(p.versions)-1].end != len(p.bytes) {
		p.put(index, old)
	}
	grown := p.versions[len(p.versions)-1]
	p.bytes = append(p.bytes, more...)
	p.versions = append(p.versions, version{index, true, grown.start, len(p.bytes)})
	return true
}

// sum adds to a number; false: there is none, or the sum is too great for 64 bits.
func (p *past) sum(index uint64, delta []byte) bool {
	number := int64(0)
	if text, found := p.now(); found {
		var ok bool
		if number, ok = integer(text); !ok {
			return false
		}
	}
	more, ok := integer(delta)
	total := number + more
	wrapped := (number < 0) == (more < 0) && (total < 0) != (number < 0)
	if !ok || wrapped {
		return false
	}
	p.put(index, strconv.AppendInt(nil, total, 10))
	return true
}

// undo takes back what an entry changed.
func (p *past) undo(index uint64) {
	for n := len(p.versions); n > 0 && p.versions[n-1].index == index; n-- {
		p.versions = p.versions[:n-1]
	}
}

func integer(text []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(text), 10, 64)
	return n, err == nil
}

// apply carries out a command as the entry at an index, and returns its result.
func (t *twin) apply(index uint64, c kv.Command) kv.Result {
	switch c.Op {
	case kv.CAS:
		return t.compareAndSet(index, c)
	case kv.Txn:
		return t.transact(index, c.Steps)
	}
	return t.step(index, c.Op, c.Key, c.Value)
}

// step carries out a command that may also stand in a transaction.
func (t *twin) step(index uint64, op kv.Op, key string, value []byte) kv.Result {
	p := t.past(key)
	switch op {
	case kv.Put:
		p.put(index, value)
	case kv.Delete:
		p.remove(index)
	case kv.Append:
		return kv.Result{Conflict: !p.extend(index, value)}
	case kv.Add:
		if !p.sum(index, value) {
			return kv.Result{Conflict: true}
		}
		return p.result()
	case kv.Get:
		return p.result()
	}
	return kv.Result{}
}

func (p *past) result() kv.Result {
	value, found := p.now()
	return kv.Result{Found: found, Value: value}
}

func (t *twin) compareAndSet(index uint64, c kv.Command) kv.Result {
	p := t.past(c.Key)
	value, found := p.now()
	meets := !found
	if c.Expected != nil {
		meets = found && bytes.Equal(value, c.Expected)
	}
	if !meets {
		return p.result()
	}
	p.put(index, c.Value)
	return kv.Result{Swapped: true}
}

// transact carries out all steps or none.
func (t *twin) transact(index uint64, steps []kv.Step) kv.Result {
	first := len(t.steps)
	for i, s := range steps {
		r := t.step(index, s.Op, s.Key, s.Value)
		if r.Conflict {
			for _, s := range steps[:i] {
				t.past(s.Key).undo(index)
			}
			t.steps = t.steps[:first]
			return kv.Result{Conflict: true}
		}
		t.steps = append(t.steps, r)
	}
	return kv.Result{Steps: t.steps[first:len(t.steps):len(t.steps)]}
}

// same tells whether two results say the same; an absent value and an empty one are told apart by
// Found alone.
func same(a, b kv.Result) bool {
	if a.Rejection != b.Rejection || a.Session != b.Session ||
		a.Found != b.Found || a.Swapped != b.Swapped || a.Conflict != b.Conflict ||
		len(a.Steps) != len(b.Steps) || !bytes.Equal(a.Value, b.Value) {
		return false
	}
	for i := range a.Steps {
		if !same(a.Steps[i], b.Steps[i]) {
			return false
		}
	}
	return true
}

// show prints a result in short.
func show(r kv.Result) string {
	switch {
	case r.Rejection != kv.NotRejected:
		return fmt.Sprintf("rejection %d", r.Rejection)
	case r.Swapped:
		return "swapped"
	case r.Conflict:
		return "a conflict"
	case len(r.Steps) > 0:
		text := make([]string, len(r.Steps))
		for i := range r.Steps {
			text[i] = show(r.Steps[i])
		}
		return fmt.Sprint(text)
	case r.Found:
		return fmt.Sprintf("%.60q", r.Value)
	}
	return "nothing"
}
