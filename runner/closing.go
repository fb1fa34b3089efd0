package runner

import (
	"context"
	"errors"
	"fmt"
	"os"

	"gauntlet/checker"
	"gauntlet/target"
)

// heal ends every fault. It is owed: after an interrupt or a failure it still runs.
func (r *run) heal(ctx context.Context) (string, error) {
	if r.nemesis == nil {
		return "nothing was injected", nil
	}
	return "no fault in force", r.nemesis.healAll(ctx)
}

// collect ends the load and the observers, looks who is still alive, and fetches the nodes' logs.
func (r *run) collect(ctx context.Context) (string, error) {
	var errs []error
	if r.clients != nil {
		errs = append(errs, r.clients.stop(), r.clients.trouble())
		r.clients.close()
		r.endSentry()
	}
	if r.nemesis != nil {
		r.nemesis.endTails()
	}
	if r.nemesis == nil {
		return "nothing was started", errors.Join(errs...)
	}
	if r.started() {
		r.vigil.stop(ctx)
		r.watch.stop()
		r.findDead(ctx)
	}
	hosts := r.present()
	err := r.fetchLogs(ctx, hosts)
	if !r.started() { // nobody has led; and why some did not start was told with the end of its log
		if err != nil {
			r.warn(describe("collect", parts(err))...)
		}
		return "logs of nodes that did not all start", errors.Join(errs...)
	}
	errs = append(errs, err)
	claims, err := r.claims(hosts)
	errs = append(errs, err)
	if r.Suite.Capture != "" {
		err := r.injector.FetchCaptures(ctx, func(host string) string {
			return r.Directory.path(nodesDir, host, capturesDir)
		})
		if err != nil {
			r.warn("captures: " + err.Error())
		}
	}
	return fmt.Sprintf("logs of %d nodes, %d leadership claims in them", len(hosts), claims),
		errors.Join(errs...)
}

// started reports whether every node that is a member from the start has answered.
func (r *run) started() bool { return r.watch != nil }

// fetchLogs fetches the nodes' logs, also of those that would not start.
func (r *run) fetchLogs(ctx context.Context, hosts []*target.Host) error {
	return target.Each(ctx, hosts, func(ctx context.Context, h *target.Host) error {
		dir := r.Directory.path(nodesDir, h.Name())
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return r.target.Logs(ctx, h, dir)
	})
}

// findDead notes the nodes that are not running though every fault is healed.
func (r *run) findDead(ctx context.Context) {
	for _, h := range r.present() {
		if r.injector.Idle(h.Name()) {
			continue // it was stopped as no member any more, or never was one
		}
		if _, err := r.target.Process(ctx, h); errors.Is(err, target.ErrNotRunning) {
			r.died = append(r.died, h.Name())
		}
	}
}

// claims takes the leadership claims of the nodes' own logs into the history.
func (r *run) claims(hosts []*target.Host) (int, error) {
	total := 0
	for _, h := range hosts {
		claims, err := r.target.Claims(r.Directory.path(nodesDir, h.Name()))
		if err != nil {
			return total, fmt.Errorf("%s: %w", h.Name(), err)
		}
		for _, c := range claims {
			c.At = r.recorder.Now()
			// A failed write is sticky in the recorder, and told once by the phase.
			_ = r.recorder.Observation(c)
		}
		total += len(claims)
	}
	return total, nil
}

// check judges what was recorded, in a child process with a budget.
func (r *run) check(ctx context.Context) (string, error) {
	results, err := judge(ctx, r.Directory, r.Suite, r.Verify)
	if err != nil {
		return "", err
	}
	r.results = results
	r.results.Place = r.Place
	return fmt.Sprintf("%d operations on %d keys", results.Summary.Operations,
		results.Summary.Keys), nil
}

// report decides, and writes results, JUnit and the page. They are final only after clean-up:
// should the controller die before, what lies there must not pass.
func (r *run) report(context.Context) (string, error) {
	r.decide(checker.Result{Check: gateFinished, Reason: "the clean-up was not seen to its end"})
	if err := r.Directory.saveResults(r.results); err != nil {
		return "", err
	}
	return r.Directory.path(reportFile), nil
}

func (r *run) decide(finished checker.Result) {
	r.noted(r.results)
	alive := checker.Result{
		Check: gateAlive, Verdict: checker.Valid, Reason: "no node died but by a fault",
	}
	switch {
	case len(r.died) > 0:
		alive.Verdict = checker.Invalid
		alive.Reason = fmt.Sprintf("not running at the end: %v", r.died)
	case !r.started():
		alive.Verdict, alive.Reason = checker.Unknown, "the nodes never ran"
	}
	r.results.Gates = append(withoutOwn(r.results.Gates), finished, alive)
	r.results.Decide()
}

// withoutOwn drops the gates that decide adds, so that it may be called again.
func withoutOwn(gates []checker.Result) []checker.Result {
	var kept []checker.Result
	for _, g := range gates {
		if g.Check != gateFinished && g.Check != gateAlive {
			kept = append(kept, g)
		}
	}
	return kept
}

// cleanUp removes everything of the run from the hosts and proves that they are as they were
// before.
func (r *run) cleanUp(ctx context.Context) (string, error) {
	defer func() {
		for _, h := range r.hosts {
			h.Close()
		}
	}()
	if r.injector == nil {
		return "nothing to remove", nil
	}
	if left := r.withoutLost(ctx, r.removeAll(ctx)); left != nil {
		for _, part := range parts(left) {
			r.cleanup = append(r.cleanup, part.Error())
		}
		r.Progress.Event("error", "clean-up: %v", left)
		return "NOT CLEAN", nil
	}
	if n := len(r.hosts) - len(r.present()); n > 0 {
		return fmt.Sprintf("hosts as they were, but for %d lost", n), nil
	}
	return "hosts as they were: rules, processes and files compared", nil
}

// removeAll ends the nodes, then the guards, then removes the files. Where a node cannot be ended
// the guards stay: once nobody renews their leases they end it themselves.
func (r *run) removeAll(ctx context.Context) error {
	err := r.withoutLost(ctx, target.Each(ctx, r.hosts, r.target.Kill))
	if err != nil {
		err = r.withoutLost(ctx, target.Each(ctx, r.hosts, r.target.Kill))
	}
	if err != nil {
		return fmt.Errorf("left to the guards: %w", err)
	}
	return errors.Join(r.injector.Disarm(ctx), r.injector.Clean(ctx),
		target.Each(ctx, r.hosts, r.target.Remove))
}

// settle makes the results final after clean-up had its say.
func (r *run) settle() {
	finished := checker.Result{Check: gateFinished, Verdict: checker.Valid, Reason: "to its end"}
	if !r.started() {
		finished.Verdict, finished.Reason = checker.Unknown, "it never came to its load"
	}
	if r.stopped() {
		finished.Verdict, finished.Reason = checker.Unknown, "stopped on "+r.sentry.describe()
	}
	if r.interrupted != "" {
		finished.Verdict, finished.Reason = checker.Unknown, "interrupted "+r.interrupted
	}
	if err := r.vigil.err(); err != nil {
		r.tell(context.Background(), "run", err) // if no phase has met it
	}
	r.decide(finished)
	if err := r.Directory.saveResults(r.results); err != nil && !r.known(err) {
		r.kept = err
	}
}
