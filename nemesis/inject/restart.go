package inject

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gauntlet/history"
)

// restartInTurn stops each node of an operation in good order and starts it again, and goes on to
// the next once that one has caught up: at no time does one more than one lack.
func (i *Injector) restartInTurn(ctx context.Context, op *operation, f history.Fault) error {
	for _, n := range i.struck(&f) {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := i.stopper.Stop(ctx, n.at()); err != nil {
			return n.fail("restart", "", err)
		}
		stopped := i.clock()
		if err := i.revive(ctx, n); err != nil {
			return err
		}
		p, err := n.process(ctx)
		if err != nil {
			return n.fail("restart", "", err)
		}
		changed := strconv.Itoa(p.PID) != i.victim(&f, n)[0]
		op.note(i, n.name(), "end", processState, "pid "+strconv.Itoa(p.PID), changed)
		if err := i.caughtUp(ctx, n); err != nil {
			return err
		}
		op.note(i, n.name(), "end", commitSaid,
			fmt.Sprintf("caught up %.1fs after its stop", (i.clock()-stopped).Seconds()), true)
	}
	return nil
}

// caughtUp waits until a node follows or leads, and has committed what any other had committed when
// it was first looked at. A system that tells no commit index has caught up as soon as it answers.
func (i *Injector) caughtUp(ctx context.Context, n *node) error {
	goal := i.foremost(ctx)
	var why error
	for {
		seen, err := i.target.Observe(ctx, n.at())
		switch {
		case err != nil:
			why = err
		case seen.Leader != "" && seen.Commit >= goal:
			return nil
		default:
			why = fmt.Errorf("it has committed %d of %d entries, and takes %q for the leader", seen.Commit,
				goal, seen.Leader)
		}
		if !rest(ctx) {
			return n.fail("catch up", "", errors.Join(context.Cause(ctx), why))
		}
	}
}

// foremost is how far the node has committed that has committed most.
func (i *Injector) foremost(ctx context.Context) uint64 {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	commits := make([]uint64, len(i.nodes))
	_ = each(i.nodes, func(n *node) error {
		if !i.Idle(n.name()) {
			seen, _ := i.target.Observe(ctx, n.at())
			commits[i.place(n)] = seen.Commit
		}
		return nil
	})
	var most uint64
	for _, commit := range commits {
		most = max(most, commit)
	}
	return most
}
