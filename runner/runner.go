// Package runner takes one run from set-up to verdict: guard, deploy, warm-up, load with faults,
// heal, recovery, final reads, collect, check, report, clean-up. It knows targets, hosts, workloads
// and faults by their interfaces only, and leaves a run directory that can be checked again without
// it.
package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/nemesis/inject"
	"gauntlet/suite"
	"gauntlet/target"
)

// Config is everything that one run is made of.
type Config struct {
	Suite     *suite.Suite // resolved: seed and binary set
	Place     string       // "lab" or "hosts", for the record
	Run       string       // the run's id: 8 hexadecimal digits
	Directory Directory
	Hosts     []target.HostConfig
	Dial      target.DialFunc // how clients reach the data network
	Built     string          // the target's program, if the suite has it built; else ""
	Verify    string          // this program, which is started again as the check's child process
	Progress  *Progress
}

// Run carries the run out and returns its results, which are also in the run directory by then.
// Cancelling ctx ends the load early: faults are healed, the history is kept, what there is gets
// checked, and the hosts are cleaned. The error speaks of the run directory alone; every other
// trouble is in the results.
func Run(ctx context.Context, cfg Config) (*checker.Results, error) {
	resolved, err := cfg.Suite.Redacted().Resolved()
	if err != nil {
		return nil, err
	}
	if err := cfg.Directory.write(suiteFile, resolved); err != nil {
		return nil, fmt.Errorf("cannot keep the suite: %w", err)
	}
	file, err := os.Create(cfg.Directory.path(historyFile))
	if err != nil {
		return nil, fmt.Errorf("cannot keep the history: %w", err)
	}
	defer file.Close()
	recorder, err := history.NewRecorder(file, cfg.header())
	if err != nil {
		return nil, fmt.Errorf("cannot keep the history: %w", err)
	}
	r := &run{Config: cfg, recorder: recorder}
	r.results = r.blank()
	r.carryOut(ctx)
	return r.results, r.kept
}

func (c *Config) header() history.Header {
	return history.Header{
		Version: history.Version, Run: c.Run, Suite: c.Suite.Name, Seed: *c.Suite.Seed,
		Nodes: c.names(), Spares: c.spares(), Started: time.Now(),
	}
}

// spares are the names of the last hosts, whose nodes are no members at the start.
func (c *Config) spares() []string {
	names := c.names()
	return names[max(0, len(names)-c.Suite.Target.Spares()):]
}

// names are the hosts', in the suite's order.
func (c *Config) names() []string {
	names := make([]string, len(c.Hosts))
	for i, h := range c.Hosts {
		names[i] = h.Name
	}
	return names
}

// run is one run under way. Its fields appear as the phases make them.
type run struct {
	Config
	recorder *history.Recorder
	hosts    []*target.Host   // from guard on
	target   target.Target    // from guard on
	injector *inject.Injector // from guard on
	watch    *watch           // observers, from deploy on
	vigil    *vigil           // of the hosts, from deploy on
	clients  *clients         // from warm-up on
	sentry   *sentry          // from warm-up on, where the workload is watched; else nil
	plan     nemesis.Plan
	nemesis  *schedule // from deploy on

	results *checker.Results
	troubles
	kept error // the run directory could not be written
}

// troubles is what went wrong with the harness and the hosts, in the order it was found.
type troubles struct {
	harness     []string
	refused     []string // what a guard refused
	warnings    []string // what the run can do without
	cleanup     []string
	interrupted string // the phase in which the user stopped the run
	died        []string
	unrecorded  bool            // the history has a hole, and the harness said so
	told        map[string]bool // troubles of which more follow, and that were told
}

// blank is the verdict of a run that has not been checked: unknown.
func (r *run) blank() *checker.Results {
	return &checker.Results{
		Version: checker.Version, Run: r.Run, Suite: r.Suite.Name, Place: r.Place, Seed: *r.Suite.Seed,
		Model: r.Suite.Workload.Model,
	}
}

// phase is one step of a run. Steps that are owed run even after a failure or an interrupt, with a
// context that only their own deadline ends.
type phase struct {
	name     string
	deadline time.Duration
	owed     bool
	do       func(*run, context.Context) (detail string, err error)
}

func (r *run) phases() []phase {
	p := r.Suite.Phases
	const slack = 30 * time.Second
	return []phase{
		{"guard", time.Minute, false, (*run).guard},
		{"deploy", 2 * time.Minute, false, (*run).deploy},
		{checker.PhaseWarmUp, p.WarmUp + slack, false, (*run).warmUp},
		{checker.PhaseLoad, p.Load + slack, false, (*run).load},
		{checker.PhaseEvidence, evidenceWithin + slack, true, (*run).evidence},
		{checker.PhaseHeal, time.Minute, true, (*run).heal},
		{checker.PhaseRecovery, p.Recovery + slack, false, (*run).recovery},
		{checker.PhaseFinalReads, time.Minute, false, (*run).finalReads},
		{"collect", time.Minute, true, (*run).collect},
		{"check", r.Suite.Budget.Time + slack, true, (*run).check},
		{"report", time.Minute, true, (*run).report},
		{"clean-up", time.Minute, true, (*run).cleanUp},
	}
}

func (r *run) carryOut(ctx context.Context) {
	broken := false
	for _, p := range r.phases() {
		if !p.owed && ctx.Err() != nil {
			r.interrupt("before " + p.name)
		}
		if !p.owed && broken || !r.due(p) {
			continue
		}
		err := r.step(ctx, p)
		switch {
		case err == nil:
		case !p.owed && ctx.Err() != nil:
			r.interrupt("in " + p.name)
		default:
			broken = true
			r.tell(context.WithoutCancel(ctx), p.name, err)
		}
	}
	r.settle()
}

// due reports whether a phase is still to come, if nothing is broken. A run that was stopped skips
// to what it owes; only one that stopped on a violation looks at its nodes before it heals them.
func (r *run) due(p phase) bool {
	if p.name == checker.PhaseEvidence {
		return r.stopped()
	}
	return p.owed || r.interrupted == "" && !r.stopped()
}

// interrupt notes where the user stopped the run. What is owed goes on; an interrupt during the
// last steps, all owed, therefore changes nothing.
func (r *run) interrupt(where string) {
	if r.interrupted == "" {
		r.interrupted = where
		r.Progress.Event("stop", "interrupted: healing, keeping the history, checking what there is")
	}
}

func (r *run) step(ctx context.Context, p phase) error {
	if p.owed {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.deadline,
		fmt.Errorf("not done within its deadline of %v", p.deadline))
	defer cancel()
	if err := r.recorder.Phase(p.name); err != nil && !p.owed {
		return err
	}
	r.Progress.Status("%s ...", p.name)
	started := time.Now()
	detail, err := p.do(r, ctx)
	r.Progress.Status("")
	unrecorded := r.recorder.Err()
	if err != nil {
		r.unrecorded = r.unrecorded || unrecorded != nil && errors.Is(err, unrecorded)
		if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%w: %w", cause, err)
		}
		return err
	}
	if unrecorded != nil && !r.unrecorded {
		r.unrecorded = true // said once; what is owed goes on without a history
		return unrecorded
	}
	r.Progress.Event("phase", "%-11s %5.1fs  %s", p.name, time.Since(started).Seconds(), detail)
	return nil
}
