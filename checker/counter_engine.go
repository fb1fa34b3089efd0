package checker

import (
	"time"

	"gauntlet/checker/finding"
	"gauntlet/checker/sums"
)

// engineSums is the engine of counters.
const engineSums = "sums"

func (m counterModel) engines() []engine { return []engine{{engineSums, m.summed}} }

// summed asks the engine of counters. Of a violation it keeps when it was certain: the few sums that
// do not fit together say less to a person than what they should have been, which shrinking finds.
func (m counterModel) summed(t *task) (finding.Finding, error) {
	effects, err := t.effects()
	if err != nil {
		return finding.Finding{}, err
	}
	ops := make([]sums.Op, len(effects))
	for i, e := range counterEffects(effects) {
		ops[i] = sums.Op{
			Call: int64(e.call), Ret: int64(e.ret), Delta: e.delta, Sum: e.sum,
			Told: e.observes, Pending: e.pending,
		}
	}
	found := sums.Check(ops, t.half().Stop)
	if found.Answer == finding.Violation && found.Stuck >= 0 {
		t.certain = time.Duration(ops[found.Stuck].Ret)
	}
	found.Culprits = nil
	return found.Finding, nil
}
