package campaign

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gauntlet/chance"
	"gauntlet/checker"
	"gauntlet/sim"
	"gauntlet/sim/failure"
)

// Tally is what a campaign has shown so far. It is a function of the seeds that were played.
type Tally struct {
	First   uint64
	Seeds   int // played and understood: those with trouble are not among them
	Events  int64
	Virtual time.Duration
	Ops     int64  // operations called; of which:
	OK      int64  // ... answered with ok
	Traces  uint64 // a digest of the trace hashes of all seeds, in their order
	Again   int    // seeds that were played twice, and were the same
	Checked int    // seeds that the black-box checker has judged; of which:
	Against int    // ... it rejected what the witness held

	Situations []Count // in the order of sim.Situations
	Effects    []Count // in the order of sim.FaultKinds
	Planned    []Count // faults, by kind
	Workloads  []Count // by kind
	Sizes      []Count // clusters, by number of nodes

	Groups    []*Group // in the order of their first seeds
	Disputed  []Note   // seeds that the checker rejects, while the witness holds
	Undecided []Note   // seeds that the checker could not judge within its budget
	Troubled  int      // seeds at which the simulator contradicts itself
	Troubles  []Note   // ... the first of them
	Unkept    []Note   // evidence that could not be written
}

// Count is how often something was seen, and in how many seeds.
type Count struct {
	Name  string
	Seeds int
	Times int64
}

// Note is a word about one seed.
type Note struct {
	Seed uint64
	Text string
}

// Group is the failures of one signature.
type Group struct {
	Signature failure.Signature
	First     *failure.Failure // of the first seed
	Seeds     []uint64         // the first of them
	Smallest  uint64           // the seed of the fewest events, which is best to shrink
	Events    int64            // ... how many those are
	Count     int
	Internal  int    // of which clients could not have seen it
	Directory string // of the evidence; "": not kept
}

// seedsKept is how many seeds of one signature, and how many notes, are kept by number.
const seedsKept = 100

func newTally(first uint64) *Tally {
	t := &Tally{First: first}
	for _, name := range sim.Situations {
		t.Situations = append(t.Situations, Count{Name: name})
	}
	for _, name := range sim.FaultKinds {
		t.Effects = append(t.Effects, Count{Name: name})
	}
	return t
}

// count adds one seed.
func (t *Tally) count(s seen) {
	if s.Trouble != "" {
		t.Troubled++
		t.Troubles = note(t.Troubles, s.seed, s.Trouble)
		if s.Outcome.Failure != nil {
			t.countFailure(s.seed, s.Outcome)
		}
		return
	}
	o := s.Outcome
	t.Seeds++
	t.Events += o.Events
	t.Virtual += o.Virtual
	t.Ops += int64(o.Ops)
	t.OK += int64(o.OK)
	for i, times := range o.Coverage {
		t.Situations[i].add(int64(times))
	}
	for i, times := range o.Effects {
		t.Effects[i].add(int64(times))
	}
	t.Traces = chance.Key(t.Traces, "campaign.traces", o.TraceHash, 0)
	t.countDrawn(s)
	if s.Second != nil {
		t.Again++
	}
	switch {
	case s.Reason == "":
	case s.Checker == checker.Unknown:
		t.Undecided = note(t.Undecided, s.seed, s.Reason)
	default:
		t.Checked++
	}
	if s.Disputed {
		t.Against++
		t.Disputed = note(t.Disputed, s.seed, s.Reason)
	}
	if o.Failure != nil {
		t.countFailure(s.seed, o)
	}
}

// countDrawn adds what the seed's schedule was made of.
func (t *Tally) countDrawn(s seen) {
	workload, nodes := s.of.Options.Workload.Kind, fmt.Sprint(s.of.Options.Nodes)
	named(&t.Workloads, workload).add(1)
	named(&t.Sizes, nodes).add(1)
	drawn := map[string]int64{}
	for _, event := range s.of.Faults {
		drawn[string(event.Kind)]++
	}
	for kind, times := range drawn {
		named(&t.Planned, kind).add(times)
	}
}

func (t *Tally) countFailure(seed uint64, o *sim.Outcome) {
	f := o.Failure
	i := slices.IndexFunc(t.Groups, func(g *Group) bool { return g.Signature == f.Signature })
	if i < 0 {
		i = len(t.Groups)
		t.Groups = append(t.Groups, &Group{Signature: f.Signature, First: f})
	}
	g := t.Groups[i]
	if g.Count == 0 || o.Events < g.Events {
		g.Smallest, g.Events = seed, o.Events
	}
	g.Count++
	if f.InternalOnly {
		g.Internal++
	}
	if len(g.Seeds) < seedsKept {
		g.Seeds = append(g.Seeds, seed)
	}
}

func (c *Count) add(times int64) {
	if times > 0 {
		c.Seeds++
		c.Times += times
	}
}

// named returns the count of that name in a list that is sorted by name.
func named(counts *[]Count, name string) *Count {
	i, found := slices.BinarySearchFunc(*counts, name,
		func(c Count, name string) int { return cmp.Compare(c.Name, name) })
	if !found {
		*counts = slices.Insert(*counts, i, Count{Name: name})
	}
	return &(*counts)[i]
}

func note(notes []Note, seed uint64, text string) []Note {
	if len(notes) == seedsKept {
		return notes
	}
	return append(notes, Note{seed, text})
}

// Failures is the number of seeds that failed.
func (t *Tally) Failures() int { return t.failures(true) + t.failures(false) }

// failures counts those of liveness, or those of safety.
func (t *Tally) failures(liveness bool) int {
	n := 0
	for _, g := range t.Groups {
		if isLiveness(g.Signature) == liveness {
			n += g.Count
		}
	}
	return n
}

// Exit is the exit code. A violation is evidence whatever else went wrong; a simulator that
// contradicts itself casts doubt on whatever is no violation.
func (t *Tally) Exit() int {
	switch {
	case t.failures(false) > 0:
		return ExitSafety
	case t.Troubled > 0 || len(t.Unkept) > 0:
		return ExitHarness
	case t.failures(true) > 0:
		return ExitLiveness
	case t.Seeds == 0 || len(t.Undecided) > 0:
		return ExitInconclusive
	}
	return ExitClean
}
