package zones

import (
	"fmt"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
)

// differ decides about compare-and-sets that failed without saying on what, in a history that is
// linearizable without them.
func (h *history) differ() finding.Finding {
	sc := h.schedule()
	for i := range h.ops {
		op := &h.ops[i]
		if op.Kind == register.NotEqual && !op.Pending && !sc.satisfies(op) {
			why := fmt.Sprintf("operation %d found another value than expected, but which?", i)
			return finding.Finding{Why: why}
		}
	}
	return finding.Finding{Answer: finding.Linearizable}
}
