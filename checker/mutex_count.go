package checker

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// mostCounted bounds the windows in which tooMany compares all pairs of instants.
const mostCounted = 2000

// excess is a span of time in which more operations of a kind succeeded than a mutex can bear.
type excess struct {
	kind     string
	from, to time.Duration
	inside   int // of that kind, called and returned within the span
	others   int // of the other kind, that can have taken effect within it
}

// tooMany explains a window by counting: acquires and releases take turns, so within any span of
// time there is at most one more of a kind than there can be of the other. It names the span that
// needs the fewest operations; it is nil if there is none.
func tooMany(window []effect) *Violation {
	if len(window) > mostCounted {
		return nil
	}
	var best *excess
	for _, kind := range []string{kindAcquire, kindRelease} {
		for _, e := range window {
			if e.action.name() != kind || e.pending {
				continue
			}
			found := spanFrom(window, kind, e.call)
			if found != nil && (best == nil || found.inside+found.others < best.inside+best.others) {
				best = found
			}
		}
	}
	if best == nil {
		return nil
	}
	other := map[string]string{kindAcquire: kindRelease, kindRelease: kindAcquire}[best.kind]
	text := fmt.Sprintf("Between %v and %v, %d %ss were called and succeeded, which takes %d %ss in "+
		"between, but no more than %d can have come.", best.from, best.to, best.inside, best.kind,
		best.inside-1, other, best.others)
	return newViolation(text, best.counted(window)...)
}

// spanFrom returns the shortest span from an instant in which there are too many of a kind.
func spanFrom(window []effect, kind string, from time.Duration) *excess {
	type event struct {
		at     time.Duration
		inside bool // one more returned; or else one more of the other kind was called
	}
	x := &excess{kind: kind, from: from}
	var events []event
	for _, e := range window {
		switch ours := e.action.name() == kind; {
		case ours && !e.pending && e.call >= from:
			events = append(events, event{e.ret, true})
		case !ours && e.ret >= from:
			events = append(events, event{max(e.call, from), false})
		}
	}
	slices.SortFunc(events, func(a, b event) int { // calls before returns
		if a.at == b.at && a.inside != b.inside {
			if b.inside {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.at, b.at)
	})
	for _, e := range events {
		if !e.inside {
			x.others++
			continue
		}
		x.inside++
		if x.inside > x.others+1 {
			x.to = e.at
			return x
		}
	}
	return nil
}

// counted are the operations that make the excess.
func (x *excess) counted(window []effect) []effect {
	var list []effect
	for _, e := range window {
		ours := e.action.name() == x.kind
		if ours && !e.pending && e.call >= x.from && e.ret <= x.to ||
			!ours && e.call <= x.to && e.ret >= x.from {
			list = append(list, e)
		}
	}
	return list
}
