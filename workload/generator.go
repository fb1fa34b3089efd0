package workload

import (
	"strconv"

	"gauntlet/chance"
)

// recentKeys is how many retired keys Final still reads: enough to see a loss by the last faults,
// and few enough to be read in seconds.
const recentKeys = 256

// mixTotal is what the shares of a generator's kinds add up to.
const mixTotal = 16

// source is what one worker's draws and values come from, whatever the others do.
type source struct {
	draws *chance.Stream
	count int64 // values so far
}

// sources are the workers of one generator. Their values are positive and unique in the run, so
// that an answer names the writer of what it saw and checking stays cheap.
type sources []source

func newSources(spec Spec, seed uint64, stream string) sources {
	all := make(sources, max(1, spec.Clients))
	for i := range all {
		all[i].draws = chance.New(seed, stream, uint64(i))
	}
	return all
}

// value returns the worker's next value.
func (s sources) value(worker int) int64 {
	v := s[worker].count*int64(len(s)) + int64(worker) + 1
	s[worker].count++
	return v
}

// rotation gives out keys. They rotate, so that a request left open burdens only a short part of
// the history: at first the prefix with 0 to the number of slots less one, then the next number
// each time a key has had its share of requests.
type rotation struct {
	prefix  string
	slots   []slot
	inUse   map[string]int // the slot of each key in use
	retired []string       // the latest recentKeys keys no longer in use, as a ring
	oldest  int            // where the ring is overwritten next
	created int            // keys ever put to use
	limit   int            // requests per key
}

// slot is one key in use.
type slot struct {
	key      string
	requests int
}

func newRotation(spec Spec, prefix string) rotation {
	r := rotation{
		prefix: prefix,
		slots:  make([]slot, max(1, spec.Keys)),
		inUse:  map[string]int{},
		limit:  max(1, spec.OpsPerKey),
	}
	for i := range r.slots {
		r.renew(i)
	}
	return r
}

// take returns the key of a slot for one more request, and whether it is its first.
func (r *rotation) take(slot int) (key string, first bool) {
	s := &r.slots[slot]
	if s.requests == r.limit {
		delete(r.inUse, s.key)
		r.retire(s.key)
		r.renew(slot)
	}
	s.requests++
	return s.key, s.requests == 1
}

// renew puts a new key into a slot.
func (r *rotation) renew(i int) {
	key := r.prefix + strconv.Itoa(r.created)
	r.slots[i] = slot{key: key}
	r.inUse[key] = i
	r.created++
}

// retire remembers a key for used, forgetting the oldest beyond recentKeys.
func (r *rotation) retire(key string) {
	if len(r.retired) < recentKeys {
		r.retired = append(r.retired, key)
		return
	}
	r.retired[r.oldest] = key
	r.oldest = (r.oldest + 1) % recentKeys
}

// used lists the keys worth a final read. Those in use come last: they are the least settled.
func (r *rotation) used() []string {
	var keys []string
	for i := range r.retired {
		keys = append(keys, r.retired[(r.oldest+i)%len(r.retired)])
	}
	for _, s := range r.slots {
		if s.requests > 0 {
			keys = append(keys, s.key)
		}
	}
	return keys
}
