package campaign

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"

	"gauntlet/history"
)

// ExecutedPair is one fault of a past run, and what became of it when it was executed again.
type ExecutedPair struct {
	Then   FaultInstance
	Now    *FaultInstance // nil: it did not begin
	Same   bool           // as far as it goes: on the same nodes, by the same links, proven alike
	Later  time.Duration  // its start, counted from the start of the load; negative: earlier
	Longer time.Duration  // it was in force; negative: shorter
}

// Compare sets the execution of each event beside the fault that it was taken from.
func (e *Executed) Compare(then, now *history.History) []ExecutedPair {
	var pairs []ExecutedPair
	before, after := instancesOf(then), instancesOf(now)
	for i, id := range e.Faults {
		at := slices.IndexFunc(before, func(f FaultInstance) bool { return f.ID == id })
		pair := ExecutedPair{Then: before[at]}
		// A plan numbers its events in the order of their start, from 1.
		if at := slices.IndexFunc(after, func(f FaultInstance) bool { return f.ID == i+1 }); at >= 0 {
			pair.compare(&after[at])
			pair.Same = pair.Same && sameLinks(then, id, now, i+1)
		}
		pairs = append(pairs, pair)
	}
	return pairs
}

func (p *ExecutedPair) compare(now *FaultInstance) {
	p.Now = now
	p.Later = now.Start - p.Then.Start
	if now.Length > 0 && p.Then.Length > 0 {
		p.Longer = now.Length - p.Then.Length
	}
	p.Same = p.Then.Proven == now.Proven && (p.Then.Failed == "") == (now.Failed == "")
}

// sameLinks tells whether a fault struck the same nodes and links, by their places. What became
// several events strikes a part of them each.
func sameLinks(then *history.History, id int, now *history.History, number int) bool {
	before, after := strikesOf(then, id), strikesOf(now, number)
	return len(after) > 0 && !slices.ContainsFunc(after, func(strike string) bool {
		return !slices.Contains(before, strike)
	})
}

// strikesOf lists what a fault struck: links if it strikes links, else nodes.
func strikesOf(h *history.History, id int) []string {
	place := func(node string) int { return slices.Index(h.Header.Nodes, node) }
	var strikes []string
	for _, f := range h.Faults {
		if f.ID != id {
			continue
		}
		for _, cut := range f.Cuts {
			strikes = append(strikes, fmt.Sprintf("%d>%d %s %d %d", place(cut.From), place(cut.To),
				cut.Mode, cut.Rate, cut.Size))
		}
		for _, host := range f.Hosts {
			if len(f.Cuts) == 0 {
				strikes = append(strikes, fmt.Sprint(place(host)))
			}
		}
	}
	return strikes
}

// WriteExecuted writes the pairs for a person, and how far the two executions lie apart at most.
func WriteExecuted(w io.Writer, pairs []ExecutedPair) error {
	var b bytes.Buffer
	same := 0
	var later, longer time.Duration
	for _, p := range pairs {
		mark := "!"
		if p.Same {
			mark = "="
			same++
			later, longer = max(later, p.Later.Abs()), max(longer, p.Longer.Abs())
		}
		fmt.Fprintf(&b, "  %s #%-3d then %v\n", mark, p.Then.ID, &p.Then)
		if p.Now == nil {
			fmt.Fprintf(&b, "         now  did not begin\n")
			continue
		}
		fmt.Fprintf(&b, "         now  %v: start %+.3fs, length %+.3fs\n", p.Now, p.Later.Seconds(),
			p.Longer.Seconds())
	}
	fmt.Fprintf(&b, "%d of %d faults were executed as before", same, len(pairs))
	if same > 0 {
		fmt.Fprintf(&b, ", at most %v apart in their start and %v in their length",
			later.Round(time.Millisecond), longer.Round(time.Millisecond))
	}
	b.WriteString("\n")
	_, err := w.Write(b.Bytes())
	return err
}
