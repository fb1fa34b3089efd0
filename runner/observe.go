package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gauntlet/history"
	"gauntlet/target"
)

const (
	// observeEvery is how often each node is asked; a leader that reigns for less may go unseen here,
	// but not in the nodes' own logs.
	observeEvery = 100 * time.Millisecond
	// repeatEvery is how often an unchanged answer is recorded again, as a sign of life.
	repeatEvery = time.Second
	// freshFor is how long an answer is believed: a paused leader answers nothing, and soon leads no
	// more.
	freshFor = 2 * time.Second
)

// watch asks every node what it believes, also nodes that are cut off: control traffic is never
// cut.
type watch struct {
	target   target.Target
	recorder *history.Recorder
	progress *Progress
	cancel   context.CancelFunc
	done     sync.WaitGroup

	mu      sync.Mutex
	latest  map[string]history.Observation
	changed chan struct{} // closed and replaced at every new answer
}

func startWatch(t target.Target, hosts []*target.Host, r *history.Recorder, p *Progress) *watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{
		target: t, recorder: r, progress: p, cancel: cancel,
		latest: map[string]history.Observation{}, changed: make(chan struct{}),
	}
	for _, h := range hosts {
		w.done.Go(func() { w.follow(ctx, h) })
	}
	return w
}

func (w *watch) stop() {
	w.cancel()
	w.done.Wait()
}

// follow records a node's answers: each that says something new, and one a second in any case.
func (w *watch) follow(ctx context.Context, h *target.Host) {
	var last history.Observation
	ticker := time.NewTicker(observeEvery)
	defer ticker.Stop()
	for {
		now, err := w.target.Observe(ctx, h)
		if err == nil {
			now.At = w.recorder.Now()
			news := now.Term != last.Term || now.Role != last.Role || now.Leader != last.Leader ||
				now.Version != last.Version
			if news || now.At-last.At >= repeatEvery {
				// A failed write is sticky in the recorder, and ends the run at the end of the phase.
				_ = w.recorder.Observation(now)
				last = now
			}
			w.publish(now, news)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (w *watch) publish(o history.Observation, news bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latest[o.Node] = o
	close(w.changed)
	w.changed = make(chan struct{})
	if news && o.Role == history.RoleLeader {
		w.progress.Event("leader", "%s leads term %d", o.Node, o.Term)
	}
}

// await returns true as soon as the condition holds for the nodes' latest answers, or false when
// ctx ends.
func (w *watch) await(ctx context.Context, holds func(map[string]history.Observation) bool) bool {
	for {
		w.mu.Lock()
		held, changed := holds(w.latest), w.changed
		w.mu.Unlock()
		if held {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
}

// leader is whom a late-bound role means now: the leader of the highest term among fresh answers,
// or "".
func (w *watch) leader() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return leaderOf(w.latest, w.recorder.Now())
}

// describe says what each node last answered, for an error message.
func (w *watch) describe() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.latest) == 0 {
		return "no node has answered"
	}
	var nodes []string
	for _, name := range slices.Sorted(maps.Keys(w.latest)) {
		o := w.latest[name]
		nodes = append(nodes, fmt.Sprintf("%s is %s in term %d", name, o.Role, o.Term))
	}
	return strings.Join(nodes, ", ")
}

func leaderOf(latest map[string]history.Observation, now time.Duration) string {
	var leader history.Observation
	for _, o := range latest {
		if o.Role == history.RoleLeader && now-o.At < freshFor && o.Term > leader.Term {
			leader = o
		}
	}
	return leader.Node
}

// answers is what each node last said.
func (w *watch) answers() map[string]history.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.latest)
}

// news is closed at the next answer of any node.
func (w *watch) news() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// highest is the highest commit index among the answers.
func highest(answers map[string]history.Observation) uint64 {
	var commit uint64
	for _, o := range answers {
		commit = max(commit, o.Commit)
	}
	return commit
}

// awaitResumed waits until every member has answered since healed, all agree on term and leader,
// and all have reached the given commit index: then the transport carries again what the fault held
// back. Meanwhile it notes who hears something.
func (w *watch) awaitResumed(
	ctx context.Context, members func() []string, healed time.Duration, commit uint64, ears *hearing,
) bool {
	return w.await(ctx, func(latest map[string]history.Observation) bool {
		ears.note(latest)
		nodes := members()
		if len(nodes) == 0 {
			return false
		}
		first := latest[nodes[0]]
		for _, node := range nodes {
			o := latest[node]
			if o.At <= healed || o.Leader == "" || o.Leader != first.Leader ||
				o.Term != first.Term || o.Commit < commit {
				return false
			}
		}
		return true
	})
}
