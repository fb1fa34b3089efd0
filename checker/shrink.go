package checker

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// shrinkBudget bounds the search for a smaller window: the verdict must not be lost over it.
const shrinkBudget = 10 * time.Second

// shrink reduces effects that are not linearizable to a window that is 1-minimal within the
// budget: removing any one value or any one observation from it would make it linearizable.
//
// Only value-closed sets are removed: a write goes together with everything that saw its value.
// What remains of a linearizable history is then linearizable (in any linearization, all that
// is left sees what it saw), so a window that is not is evidence by itself, and never a read
// whose write was taken away.
func shrink(effects []effect, budget time.Duration) []effect {
	if budget <= 0 {
		budget = shrinkBudget
	}
	deadline := time.Now().Add(budget)
	window := withoutUnseen(effects)
	for size := len(window) / 2; size >= 1 && time.Now().Before(deadline); {
		smaller := removeChunks(window, size, deadline)
		if len(smaller) == len(window) {
			size /= 2
		}
		window = smaller
	}
	return window
}

// removeChunks tries to remove each run of size effects, the latest first, so that the earliest
// evidence stays.
func removeChunks(window []effect, size int, deadline time.Time) []effect {
	for end := len(window); end > 0; end -= size {
		end = min(end, len(window))
		candidate := without(window, max(end-size, 0), end)
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		if search(candidate, left) == porcupine.Illegal {
			window = candidate
		}
	}
	return window
}

// without removes window[from:to] and whatever must go with it.
func without(window []effect, from, to int) []effect {
	gone := make(map[value]bool)
	removed := make([]bool, len(window))
	for i := from; i < to; i++ {
		removed[i] = true
	}
	for grown := true; grown; {
		grown = false
		for i, e := range window {
			if !removed[i] && e.observes && gone[e.before] {
				removed[i], grown = true, true
			}
			if removed[i] && e.writes && !gone[e.after] {
				gone[e.after], grown = true, true
			}
		}
	}
	kept := make([]effect, 0, len(window))
	for i, e := range window {
		if !removed[i] {
			kept = append(kept, e)
		}
	}
	return slices.Clip(kept)
}
