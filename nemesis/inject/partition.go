package inject

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"gauntlet/history"
)

const dropped = "dropped packets"

// partition drops, at each receiving host, what the cuts sever; then it proves that the hosts can
// still be reached and that packets are being dropped. On any error it undoes its work.
//
// A link cut both ways is two cuts, each enforced where it arrives: so every host on either side
// counts what the other side tries to send, even if it has nothing to say itself.
func (i *Injector) partition(ctx context.Context, f *history.Fault) error {
	rules, err := i.rules(f.Cuts)
	if err != nil {
		return err
	}
	receivers := i.receivers(f.Cuts)
	i.record(ctx, f)
	err = each(receivers, func(n *node) error {
		_, _, err := i.reload(ctx, n, f.ID, rules[n])
		return err
	})
	f.Start = i.clock()
	if err == nil {
		err = each(receivers, func(n *node) error { return probe(ctx, n) })
	}
	if err == nil {
		f.Evidence, err = i.awaitDrops(ctx, f, receivers)
	}
	if err == nil {
		return nil
	}
	i.unrecord(ctx, f)
	undo, cancel := afterwards(ctx)
	defer cancel()
	return errors.Join(err, each(receivers, func(n *node) error {
		_, _, err := i.reload(undo, n, f.ID, nil)
		return err
	}))
}

// rejoin reads the counters and undoes the cuts, in one step on each host.
func (i *Injector) rejoin(ctx context.Context, f *history.Fault) error {
	defer i.unrecord(ctx, f)
	return gather(f, i.receivers(f.Cuts), func(n *node) (history.Evidence, error) {
		if ended(*f, n.name()) {
			return history.Evidence{}, nil
		}
		packets, held, err := i.reload(ctx, n, f.ID, nil)
		if err != nil && !errors.Is(err, ErrExpired) {
			return history.Evidence{}, err
		}
		value := strconv.FormatUint(packets, 10)
		if err != nil || !held {
			value = "rules gone"
		}
		return i.atEnd(n, dropped, value, err == nil && held && packets > 0), err
	})
}

// rules sorts the cuts by the host that enforces them.
func (i *Injector) rules(cuts []history.Cut) (map[*node][]rule, error) {
	rules := map[*node][]rule{}
	for _, cut := range cuts {
		from, to := i.node(cut.From), i.node(cut.To)
		if from == nil || to == nil {
			return nil, fmt.Errorf("cut of an unknown host: %s to %s", cut.From, cut.To)
		}
		addr, err := netip.ParseAddr(from.host.Address())
		if err != nil {
			return nil, from.fail("partition", "give the host's address as an IP address", err)
		}
		rules[to] = append(rules[to], rule{addr.Unmap(), cut.Mode})
	}
	return rules, nil
}

func (i *Injector) receivers(cuts []history.Cut) []*node {
	return slices.DeleteFunc(slices.Clone(i.nodes), func(n *node) bool {
		return !slices.ContainsFunc(cuts, func(c history.Cut) bool { return c.To == n.name() })
	})
}

// reload gives a fault its rules on one host, or takes them away if there are none, and returns
// what the fault had dropped there until now. The host reads the counters out and loads the chain
// anew in one step, with one iptables-restore for each family concerned.
func (i *Injector) reload(
	ctx context.Context, n *node, fault int, rules []rule,
) (packets uint64, held bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	claims := n.chain.with(fault, rules)
	want := union(claims)
	n.chain.unsure = families(slices.Concat(want, union(n.chain.claims)), n.chain.unsure...)
	n.chain.loaded, err = i.counters(n, n.chain.unsure, func(family string) (string, error) {
		text := restore("GNT-"+i.run+"-IN", want, family, n.control, i.port)
		return n.guard(ctx, i.run, "cut", family, text)
	})
	if err != nil {
		return 0, false, err
	}
	n.chain.unsure = nil
	packets, held = n.chain.drops(fault)
	n.chain.replace(claims)
	return packets, held, nil
}

// count reads how much a fault has dropped on one host so far.
func (i *Injector) count(ctx context.Context, n *node, fault int) (uint64, bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var err error
	n.chain.loaded, err = i.counters(n, families(union(n.chain.claims)),
		func(family string) (string, error) {
			return n.guard(ctx, i.run, "counters", family)
		})
	if err != nil {
		return 0, false, err
	}
	packets, held := n.chain.drops(fault)
	return packets, held, nil
}

// counters merges what a command lists for each family.
func (i *Injector) counters(
	n *node, families []string, list func(family string) (string, error),
) (map[rule]uint64, error) {
	all := map[rule]uint64{}
	for _, family := range families {
		listing, err := list(family)
		if err != nil {
			return nil, err
		}
		counted, err := parseCounters(listing)
		if err != nil {
			return nil, n.fail("count drops", "", err)
		}
		maps.Copy(all, counted)
	}
	return all, nil
}

// awaitDrops waits until each host has dropped something for this fault.
func (i *Injector) awaitDrops(
	ctx context.Context, f *history.Fault, receivers []*node,
) ([]history.Evidence, error) {
	evidence := make([]history.Evidence, len(receivers))
	knocking, stop := context.WithCancel(ctx)
	var knocks sync.WaitGroup
	defer knocks.Wait()
	defer stop()
	err := each(receivers, func(n *node) (err error) {
		begin, knocked := time.Now(), false
		evidence[slices.Index(receivers, n)], err = i.await(ctx, n.name(), dropped,
			func(ctx context.Context) (string, bool, error) {
				if !knocked && time.Since(begin) > knockAfter {
					knocked = true
					i.knock(knocking, &knocks, f.Cuts, n)
				}
				packets, held, err := i.count(ctx, n, f.ID)
				if err == nil && !held {
					err = n.fail("count drops", "", errors.New("the rules are gone"))
				}
				return strconv.FormatUint(packets, 10), packets > 0, err
			})
		return err
	})
	return evidence, err
}

// knock sends something across each cut into a host where nothing arrives by itself, say because
// the other side is paused: a connection attempt from over there.
func (i *Injector) knock(
	ctx context.Context, wait *sync.WaitGroup, cuts []history.Cut, n *node,
) {
	port := i.port
	if port == 0 {
		port = n.control.port
	}
	address := net.JoinHostPort(n.host.Address(), strconv.Itoa(port))
	for _, cut := range cuts {
		if cut.To != n.name() || cut.Mode != history.CutPackets {
			continue
		}
		from := i.node(cut.From).host
		wait.Go(func() {
			if conn, err := from.Dial(ctx, "tcp", address); err == nil {
				conn.Close()
			}
		})
	}
}

// probe proves that control is not cut.
func probe(ctx context.Context, n *node) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return n.fail("reach the host after the cut", "", n.host.Probe(ctx))
}
