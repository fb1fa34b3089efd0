package workload

import (
	"strconv"

	"gauntlet/chance"
	"gauntlet/history"
)

// recentKeys is how many retired registers Final still reads: enough to see a loss by the last
// faults, and few enough to be read in seconds.
const recentKeys = 256

// The mix of requests, of every mixTotal. An old expectation must never swap, since values are
// unique: it is there to catch a compare-and-set that does not compare.
const (
	mixTotal  = 16
	mixReads  = 6
	mixWrites = 5
	mixOld    = 2 // cas that expects an older value; the rest expects the latest value seen
)

// registers is the generator of a RegisterSpec.
type registers struct {
	workers []registerWorker
	slots   []slot   // the keys in use
	retired []string // the latest recentKeys keys no longer in use, as a ring
	oldest  int      // where the ring is overwritten next
	created int      // keys ever put to use
	limit   int      // requests per key
	inUse   map[string]*slot
}

// registerWorker is what one worker's draws and values come from, whatever the others do.
type registerWorker struct {
	draws *chance.Stream
	count int64 // requests so far
}

// slot is one key in use.
type slot struct {
	key      string
	requests int
	latest   *int64 // the value seen last; nil: none, so the register may be absent
	older    *int64 // the value seen before
}

// NewRegister returns the generator for spec, of which a number below 1 counts as 1.
//
// Every written value is positive and unique in the run, so that a read names its writer and
// checking stays cheap. Keys rotate, so that a request left open burdens only a short part of the
// history: "r0" to "r<Keys-1>" at first, then the next number each time one has had its OpsPerKey.
func NewRegister(spec RegisterSpec, seed uint64) Generator {
	g := &registers{
		workers: make([]registerWorker, max(1, spec.Clients)),
		slots:   make([]slot, max(1, spec.Keys)),
		limit:   max(1, spec.OpsPerKey),
		inUse:   map[string]*slot{},
	}
	for i := range g.workers {
		g.workers[i].draws = chance.New(seed, "workload/register", uint64(i))
	}
	for i := range g.slots {
		g.renew(&g.slots[i])
	}
	return g
}

// Next implements Generator. Each request takes three draws of its worker's stream, whatever it
// becomes, so that an answer seen earlier or later shifts no draw.
func (g *registers) Next(worker int) Invocation {
	w := &g.workers[worker]
	s := &g.slots[w.draws.Intn(len(g.slots))]
	kind, old := w.draws.Intn(mixTotal), w.draws.Intn(mixTotal) < mixOld
	value := w.count*int64(len(g.workers)) + int64(worker) + 1
	w.count++
	if s.requests == g.limit {
		g.renew(s)
	}
	s.requests++
	switch {
	case kind < mixReads:
		return invocation(KindRead, s.key, RegisterInput{})
	case kind < mixReads+mixWrites:
		return invocation(KindWrite, s.key, RegisterInput{Value: &value})
	case old && s.older != nil:
		return invocation(KindCAS, s.key, RegisterInput{Value: &value, Expected: s.older})
	}
	return invocation(KindCAS, s.key, RegisterInput{Value: &value, Expected: s.latest})
}

// Observe implements Generator: it learns the latest value of a register from any ok answer.
func (g *registers) Observe(op history.Operation) {
	s := g.inUse[op.Key]
	if s == nil || op.Outcome != history.OutcomeOK {
		return
	}
	in, err := DecodeRegisterInput(op.Kind, op.Input)
	if err != nil {
		return
	}
	out, err := DecodeRegisterOutput(op.Kind, op.Output)
	if err != nil {
		return // the checker will say so; a generator only wants a likely expectation
	}
	seen := in.Value
	switch {
	case op.Kind == KindRead:
		seen = out.Value
	case op.Kind == KindCAS && !*out.Swapped:
		seen = out.Current
	}
	if s.latest != nil && (seen == nil || *seen != *s.latest) {
		s.older = s.latest
	}
	s.latest = seen
}

// Final implements Generator: the keys in use come last, since they are the least settled.
func (g *registers) Final() []Invocation {
	var reads []Invocation
	for i := range g.retired {
		key := g.retired[(g.oldest+i)%len(g.retired)]
		reads = append(reads, invocation(KindRead, key, RegisterInput{}))
	}
	for i := range g.slots {
		if g.slots[i].requests > 0 {
			reads = append(reads, invocation(KindRead, g.slots[i].key, RegisterInput{}))
		}
	}
	return reads
}

// renew retires the slot's key, if it has one, and puts a new one to use.
func (g *registers) renew(s *slot) {
	if s.key != "" {
		delete(g.inUse, s.key)
		g.retire(s.key)
	}
	*s = slot{key: "r" + strconv.Itoa(g.created)}
	g.inUse[s.key] = s
	g.created++
}

// retire remembers a key for Final, forgetting the oldest beyond recentKeys.
func (g *registers) retire(key string) {
	if len(g.retired) < recentKeys {
		g.retired = append(g.retired, key)
		return
	}
	g.retired[g.oldest] = key
	g.oldest = (g.oldest + 1) % recentKeys
}

func invocation(kind, key string, in RegisterInput) Invocation {
	return Invocation{Kind: kind, Key: key, Input: in.Encode(kind)}
}
