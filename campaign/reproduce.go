package campaign

import (
	"context"
	"slices"
	"time"

	"gauntlet/chance"
	"gauntlet/checker"
	"gauntlet/suite"
)

// Build is what is put under test.
type Build struct {
	Name     string
	Binaries []string // nil: as the suite says
}

// Plan is what a reproduction runs: every build under every set of options, with the same seeds.
type Plan struct {
	Suite      *suite.Suite
	File       string // where the suite was read
	Sets       []Set
	Builds     []Build       // one, or two to be compared
	Runs       int           // of each build under each set; 0: as many as fit into For
	For        time.Duration // no run is begun later; 0: no limit
	UntilFirst bool          // a set is done with its first reproduction
	Seed       uint64        // from which the run's seeds are derived
	Workers    int           // runs at a time
	Out        string        // parent of the run directories; "": none is kept
	Player     Player
	Began      func(set Set, build Build, run int)
	Ended      func(set Set, build Build, t *Trial) // may remove its directory
}

// Reproduction is what came of it.
type Reproduction struct {
	Suite    string      `json:"suite"`
	Place    string      `json:"place"`
	Title    string      `json:"title,omitempty"` // of the incident
	Seed     uint64      `json:"seed"`
	Stopped  string      `json:"stopped,omitempty"`  // why it ended early; "": it did not
	Warnings []string    `json:"warnings,omitempty"` // of the suite
	Sets     []SetResult `json:"sets"`
	Exit     int         `json:"exit"`
}

// SetResult is what came of one set of options.
type SetResult struct {
	Options    string      `json:"options,omitempty"`
	Sides      []Side      `json:"sides"`
	Comparison *Comparison `json:"comparison,omitempty"`
}

// Comparison is how the second build differs from the first.
type Comparison struct {
	Difference float64 `json:"difference"` // of the rates, the second less the first
	P          float64 `json:"p"`          // by Fisher's exact test, two-sided
}

// SeedOf is the seed of a run: the same for every set and every build, so that they can be compared
// run by run. It fits 32 bits, as seeds that people type do.
func SeedOf(seed uint64, run int) uint64 {
	return chance.Key(seed, "reproduce", uint64(run), 0) >> 32
}

// Reproduce carries a plan out. Runs are taken up in their order, however many are under way at a
// time, so that what a set is stopped by does not hang on which was faster. Cancelling ctx ends it:
// what is under way is told so, and what was seen counts.
func Reproduce(ctx context.Context, p Plan) *Reproduction {
	r := &reproduction{Plan: p, begun: time.Now(), done: make([]bool, len(p.Sets))}
	r.Reproduction = Reproduction{Suite: p.Suite.Name, Place: p.Suite.Place, Seed: p.Seed}
	if p.Suite.Incident != nil {
		r.Title = p.Suite.Incident.Title
	}
	for _, set := range p.Sets {
		result := SetResult{Options: set.Options}
		for _, warning := range set.Suite.Warnings {
			if !slices.Contains(r.Warnings, warning) {
				r.Warnings = append(r.Warnings, warning)
			}
		}
		for _, build := range p.Builds {
			result.Sides = append(result.Sides, Side{Build: build.Name})
		}
		r.Reproduction.Sets = append(r.Reproduction.Sets, result)
	}
	r.play(ctx)
	r.conclude()
	return &r.Reproduction
}

// reproduction is one under way.
type reproduction struct {
	Plan
	Reproduction
	begun time.Time
	done  []bool // by set: its first reproduction was seen
	next  turn
}

// turn is which run comes next: run by run all sets, and in each set all builds. So builds
// alternate, and what changes in the course of the time strikes all alike.
type turn struct{ run, set, build int }

// flight is a run under way.
type flight struct {
	turn
	played chan Played
}

func (r *reproduction) play(ctx context.Context) {
	var flights []flight
	for {
		for len(flights) < max(1, r.Workers) {
			turn, ok := r.take(ctx)
			if !ok {
				break
			}
			flights = append(flights, r.begin(ctx, turn))
		}
		if len(flights) == 0 {
			return
		}
		first := flights[0]
		flights = flights[1:]
		r.end(ctx, first, <-first.played)
	}
}

// take gives out the next run, if there is to be one.
func (r *reproduction) take(ctx context.Context) (turn, bool) {
	for (r.Runs == 0 || r.next.run < r.Runs) && r.more() {
		switch {
		case ctx.Err() != nil:
			r.Stopped = "interrupted"
			return turn{}, false
		case r.For > 0 && time.Since(r.begun) >= r.For:
			r.Stopped = "the time was over"
			return turn{}, false
		}
		now := r.next
		r.advance()
		if !r.done[now.set] {
			return now, true
		}
	}
	return turn{}, false
}

