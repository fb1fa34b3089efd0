// Package agreement compares the checker with porcupine on any number of small random histories of
// every type of object: valid ones and bent ones, with operations that were refused or never
// answered, and with equal stamps. Objects are specified here once more, so that the checker shares
// nothing with what it is compared with but the words of a history.
package agreement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/chance"
	"gauntlet/checker"
	"gauntlet/history"
)

// budget is far more than a small history takes. Without an answer by then, the two do not agree.
const budget = time.Minute

// Type is one kind of object with one way to use it.
type Type struct {
	Name  string
	Model string // as checker.Linearizable knows it
	object
}

// Tally counts histories.
type Tally struct {
	Valid, Invalid int            // by what porcupine says
	Engines        map[string]int // what decided, of the checker
	Differences    []Difference
}

// Difference is a history on which the two do not agree.
type Difference struct {
	Type    string
	Seed    uint64 // of the history: Type and Seed make it again
	Ours    checker.KeyResult
	Theirs  bool // porcupine found it linearizable
	History []history.Operation
}

// Compare compares the histories of the seeds in [from, to).
func (t Type) Compare(from, to uint64) Tally {
	tally := Tally{Engines: make(map[string]int)}
	for seed := from; seed < to; seed++ {
		h := t.draw(chance.New(seed, "agreement/"+t.Name, 0))
		theirs := porcupine.CheckOperations(t.model(), h.porcupine())
		ours := checker.Linearizable(t.Model, h.operations(t.input), budget)
		if theirs {
			tally.Valid++
		} else {
			tally.Invalid++
		}
		tally.Engines[ours.Engine]++
		if want := verdict(theirs); ours.Verdict != want {
			tally.Differences = append(tally.Differences,
				Difference{t.Name, seed, ours, theirs, h.operations(t.input)})
		}
	}
	return tally
}

func verdict(linearizable bool) checker.Verdict {
	if linearizable {
		return checker.Valid
	}
	return checker.Invalid
}

// Add adds what another range of seeds gave.
func (t *Tally) Add(other Tally) {
	if t.Engines == nil {
		t.Engines = make(map[string]int)
	}
	t.Valid += other.Valid
	t.Invalid += other.Invalid
	for engine, n := range other.Engines {
		t.Engines[engine] += n
	}
	t.Differences = append(t.Differences, other.Differences...)
}

// Balanced reports whether valid and invalid histories are both at least a fifth of all: if not,
// agreement shows little.
func (t *Tally) Balanced() bool {
	all := t.Valid + t.Invalid
	return all > 0 && 5*min(t.Valid, t.Invalid) >= all
}

// String is the tally in one line, the busiest engine first.
func (t *Tally) String() string {
	all := t.Valid + t.Invalid
	engines := slices.Sorted(maps.Keys(t.Engines))
	slices.SortStableFunc(engines, func(a, b string) int { return t.Engines[b] - t.Engines[a] })
	for i, engine := range engines {
		share := 100 * float64(t.Engines[engine]) / float64(max(all, 1))
		engines[i] = fmt.Sprintf("%s %.1f %%", engine, share)
	}
	return fmt.Sprintf("%8d valid %8d invalid %4d differences  %s",
		t.Valid, t.Invalid, len(t.Differences), strings.Join(engines, ", "))
}

// String is the difference with its history, an operation a line.
func (d Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, seed %d: %s by %s (%s), but linearizable to porcupine: %t\n",
		d.Type, d.Seed, d.Ours.Verdict, d.Ours.Engine, d.Ours.Reason, d.Theirs)
	for _, op := range d.History {
		fmt.Fprintf(&b, "  %2d  [%d, %d]  %s %s  %s %s\n",
			op.ID, op.Call, op.Return, op.Kind, op.Input, op.Outcome, op.Output)
	}
	return b.String()
}
