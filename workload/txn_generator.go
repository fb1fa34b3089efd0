package workload

import (
	"strconv"

	"gauntlet/history"
)

// The mix of steps, of mixTotal. Few writes: each hides all that was appended before it.
const (
	txnReads   = 7
	txnAppends = 7 // the rest are writes
	mostSteps  = 4 // of one transaction
)

// transactions is the generator of the txn workload.
type transactions struct {
	sources
	rotation
	keys int // of a group
}

// NewTxn returns the generator of transactions of one to four steps over the lists of the groups
// "t0", "t1" and so on; the lists of "t3" are "t3.0", "t3.1" and so on. A number of spec below 1
// counts as 1, but no KeysPerGroup as the default.
func NewTxn(spec Spec, seed uint64) Generator {
	keys := spec.KeysPerGroup
	if keys < 1 {
		keys = DefaultKeysPerGroup
	}
	return &transactions{
		sources:  newSources(spec, seed, "workload/txn"),
		rotation: newRotation(spec, "t"),
		keys:     keys,
	}
}

// Next implements Generator. Each request takes ten draws of its worker's stream and four of its
// values, whatever it becomes.
func (g *transactions) Next(worker int) Invocation {
	draws := g.sources[worker].draws
	slot, steps := draws.Intn(len(g.slots)), 1+draws.Intn(mostSteps)
	group, _ := g.take(slot)
	var all [mostSteps]TxnStep
	for i := range all {
		key, kind, value := draws.Intn(g.keys), draws.Intn(mixTotal), g.value(worker)
		s := &all[i]
		switch s.Key = listOf(group, key); {
		case kind < txnReads:
			s.Kind = KindRead
		case kind < txnReads+txnAppends:
			s.Kind, s.Value = KindAppend, value
		default:
			s.Kind, s.Value = KindWrite, value
		}
	}
	return txn(group, all[:steps])
}

// Observe implements Generator: transactions build on nothing.
func (g *transactions) Observe(history.Operation) {}

// Final implements Generator: each group's lists are read at one instant.
func (g *transactions) Final() []Invocation {
	var final []Invocation
	for _, group := range g.used() {
		var steps []TxnStep
		for i := range g.keys {
			steps = append(steps, TxnStep{Kind: KindRead, Key: listOf(group, i)})
		}
		final = append(final, txn(group, steps))
	}
	return final
}

func listOf(group string, i int) string { return group + "." + strconv.Itoa(i) }

func txn(group string, steps []TxnStep) Invocation {
	return Invocation{Kind: KindTxn, Key: group, Input: TxnInput{steps}.Encode(KindTxn)}
}
