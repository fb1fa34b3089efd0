package checker

import (
	"time"

	"gauntlet/checker/finding"
	"gauntlet/checker/sums"
)

// engineSums is the engine of counters.
const engineSums = "sums"

func (m counterModel) engines() []engine {
	return []engine{{engineSums, "sums tell what was added", m.summed}}
}

// summed asks the engine of counters. Of a violation it keeps when it was certain: the few sums
// that do not fit together say less to a person than what they should have been, which shrinking
// finds.
func (m counterModel) summed(t *task) (finding.Finding, error) {
	effects, err := t.effects()
	if err != nil {
		return finding.Finding{}, err
	}
	ops := addends(effects, 0)
	found := sums.Check(ops, t.half().Stop)
	if found.Answer == finding.Violation && found.Stuck >= 0 {
		t.certain = time.Duration(ops[found.Stuck].Ret)
	}
	found.Culprits = nil
	return found.Finding, nil
}

// settle implements settling.
func (counterModel) settle(
	effects []effect, start any, stop func() bool,
) (answer finding.Answer, certain time.Duration) {
	found := sums.Check(addends(effects, start.(int64)), stop)
	if found.Stuck >= 0 {
		certain = effects[found.Stuck].ret
	}
	return found.Answer, certain
}

// addends are a counter's effects as its engine takes them, from a sum on.
func addends(effects []effect, from int64) []sums.Op {
	ops := make([]sums.Op, len(effects))
	for i, e := range counterEffects(effects) {
		ops[i] = sums.Op{
			Call: int64(e.call), Ret: int64(e.ret), Delta: e.delta, Sum: e.sum - from,
			Told: e.observes, Pending: e.pending,
		}
	}
	return ops
}
