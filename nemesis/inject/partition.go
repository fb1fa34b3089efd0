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

	"gauntlet/history"
)

// partition drops or rejects, at each receiving host, what the cuts take; then it proves that the
// hosts can still be reached and that packets are being dropped. On any error it undoes its work.
//
// A link cut both ways is two cuts, each enforced where it arrives: so every host on either side
// counts what the other side tries to send, even if it has nothing to say itself.
func (i *Injector) partition(ctx context.Context, f *history.Fault) error {
	rules, err := i.rules(f.Cuts)
	if err != nil {
		return err
	}
	receivers := i.receivers(f.Cuts)
	if err := i.fits(ctx, f.Cuts); err != nil {
		return err
	}
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
		err = i.awaitDrops(ctx, f, receivers)
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
	err := gather(f, i.receivers(f.Cuts), func(n *node) (history.Evidence, error) {
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
		return i.atEnd(n, taken(f.Cuts), value, err == nil && held && packets > 0), err
	})
	share(f, "end")
	return err
}

// rules sorts the cuts by the host that enforces them.
func (i *Injector) rules(cuts []history.Cut) (map[*node][]rule, error) {
	rules := map[*node][]rule{}
	for _, cut := range cuts {
		to := i.node(cut.To)
		if to == nil || cut.From != history.Clients && i.node(cut.From) == nil {
			return nil, fmt.Errorf("cut of an unknown host: %s to %s", cut.From, cut.To)
		}
		from := to // clients come by the family of the address that they dial
		if cut.From != history.Clients {
			from = i.node(cut.From)
		} else if to.client == "" {
			return nil, to.fail("cut the clients", "", errors.New("the target has no port for them"))
		}
		addr, err := from.address()
		if err != nil {
			return nil, err
		}
		if cut.From == history.Clients {
			addr = anyone((rule{from: addr}).family())
		}
		more, err := newRules(cut, addr, i.port)
		if err != nil {
			return nil, to.fail("cut", "", err)
		}
		rules[to] = append(rules[to], more...)
	}
	return rules, nil
}

// address is where the host is on the data network.
func (n *node) address() (netip.Addr, error) {
	addr, err := netip.ParseAddr(n.host.Address())
	return addr.Unmap(), n.fail("partition", "give the host's address as an IP address", err)
}

// scope is what the rules of a host say beyond what they drop.
func (i *Injector) scope(n *node) scope {
	s := scope{chain: "GNT-" + i.run + "-IN", control: n.control, peerPort: i.port}
	if _, port, err := net.SplitHostPort(n.client); err == nil {
		s.clientPort, _ = strconv.Atoi(port)
	}
	for _, peer := range i.nodes {
		if addr, err := peer.address(); err == nil && peer != n {
			s.peers = append(s.peers, addr)
		}
	}
	return s
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
		text := restore(i.scope(n), want, family)
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
		counted, err := parseCounters(listing, family)
		if err != nil {
			return nil, n.fail("count drops", "", err)
		}
		maps.Copy(all, counted)
	}
	return all, nil
}
