package inject

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gauntlet/history"
	"gauntlet/target"
)

// What proves the faults of processes.
const (
	processState = "process state"
	processGone  = "process gone"
)

// strike signals the processes of the fault's hosts, all at once, and awaits the state that follows
// on each: "T" for stopped, or "gone". On any error it undoes its work on all of them.
func (i *Injector) strike(ctx context.Context, f *history.Fault, command, state string) error {
	if err := i.remember(ctx, f); err != nil {
		return err
	}
	what := processState
	if state == "gone" {
		what = processGone
	}
	struck := i.struck(f)
	err := each(struck, func(n *node) error {
		_, err := n.guard(ctx, i.run, command, i.victim(f, n)...)
		return err
	})
	f.Start = i.clock()
	if err == nil {
		err = gather(f, struck, func(n *node) (history.Evidence, error) {
			return i.await(ctx, n.name(), what, func(ctx context.Context) (string, bool, error) {
				said, err := n.guard(ctx, i.run, "state", i.victim(f, n)...)
				said = strings.TrimSpace(said)
				return said, said == state, err
			})
		})
	}
	if err == nil {
		return nil
	}
	undo, cancel := afterwards(ctx)
	defer cancel()
	return errors.Join(err, each(struck, func(n *node) error {
		if state == "gone" {
			return i.revive(undo, n) // it may be dead, whatever was heard of it
		}
		_, undone := n.guard(undo, i.run, "resume", i.victim(f, n)...)
		return undone
	}))
}

// remember finds the processes of the fault's hosts, its victims. Unless one runs on each of them,
// nothing is to be struck.
func (i *Injector) remember(ctx context.Context, f *history.Fault) error {
	struck := i.struck(f)
	if len(struck) == 0 {
		return fmt.Errorf("a %s strikes a host, and none is named", f.Kind)
	}
	victims := make([]victim, len(struck))
	err := each(struck, func(n *node) error {
		p, err := n.process(ctx)
		victims[slices.Index(struck, n)] = victim{n.name(), p}
		return n.fail(f.Kind, "", err)
	})
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.victims[f.ID] = victims
	return nil
}

// struck are the fault's hosts, in the order of all.
func (i *Injector) struck(f *history.Fault) []*node {
	return slices.DeleteFunc(slices.Clone(i.nodes), func(n *node) bool {
		return !slices.Contains(f.Hosts, n.name())
	})
}

// resume reads the states of the paused processes, then lets them continue.
func (i *Injector) resume(ctx context.Context, f *history.Fault) error {
	return gather(f, i.struck(f), func(n *node) (history.Evidence, error) {
		if ended(*f, n.name()) {
			return history.Evidence{}, nil
		}
		said, err := n.guard(ctx, i.run, "resume", i.victim(f, n)...)
		if err != nil && !errors.Is(err, ErrExpired) {
			return history.Evidence{}, err
		}
		state := strings.TrimSpace(said)
		if err != nil {
			state = "continued by the guard"
		}
		return i.atEnd(n, processState, state, state == "T"), err
	})
}

// restart looks whether the nodes are still down, then starts them again; never without a guard.
func (i *Injector) restart(ctx context.Context, f *history.Fault) error {
	return i.bringBack(ctx, f, i.revive)
}

// bringBack looks whether the nodes are still down, then has them started.
func (i *Injector) bringBack(
	ctx context.Context, f *history.Fault, start func(context.Context, *node) error,
) error {
	return gather(f, i.struck(f), func(n *node) (e history.Evidence, err error) {
		if !ended(*f, n.name()) {
			p, err := n.process(ctx)
			switch {
			case errors.Is(err, target.ErrNotRunning):
				e = i.atEnd(n, processGone, "gone", true)
			case err != nil:
				return e, n.fail("restart", "", err)
			default:
				e = i.atEnd(n, processGone, "pid "+strconv.Itoa(p.PID)+" runs", false)
			}
		}
		return e, start(ctx, n)
	})
}

// revive starts a node unless it runs; never without a guard.
func (i *Injector) revive(ctx context.Context, n *node) error {
	if _, err := n.guard(ctx, i.run, "check"); err != nil {
		return err
	}
	_, err := n.start(ctx)
	return n.fail("restart", "", err)
}

func (i *Injector) atEnd(n *node, what, value string, bit bool) history.Evidence {
	return history.Evidence{Host: n.name(), At: i.clock(), Moment: "end", What: what, Value: value,
		Bit: bit}
}

// victim names the process that the fault struck on a node, for guard.sh.
func (i *Injector) victim(f *history.Fault, n *node) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	victims := i.victims[f.ID]
	at := slices.IndexFunc(victims, func(v victim) bool { return v.host == n.name() })
	p := victims[at].process
	return []string{strconv.Itoa(p.PID), strconv.FormatUint(p.StartTime, 10)}
}
