package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/runner"
	"gauntlet/sim"
	"gauntlet/sim/campaign"
	"gauntlet/sim/schedule"
	"gauntlet/sim/spacetime"
	"gauntlet/suite"
)

// simulated is a suite's run as a schedule: its plan, its workload, its phases. As on hosts,
// clients work on through the recovery, when no planned fault is left.
func simulated(s *suite.Suite, seed uint64) (*schedule.Schedule, error) {
	if s.Workload.Reads == suite.ReadsSerializable {
		return nil, fmt.Errorf("suite %s: reads are serializable, but at place sim every read is "+
			"linearizable", s.Name)
	}
	seeded := *s
	seeded.Seed = &seed
	plan, err := seeded.Plan()
	if err != nil {
		return nil, err
	}
	raftd := s.Target.Raftd
	of := schedule.FromPlan(schedule.Plain{
		Seed: seed, Nodes: raftd.Nodes,
		ElectionTimeout:   raftd.Options.ElectionTimeout,
		HeartbeatInterval: raftd.Options.Heartbeat,
		PreVote:           raftd.Options.Prevote,
		CheckQuorum:       raftd.Options.CheckQuorum,
		Kind:              s.Workload.Model, Workload: s.Workload.Spec, Timeout: s.Workload.Timeout,
		WarmUp: s.Phases.WarmUp, Load: s.Phases.Load, Calm: s.Phases.Recovery,
		Recovery: s.Phases.Recovery, Cast: s.Cast,
	}, plan)
	if err := of.Valid(); err != nil {
		return nil, fmt.Errorf("suite %s cannot be simulated: %w", s.Name, err)
	}
	return of, nil
}

// drawSuite makes the schedules of a suite's campaign.
func drawSuite(s *suite.Suite) (func(seed uint64) *schedule.Schedule, error) {
	if _, err := simulated(s, 1); err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return func(seed uint64) *schedule.Schedule {
		of, err := simulated(s, seed)
		if err != nil {
			panic(fmt.Sprintf("seed 1 makes a schedule, seed %d does not: %v", seed, err))
		}
		return of
	}, nil
}

// playSuite plays a suite once and leaves a run directory, which can be checked again like that of
// any other place.
func playSuite(ctx context.Context, out, talk io.Writer, s *suite.Suite, parent string) error {
	of, err := simulated(s, *s.Seed)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	id := newRunID()
	dir, err := runner.CreateDirectory(parent,
		fmt.Sprintf("%s-%s-%s", time.Now().UTC().Format("20060102-150405"), s.Name, id))
	if err != nil {
		return err
	}
	progress := runner.NewProgress(talk, widthOf(talk))
	progress.Event("run", "%s  suite %s  seed %d  place %s  directory %s",
		id, s.Name, *s.Seed, s.Place, dir)
	j := campaign.Play(newWorld, of)
	progress.Event("played", "%d events in %v of simulated time, %d operations",
		j.Outcome.Events, j.Outcome.Virtual.Round(time.Millisecond), j.Outcome.Ops)
	if err := keepRun(string(dir), of, j); err != nil {
		return err
	}
	results, err := runner.Judge(ctx, dir, runner.Recorded{
		Suite: s, History: recorded(s, id, j.Second), Checks: held(j), Gates: cameBack(of, j),
		Harness: contradictions(j),
	}, self)
	if results == nil {
		return err
	}
	ended := conclude(out, results, err)
	fmt.Fprintf(out, "run directory  %s\n", dir)
	if results.Exit != 0 {
		fmt.Fprintf(out, "run it again   %s replay %s\n", called,
			filepath.Join(string(dir), "schedule.json"))
	}
	return ended
}

// keepRun writes what a simulated run has beside any other.
func keepRun(dir string, of *schedule.Schedule, j campaign.Judged) error {
	build, err := ownBuild()
	if err != nil {
		return err
	}
	of.Expect = j.Expect(build)
	file := filepath.Join(dir, "schedule.json")
	page := spacetime.Page(j.Second.Trace, j.Second.History, j.Outcome.Failure, spacetime.About{
		Seed: of.Seed, Options: of.Options, Virtual: j.Outcome.Virtual, Build: build,
		Replay: called + " replay " + file,
	})
	return errors.Join(of.Write(file),
		os.WriteFile(filepath.Join(dir, "spacetime.html"), page, 0o644))
}

// recorded is the history of the run, with the phases that the suite's run would have on hosts.
func recorded(s *suite.Suite, id string, o *sim.Outcome) *history.History {
	h := *o.History
	h.Header.Run, h.Header.Suite, h.Header.Started = id, s.Name, time.Now().UTC()
	healed := s.Phases.WarmUp + s.Phases.Load
	phases := []history.Phase{
		{Name: checker.PhaseWarmUp}, {Name: checker.PhaseLoad, At: s.Phases.WarmUp},
		{Name: checker.PhaseHeal, At: healed}, {Name: checker.PhaseRecovery, At: healed},
	}
	for _, p := range h.Phases {
		if p.At > healed {
			phases = append(phases, p)
		}
	}
	h.Phases = nil
	for _, p := range phases {
		if p.At <= o.Virtual {
			h.Phases = append(h.Phases, p)
		}
	}
	return &h
}

// held is what the simulator saw inside: that what Raft promises held after each event.
func held(j campaign.Judged) []checker.Result {
	result := checker.Result{
		Check: runner.CheckInvariants, Verdict: checker.Valid,
		Reason: fmt.Sprintf("held after each of %d events", j.Outcome.Events),
	}
	if f := j.Outcome.Failure; f != nil && j.Exit() != campaign.ExitLiveness {
		text := fmt.Sprintf("%s: %s", f.Signature, f.Text)
		result.Verdict, result.Reason = checker.Invalid, text
		result.Violation = &checker.Violation{Text: text, Operations: f.Operations, Term: f.Term}
	}
	return []checker.Result{result}
}

// cameBack is whether a healed cluster with a quorum worked again in time.
func cameBack(of *schedule.Schedule, j campaign.Judged) []checker.Result {
	if of.Options.Liveness.Within == 0 {
		return nil
	}
	gate := checker.Result{
		Check: runner.GateLiveness, Verdict: checker.Valid,
		Reason: fmt.Sprintf("led, writing and equal within %d election timeouts",
			of.Options.Liveness.Within),
	}
	if f := j.Outcome.Failure; f != nil {
		gate.Verdict, gate.Reason = checker.Unknown, "the run ended before"
		if j.Exit() == campaign.ExitLiveness {
			gate.Verdict, gate.Reason = checker.Invalid, fmt.Sprintf("%s: %s", f.Signature, f.Text)
		}
	}
	return []checker.Result{gate}
}

func contradictions(j campaign.Judged) []string {
	if j.Trouble == "" {
		return nil
	}
	return []string{j.Trouble}
}
