package inject

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
)

const (
	evidenceTimeout = 2 * time.Second        // for a fault to show its effect
	evidencePoll    = 100 * time.Millisecond // between two looks
	evidenceLonger  = 10 * time.Second       // at most, for one that takes some packets only
	knockAfter      = 700 * time.Millisecond // of silence across a cut
	probeTimeout    = 5 * time.Second        // for a fresh SSH connection after a cut
)

func (i *Injector) inject(ctx context.Context, a nemesis.Action) (history.Fault, error) {
	e := a.Event
	f := history.Fault{
		ID: e.ID, Kind: string(e.Kind), Shape: string(e.Shape), Role: string(e.Role),
		Leader: a.Leader, Hosts: a.Hosts, Cuts: a.Cuts,
		PlannedStart: e.At, PlannedStop: e.At + e.For,
	}
	err := i.reserve(f)
	if err != nil {
		return i.failed(f, err)
	}
	switch e.Kind {
	case nemesis.KindPartition, nemesis.KindLoss, nemesis.KindMTU, nemesis.KindClientCut:
		err = i.partition(ctx, &f)
	case nemesis.KindPause:
		err = i.strike(ctx, &f, "pause", "T")
	case nemesis.KindKill:
		err = i.strike(ctx, &f, "slay", "gone")
	case nemesis.KindVersion:
		err = i.retire(ctx, &f)
	case nemesis.KindPower:
		err = i.cutPower(ctx, &f, a.Draw)
	case nemesis.KindDiskSlow, nemesis.KindDiskError, nemesis.KindDiskFull:
		err = i.sicken(ctx, &f, e)
	default:
		if !e.Kind.Traits().Does {
			err = fmt.Errorf("unknown kind of fault %q", e.Kind)
			break
		}
		err = i.operate(ctx, &f, e)
	}
	if err != nil {
		i.forget(f)
		return i.failed(f, err)
	}
	f.Stage = history.StageInjected
	i.keep(f)
	return f, nil
}

func (i *Injector) heal(ctx context.Context, f history.Fault) (history.Fault, error) {
	i.mu.Lock()
	record, known := i.inForce[f.ID]
	i.mu.Unlock()
	if !known {
		return f, fmt.Errorf("fault %d is not in force", f.ID)
	}
	f.Evidence = slices.Clone(record.Evidence)
	var err error
	if nemesis.Kind(f.Kind).Traits().Does {
		err = i.conclude(ctx, &f)
	}
	switch nemesis.Kind(f.Kind) {
	case nemesis.KindPartition, nemesis.KindLoss, nemesis.KindMTU, nemesis.KindClientCut:
		err = i.rejoin(ctx, &f)
	case nemesis.KindPause:
		err = i.resume(ctx, &f)
	case nemesis.KindKill:
		err = i.restart(ctx, &f)
	case nemesis.KindVersion:
		err = i.replace(ctx, &f)
	case nemesis.KindPower:
		err = i.bringBack(ctx, &f, i.repower)
	case nemesis.KindDiskSlow, nemesis.KindDiskError, nemesis.KindDiskFull:
		err = i.cure(ctx, &f)
	}
	if err != nil && !errors.Is(err, ErrExpired) {
		f, err = i.failed(f, err)
		i.keep(f)
		return f, err
	}
	f.Stage, f.Stop = history.StageHealed, i.clock()
	i.forget(f)
	if err != nil {
		f.Error = oneLine(err)
		i.notice(err)
	}
	return f, err
}

// reserve enters a fault before it is injected, so that no two strike the same process.
func (i *Injector) reserve(f history.Fault) error {
	for _, name := range f.Hosts {
		if i.node(name) == nil {
			return fmt.Errorf("unknown host %q", name)
		}
	}
	for _, n := range i.nodes {
		if now := time.Now(); now.After(n.until) {
			return n.fail(f.Kind, "", fmt.Errorf("%w any more: it expired at %s", ErrConsent,
				n.until.UTC().Format(time.RFC3339)))
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stop == nil {
		return errors.New("the guards are not armed")
	}
	if i.lost != nil {
		return i.lost
	}
	if _, used := i.inForce[f.ID]; used {
		return fmt.Errorf("fault %d is in force already", f.ID)
	}
	for _, other := range i.inForce {
		shared := slices.ContainsFunc(f.Hosts,
			func(h string) bool { return slices.Contains(other.Hosts, h) })
		if shared && strikes(f) && strikes(other) {
			return fmt.Errorf("fault %d: %w: %d", f.ID, ErrBusy, other.ID)
		}
	}
	i.inForce[f.ID] = f
	return nil
}

// strikes tells faults that stop or end a process from those that let it run.
func strikes(f history.Fault) bool {
	traits := nemesis.Kind(f.Kind).Traits()
	return !traits.Links && !traits.Runs
}

func (i *Injector) keep(f history.Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.inForce[f.ID] = f
}

func (i *Injector) forget(f history.Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.inForce, f.ID)
}

func (i *Injector) failed(f history.Fault, err error) (history.Fault, error) {
	i.notice(err)
	f.Stage, f.Error = history.StageFailed, oneLine(err)
	return f, err
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// ended tells whether the evidence of the fault's end on a host was taken by an earlier attempt.
func ended(f history.Fault, host string) bool {
	return slices.ContainsFunc(f.Evidence,
		func(e history.Evidence) bool { return e.Host == host && e.Moment == "end" })
}

// gather looks at all nodes at once, and then adds the evidence that there is to the fault, in the
// nodes' order.
func gather(
	f *history.Fault, nodes []*node, look func(*node) (history.Evidence, error),
) error {
	evidence := make([]history.Evidence, len(nodes))
	err := each(nodes, func(n *node) (err error) {
		evidence[slices.Index(nodes, n)], err = look(n)
		return err
	})
	for _, e := range evidence {
		if e.What != "" {
			f.Evidence = append(f.Evidence, e)
		}
	}
	return err
}

func (i *Injector) node(name string) *node {
	at := slices.IndexFunc(i.nodes, func(n *node) bool { return n.name() == name })
	if at < 0 {
		return nil
	}
	return i.nodes[at]
}

// await looks until the value proves the effect, the bound has passed or a look fails. The last
// value is the evidence, whether it proves anything or not.
func (i *Injector) await(
	ctx context.Context, host, what string, look func(context.Context) (string, bool, error),
) (history.Evidence, error) {
	return i.awaitFor(ctx, evidenceTimeout, host, what, look)
}

// awaitFor is await with a bound of its own.
func (i *Injector) awaitFor(
	ctx context.Context, bound time.Duration, host, what string,
	look func(context.Context) (string, bool, error),
) (history.Evidence, error) {
	timeout := time.After(bound)
	tick := time.NewTicker(evidencePoll)
	defer tick.Stop()
	for {
		value, bit, err := look(ctx)
		e := history.Evidence{Host: host, At: i.clock(), Moment: "start",
			What: what, Value: value, Bit: bit}
		if err != nil || bit {
			return e, err
		}
		select {
		case <-ctx.Done():
			return e, context.Cause(ctx)
		case <-timeout:
			return e, nil
		case <-tick.C:
		}
	}
}