// more tells whether any set is not done.
func (r *reproduction) more() bool {
	for _, done := range r.done {
		if !done {
			return true
		}
	}
	return false
}

func (r *reproduction) advance() {
	r.next.build++
	if r.next.build == len(r.Builds) {
		r.next.build = 0
		r.next.set++
	}
	if r.next.set == len(r.Plan.Sets) {
		r.next.set = 0
		r.next.run++
	}
}

func (r *reproduction) begin(ctx context.Context, t turn) flight {
	set, build := r.Plan.Sets[t.set], r.Builds[t.build]
	if r.Began != nil {
		r.Began(set, build, t.run+1)
	}
	f := flight{turn: t, played: make(chan Played, 1)}
	job := Job{
		Name: set.Suite.Name, Suite: set.Suite, Seed: SeedOf(r.Plan.Seed, t.run+1),
		Binaries: build.Binaries, Out: r.Out,
	}
	go func() { f.played <- r.Player.Play(ctx, job) }()
	return f
}

// end takes a run up. One that says nothing because a person has cut it short is no run. One that
// was under way when its set was done has no part in the rate, which would else hang on how many
// run at a time; but what it violates, it violates.
func (r *reproduction) end(ctx context.Context, f flight, played Played) {
	set, build := r.Plan.Sets[f.set], r.Builds[f.build]
	trial := set.Judge(played)
	trial.Run, trial.Seed = f.run+1, SeedOf(r.Plan.Seed, f.run+1)
	cutShort := ctx.Err() != nil && !trial.Outcome.Counts() && failed(played) == ""
	if cutShort {
		trial.Outcome, trial.Why = "", "interrupted"
	}
	if r.Ended != nil {
		r.Ended(set, build, &trial)
	}
	if cutShort {
		return
	}
	side := &r.Reproduction.Sets[f.set].Sides[f.build]
	if r.done[f.set] {
		side.After = append(side.After, trial)
		return
	}
	side.Trials = append(side.Trials, trial)
	if r.UntilFirst && trial.Outcome == Reproduced {
		r.done[f.set] = true
	}
}

// conclude answers. What the file promises is promised of the first build; the second is compared
// with it.
func (r *reproduction) conclude() {
	for i := range r.Reproduction.Sets {
		result := &r.Reproduction.Sets[i]
		for j := range result.Sides {
			side := &result.Sides[j]
			side.Early = r.done[i] || r.Stopped != "" || r.Runs == 0
			var promise *suite.Expectation
			if j == 0 {
				promise = r.Plan.Sets[i].Expect
			}
			side.conclude(promise)
		}
		result.compare()
	}
	r.Exit = r.exit()
}

func (s *SetResult) compare() {
	if len(s.Sides) != 2 || s.Sides[0].Counted == 0 || s.Sides[1].Counted == 0 {
		return
	}
	a, b := s.Sides[0], s.Sides[1]
	s.Comparison = &Comparison{
		Difference: float64(b.Reproduced)/float64(b.Counted) - float64(a.Reproduced)/float64(a.Counted),
		P:          Fisher(a.Reproduced, a.Counted, b.Reproduced, b.Counted),
	}
}

// exit is the worst of what was found. A violation that no file promises is never masked.
func (r *Reproduction) exit() int {
	worst := checker.ExitValid
	for _, set := range r.Sets {
		for i := range set.Sides {
			worst = checker.Worst(worst, set.Sides[i].exit(i == 0))
		}
	}
	return worst
}

// exit is what one side amounts to. A violation, and what is still on a host, are never outvoted;
// a run that says nothing is, by those that say something. Only of the first build something is
// wanted: that it does as the file promises, or, if that promises nothing, that the incident is not
// seen.
func (s *Side) exit(first bool) int {
	worst := checker.ExitValid
	for _, t := range s.all() {
		if len(t.Unexpected) > 0 {
			worst = checker.Worst(worst, checker.ExitViolation)
		}
		if len(t.Left) > 0 {
			worst = checker.Worst(worst, checker.ExitCleanup)
		}
	}
	switch {
	case s.Counted == 0 || s.TooFew():
		worst = checker.Worst(worst, checker.ExitInconclusive)
		for _, t := range s.Trials {
			worst = checker.Worst(worst, t.Exit)
		}
	case !first:
	case s.Promised != "" && !*s.AsPromised, s.Promised == "" && s.Answer != NotReproduced:
		worst = checker.Worst(worst, checker.ExitGate)
	}
	return worst
}
