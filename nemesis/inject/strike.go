package inject

import (
	"context"
	"errors"
	"fmt"
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

// strike signals the process of the fault's one host and awaits the state that follows: "T" for
// stopped, or "gone".
func (i *Injector) strike(ctx context.Context, f *history.Fault, command, state string) error {
	if len(f.Hosts) != 1 {
		return fmt.Errorf("a %s strikes one host, not %d", f.Kind, len(f.Hosts))
	}
	n := i.node(f.Hosts[0])
	p, err := n.process(ctx)
	if err != nil {
		return n.fail(f.Kind, "", err)
	}
	i.mu.Lock()
	i.victims[f.ID] = victim{n.name(), p}
	i.mu.Unlock()
	what := processState
	if state == "gone" {
		what = processGone
	}
	_, err = n.guard(ctx, i.run, command, identity(p)...)
	f.Start = i.clock()
	if err == nil {
		var e history.Evidence
		e, err = i.await(ctx, n.name(), what, func(ctx context.Context) (string, bool, error) {
			said, err := n.guard(ctx, i.run, "state", identity(p)...)
			said = strings.TrimSpace(said)
			return said, said == state, err
		})
		f.Evidence = append(f.Evidence, e)
	}
	if err == nil {
		return nil
	}
	undo, cancel := afterwards(ctx)
	defer cancel()
	if state == "gone" {
		return errors.Join(err, i.revive(undo, n)) // it may be dead, whatever was heard of it
	}
	_, undone := n.guard(undo, i.run, "resume", identity(p)...)
	return errors.Join(err, undone)
}

// resume reads the state of a paused process, then lets it continue.
func (i *Injector) resume(ctx context.Context, f *history.Fault) error {
	n := i.node(f.Hosts[0])
	said, err := n.guard(ctx, i.run, "resume", identity(i.victim(f.ID))...)
	if err != nil && !errors.Is(err, ErrExpired) {
		return err
	}
	state := strings.TrimSpace(said)
	if err != nil {
		state = "continued by the guard"
	}
	i.end(f, n, processState, state, state == "T")
	return err
}

// restart looks whether the node is still down, then starts it again; never without a guard.
func (i *Injector) restart(ctx context.Context, f *history.Fault) error {
	n := i.node(f.Hosts[0])
	if !ended(*f, n.name()) {
		p, err := n.process(ctx)
		switch {
		case errors.Is(err, target.ErrNotRunning):
			i.end(f, n, processGone, "gone", true)
		case err != nil:
			return n.fail("restart", "", err)
		default:
			i.end(f, n, processGone, "pid "+strconv.Itoa(p.PID)+" runs", false)
		}
	}
	return i.revive(ctx, n)
}

// revive starts a node unless it runs; never without a guard.
func (i *Injector) revive(ctx context.Context, n *node) error {
	if _, err := n.guard(ctx, i.run, "check"); err != nil {
		return err
	}
	_, err := n.start(ctx)
	return n.fail("restart", "", err)
}

func (i *Injector) end(f *history.Fault, n *node, what, value string, bit bool) {
	f.Evidence = append(f.Evidence, history.Evidence{Host: n.name(), At: i.clock(),
		Moment: "end", What: what, Value: value, Bit: bit})
}

func (i *Injector) victim(fault int) target.Process {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.victims[fault].process
}

// identity names a process for guard.sh.
func identity(p target.Process) []string {
	return []string{strconv.Itoa(p.PID), strconv.FormatUint(p.StartTime, 10)}
}
