package checker

import (
	"time"

	"github.com/anishathalye/porcupine"
)

// shrinkBudget bounds the search for a smaller window: the verdict must not be lost over it.
const shrinkBudget = 10 * time.Second

// shrink reduces effects that are not linearizable to a window that is 1-minimal within the
// budget: removing any one effect from it, in the model's way, would make it linearizable. That way
// never breaks what is linearizable, so a window that is not is evidence by itself.
func shrink(m model, effects []effect, budget time.Duration) []effect {
	if budget <= 0 {
		budget = shrinkBudget
	}
	deadline := time.Now().Add(budget)
	window := m.relevant(effects)
	for size := len(window) / 2; size >= 1 && time.Now().Before(deadline); {
		smaller := removeChunks(m, window, size, deadline)
		if len(smaller) == len(window) {
			size /= 2
		}
		window = smaller
	}
	return window
}

// removeChunks tries to remove each run of size effects, the latest first, so that the earliest
// evidence stays.
func removeChunks(m model, window []effect, size int, deadline time.Time) []effect {
	for end := len(window); end > 0; end -= size {
		end = min(end, len(window))
		candidate := m.without(window, max(end-size, 0), end)
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		if search(m, candidate, left) == porcupine.Illegal {
			window = candidate
		}
	}
	return window
}
