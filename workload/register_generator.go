package workload

import "gauntlet/history"

// The mix of requests, of every mixTotal. An old expectation must never swap, since values are
// unique: it is there to catch a compare-and-set that does not compare.
const (
	registerReads  = 6
	registerWrites = 5
	registerOld    = 2 // cas that expects an older value; the rest expects the latest value seen
)

// registers is the generator of the register workload.
type registers struct {
	sources
	rotation
	seen []recollection // by slot
}

// recollection is what was seen of one register.
type recollection struct {
	latest *int64 // nil: nothing was seen, so the register may be absent
	older  *int64 // the value seen before
}

// NewRegister returns the generator of reads, writes and compare-and-sets over registers "r0",
// "r1" and so on. A number of spec below 1 counts as 1.
func NewRegister(spec Spec, seed uint64) Generator {
	g := &registers{
		sources:  newSources(spec, seed, "workload/register"),
		rotation: newRotation(spec, "r"),
	}
	g.seen = make([]recollection, len(g.slots))
	return g
}

// Next implements Generator. Each request takes three draws of its worker's stream, whatever it
// becomes, so that an answer seen earlier or later shifts no draw.
func (g *registers) Next(worker int) Invocation {
	draws := g.sources[worker].draws
	slot := draws.Intn(len(g.slots))
	kind, old := draws.Intn(mixTotal), draws.Intn(mixTotal) < registerOld
	value := g.value(worker)
	key, first := g.take(slot)
	if first {
		g.seen[slot] = recollection{}
	}
	expected := g.seen[slot].latest
	if old && g.seen[slot].older != nil {
		expected = g.seen[slot].older
	}
	switch {
	case kind < registerReads:
		return registerInvocation(KindRead, key, RegisterInput{})
	case kind < registerReads+registerWrites:
		return registerInvocation(KindWrite, key, RegisterInput{Value: &value})
	}
	return registerInvocation(KindCAS, key, RegisterInput{Value: &value, Expected: expected})
}

// Observe implements Generator: it learns the latest value of a register from any ok answer.
func (g *registers) Observe(op history.Operation) {
	slot, used := g.inUse[op.Key]
	if !used || op.Outcome != history.OutcomeOK {
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
	now := in.Value
	switch {
	case out.Silent:
		return
	case op.Kind == KindRead:
		now = out.Value
	case op.Kind == KindCAS && !*out.Swapped:
		now = out.Current
	}
	seen := &g.seen[slot]
	if seen.latest != nil && (now == nil || *now != *seen.latest) {
		seen.older = seen.latest
	}
	seen.latest = now
}

// Final implements Generator.
func (g *registers) Final() []Invocation {
	var reads []Invocation
	for _, key := range g.used() {
		reads = append(reads, registerInvocation(KindRead, key, RegisterInput{}))
	}
	return reads
}

func registerInvocation(kind, key string, in RegisterInput) Invocation {
	return Invocation{Kind: kind, Key: key, Input: in.Encode(kind)}
}
