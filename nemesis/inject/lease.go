package inject

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"gauntlet/history"
	"gauntlet/target"
)

// victim is a process that some fault stopped.
type victim struct {
	host    string
	process target.Process
}

func newInjector(c Config, nodes []*node) *Injector {
	begin := time.Now()
	i := &Injector{run: c.Run, ttl: c.TTL, port: c.PeerPort, clock: c.Clock, nodes: nodes,
		capture: c.Capture, dial: c.Dial,
		inForce: map[int]history.Fault{}, victims: map[int][]victim{}}
	i.operations, i.target = map[int]*operation{}, c.Target
	i.stopper, _ = c.Target.(target.Stopper)
	i.operated, _ = c.Target.(target.Operated)
	i.founders(c.Spares)
	if i.ttl == 0 {
		i.ttl = DefaultTTL
	}
	if i.dial == nil {
		i.dial = new(net.Dialer).DialContext
	}
	if i.clock == nil {
		i.clock = func() time.Duration { return time.Since(begin) }
	}
	return i
}

// each calls f for all nodes at once and joins their errors in the nodes' order.
func each(nodes []*node, f func(*node) error) error {
	errs := make([]error, len(nodes))
	var wait sync.WaitGroup
	for i, n := range nodes {
		wait.Go(func() { errs[i] = f(n) })
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (i *Injector) arm(ctx context.Context) error {
	if i.ttl < time.Second {
		return fmt.Errorf("the lease of %v must be at least 1s", i.ttl)
	}
	i.endRenewals()
	err := each(i.nodes, func(n *node) error { return i.armNode(ctx, n) })
	if err != nil {
		undo, cancel := afterwards(ctx)
		defer cancel()
		return errors.Join(err, i.disarm(undo))
	}
	if i.capture {
		i.canCapture(ctx)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.inForce)
	i.lost = nil
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	i.stop = stop
	for _, n := range i.nodes {
		i.renewals.Go(func() { i.renew(renewing, n) })
	}
	return nil
}

// families are the kinds of addresses that partitions may have to do with.
func (i *Injector) families() string {
	for _, n := range i.nodes {
		if addr, err := netip.ParseAddr(n.host.Address()); err == nil && !addr.Unmap().Is4() {
			return "46"
		}
	}
	return "4"
}

// armNode arms one host and, the first time, remembers what it looked like.
func (i *Injector) armNode(ctx context.Context, n *node) error {
	if err := n.consented(ctx); err != nil {
		return err
	}
	if err := n.arm(ctx, i.run, i.ttl, i.families()); err != nil || n.before != nil {
		return err
	}
	if err := i.firewalls(ctx, n); err != nil {
		return err
	}
	before, _, err := n.inspect(ctx, nil)
	if err != nil {
		return err
	}
	if left := before.leftovers(); len(left) > 0 {
		return n.fail("arm the guard", "remove these chains by hand",
			fmt.Errorf("%w: rules of an earlier run: %s", ErrDirty, shorten(left)))
	}
	n.before = before
	return nil
}

// renew keeps one host's lease until ctx ends or the host says that it is too late. Any other
// failure may pass: the next attempt, or the host's own patience, decides.
func (i *Injector) renew(ctx context.Context, n *node) {
	tick := time.NewTicker(i.ttl / 5)
	defer tick.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, i.ttl/2)
		_, err := n.guard(attempt, i.run, "renew", hundredths(i.ttl))
		cancel()
		if errors.Is(err, ErrExpired) && ctx.Err() == nil {
			i.notice(err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// notice remembers the first sign that a guard no longer holds.
func (i *Injector) notice(err error) {
	if !errors.Is(err, ErrExpired) {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.lost == nil {
		i.lost = err
	}
}

func (i *Injector) endRenewals() {
	i.mu.Lock()
	stop := i.stop
	i.stop = nil
	i.mu.Unlock()
	if stop != nil {
		stop()
	}
	i.renewals.Wait()
}

func (i *Injector) disarm(ctx context.Context) error {
	i.endRenewals()
	err := each(i.nodes, func(n *node) error {
		if n.epoch.Load() == 0 {
			return nil
		}
		_, err := n.guard(ctx, i.run, "disarm")
		if err != nil && !errors.Is(err, ErrEnded) { // by whom nothing was left to disarm
			return err
		}
		n.epoch.Store(0)
		return nil
	})
	if err == nil {
		i.mu.Lock()
		defer i.mu.Unlock()
		clear(i.inForce)
	}
	return err
}

func (i *Injector) clean(ctx context.Context) error {
	i.mu.Lock()
	struck := slices.Concat(slices.Collect(maps.Values(i.victims))...)
	i.mu.Unlock()
	return each(i.nodes, func(n *node) error {
		if n.before == nil {
			return nil
		}
		if err := n.sane(ctx); err != nil {
			return err
		}
		now, states, err := n.inspect(ctx, struck)
		if err != nil {
			return err
		}
		found := n.before.differences(now)
		for _, line := range states {
			if pid, state, _ := strings.Cut(line, " "); strings.EqualFold(state, "T") {
				found = append(found, "process "+pid+" is stopped")
			}
		}
		if len(found) == 0 {
			return nil
		}
		return n.fail("compare with before", "", fmt.Errorf("%w: %s", ErrDirty, shorten(found)))
	})
}

// shorten keeps an error of many lines readable.
func shorten(lines []string) string {
	const most = 4
	if more := len(lines) - most; more > 0 {
		lines = append(slices.Clone(lines[:most]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

// undoTimeout bounds what must be undone although the caller's context has ended.
const undoTimeout = 10 * time.Second

func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
}
