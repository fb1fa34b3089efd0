package inject

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// What proves an operation.
const (
	membersSaid = "members"   // who takes part, before and after
	answerSaid  = "answer"    // what the cluster answered, or did not
	commitSaid  = "committed" // how far a node had committed
)

// operatePause is between two attempts to have something done.
const operatePause = 100 * time.Millisecond

// operation is one that is under way.
type operation struct {
	cancel context.CancelCauseFunc
	over   chan struct{} // closed once nothing of it is under way

	// Written by its goroutine, and read once it is over.
	evidence []history.Evidence
	after    *history.Membership
	err      error
}

// errNothingCame is why an operation is not done that the cluster has answered.
var errNothingCame = errors.New("answered, but nothing came of it")

// errOverdue is why an operation ends that is not done.
var errOverdue = errors.New("it took too long")

// operate begins an operation: it notes what there is, and goes on by itself from there.
func (i *Injector) operate(ctx context.Context, f *history.Fault, e nemesis.Event) error {
	if len(f.Hosts) == 0 {
		return fmt.Errorf("a %s is on a host, and none is named", f.Kind)
	}
	if i.stopper == nil || i.operated == nil && e.Kind != nemesis.KindRestart {
		return fmt.Errorf("the target has no operation %s", f.Kind)
	}
	if err := i.before(ctx, f, e); err != nil {
		return err
	}
	doing, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	op := &operation{cancel: cancel, over: make(chan struct{})}
	i.mu.Lock()
	i.operations[f.ID] = op
	i.mu.Unlock()
	f.Start = i.clock()
	about := *f
	go func() {
		defer close(op.over)
		op.err = i.carryOut(doing, op, about, e)
		if i.operated == nil {
			return
		}
		asking, cancel := afterwards(doing)
		defer cancel()
		if now, _, err := i.membership(asking, about.Leader); err == nil {
			i.take(now)
			op.after = &now
		}
	}()
	return nil
}

// before takes the evidence of an operation's start: who takes part; of a restart, which processes
// run; of a fill, how far the log has come.
func (i *Injector) before(ctx context.Context, f *history.Fault, e nemesis.Event) error {
	note := func(host, what, value string) {
		f.Evidence = append(f.Evidence, history.Evidence{Host: host, At: i.clock(), Moment: "start",
			What: what, Value: value, Bit: true})
	}
	if i.operated != nil {
		now, via, err := i.membership(ctx, f.Leader)
		if err != nil {
			return err
		}
		i.take(now)
		f.Before = &now
		note(via.name(), membersSaid, now.String())
	}
	switch e.Kind {
	case nemesis.KindRestart:
		if err := i.remember(ctx, f); err != nil {
			return err
		}
		for _, n := range i.struck(f) {
			note(n.name(), processState, "pid "+i.victim(f, n)[0])
		}
	case nemesis.KindFill:
		seen, err := i.target.Observe(ctx, i.node(f.Hosts[0]).at())
		if err != nil {
			return err
		}
		note(f.Hosts[0], commitSaid, fmt.Sprint(seen.Commit))
	}
	return nil
}

// carryOut does what the operation is, step by step.
func (i *Injector) carryOut(
	ctx context.Context, op *operation, f history.Fault, e nemesis.Event,
) error {
	n := i.node(f.Hosts[0])
	switch e.Kind {
	case nemesis.KindAdd:
		return i.join(ctx, op, n)
	case nemesis.KindPromote:
		return i.promote(ctx, op, n)
	case nemesis.KindRemove:
		return i.withdraw(ctx, op, n)
	case nemesis.KindReplace:
		for _, step := range []func(context.Context, *operation, *node) error{
			i.withdraw, i.join, i.promote,
		} {
			if err := step(ctx, op, n); err != nil {
				return err
			}
		}
		return nil
	case nemesis.KindTransfer:
		return i.until(ctx, op, target.OperationTransfer, n, func(s state) bool {
			return s.leader == n.name()
		})
	case nemesis.KindSnapshot:
		return i.snapshot(ctx, op, n)
	case nemesis.KindRestart:
		return i.restartInTurn(ctx, op, f)
	}
	return i.fill(ctx, op, n, e.Entries)
}

// join starts a node with an empty disk and has it made a learner.
func (i *Injector) join(ctx context.Context, op *operation, n *node) error {
	i.setIdle(n.name(), false)
	if err := i.operated.Stop(ctx, n.at()); err != nil {
		return err
	}
	if err := i.operated.Wipe(ctx, n.at()); err != nil {
		return err
	}
	i.operated.Renew(n.at())
	if err := i.revive(ctx, n); err != nil {
		return err
	}
	return i.until(ctx, op, target.OperationAdd, n, func(s state) bool {
		member, _ := s.members.Has(n.name())
		return member && !s.members.Joint
	})
}

// promote gives a learner its vote.
func (i *Injector) promote(ctx context.Context, op *operation, n *node) error {
	return i.until(ctx, op, target.OperationPromote, n, func(s state) bool {
		_, votes := s.members.Has(n.name())
		return votes && !s.members.Joint
	})
}

// withdraw takes a node out of the cluster, and then stops it.
func (i *Injector) withdraw(ctx context.Context, op *operation, n *node) error {
	err := i.until(ctx, op, target.OperationRemove, n, func(s state) bool {
		member, _ := s.members.Has(n.name())
		return !member && !s.members.Joint
	})
	if err != nil {
		return err
	}
	i.setIdle(n.name(), true)
	if err := i.operated.Stop(ctx, n.at()); err != nil {
		return err
	}
	op.note(i, n.name(), "end", processGone, "gone", true)
	return nil
}

// snapshot asks the node itself.
func (i *Injector) snapshot(ctx context.Context, op *operation, n *node) error {
	for {
		answer, err := i.operated.Operate(ctx, n.at(), target.OperationSnapshot, n.at())
		if err == nil {
			op.note(i, n.name(), "end", answerSaid, answer, true)
			return nil
		}
		if !rest(ctx) {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// fill has entries written through the node.
func (i *Injector) fill(ctx context.Context, op *operation, n *node, entries int) error {
	written, err := i.operated.Fill(ctx, n.at(), i.dial, entries)
	op.note(i, n.name(), "end", answerSaid, fmt.Sprintf("%d of %d entries acknowledged", written,
		entries), err == nil)
	return err
}

// rest waits a little; false once ctx ends.
func rest(ctx context.Context) bool {
	timer := time.NewTimer(operatePause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// note adds evidence to an operation that is under way.
func (o *operation) note(i *Injector, host, moment, what, value string, bit bool) {
	o.evidence = append(o.evidence, history.Evidence{Host: host, At: i.clock(), Moment: moment,
		What: what, Value: value, Bit: bit})
}

// conclude waits until an operation is over, which it ends where it has lasted too long, and takes
// what it has to show. What the cluster accepted is left as it is: each configuration that it can
// be in serves. Nodes that are to run do.
func (i *Injector) conclude(ctx context.Context, f *history.Fault) error {
	i.mu.Lock()
	op := i.operations[f.ID]
	i.mu.Unlock()
	if op == nil {
		return fmt.Errorf("operation %d was never begun", f.ID)
	}
	op.cancel(errOverdue)
	select {
	case <-op.over:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	f.Evidence, f.After = append(f.Evidence, op.evidence...), op.after
	if op.after != nil {
		f.Evidence = append(f.Evidence, history.Evidence{Host: f.Hosts[0], At: i.clock(),
			Moment: "end", What: membersSaid, Value: op.after.String(), Bit: true})
	}
	if op.err != nil {
		f.Evidence = append(f.Evidence, history.Evidence{Host: f.Hosts[0], At: i.clock(),
			Moment: "end", What: answerSaid, Value: "not done: " + oneLine(op.err)})
	}
	return i.reviveAll(ctx, f)
}

// reviveAll starts the nodes of an operation that did not come to their start.
func (i *Injector) reviveAll(ctx context.Context, f *history.Fault) error {
	if nemesis.Kind(f.Kind).Traits().Runs {
		return nil
	}
	return each(i.struck(f), func(n *node) error {
		if i.Idle(n.name()) {
			return nil
		}
		return i.revive(ctx, n)
	})
}

// Over is closed when an operation in force has nothing more to do; nil for any other fault.
func (i *Injector) Over(id int) <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	if op := i.operations[id]; op != nil {
		return op.over
	}
	return nil
}

// state is a cluster as its leader has it.
type state struct {
	members history.Membership
	leader  string
}

// until asks for an operation until it is done: the leader has answered that it is and things are
// as they should be, or they are so for a while without an answer. An answer can be lost, and be
// refused the second time because it was done the first.
func (i *Injector) until(
	ctx context.Context, op *operation, what target.Operation, n *node, done func(state) bool,
) error {
	said, seen := errors.New("nobody was asked"), 0
	for {
		now, via, err := i.membership(ctx, "")
		is := state{members: now}
		if err == nil {
			is.leader = via.name()
			i.take(now)
		}
		switch {
		case err != nil:
			said, seen = err, 0
		case done(is) && (said == nil || seen >= 3):
			return nil
		case done(is):
			seen++
		default:
			seen = 0
			var answer string
			answer, said = i.operated.Operate(ctx, via.at(), what, n.at())
			if said == nil {
				op.note(i, via.name(), "end", answerSaid, string(what)+": "+oneAnswer(answer), true)
			}
		}
		if !rest(ctx) {
			return fmt.Errorf("%s: %w: %w", what, context.Cause(ctx),
				cmp.Or(said, errNothingCame))
		}
	}
}

// oneAnswer keeps an answer to one line of a report.
func oneAnswer(answer string) string {
	const most = 200
	line := strings.Join(strings.Fields(answer), " ")
	return line[:min(len(line), most)]
}
