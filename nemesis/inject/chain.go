package inject

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// chain is our own chain of one host: the union of what the faults in force need there.
//
// Loading the chain anew resets the counters in the kernel, so they are summed up here. A fault
// counts from its own injection: it cannot claim what an earlier one dropped.
type chain struct {
	claims map[int][]rule          // by fault: what it wants dropped
	since  map[int]map[rule]uint64 // by fault: the sums when it began
	before map[rule]uint64         // sums up to the last load
	loaded map[rule]uint64         // what the kernel counted since then, as last read

	// unsure is the families of a load that was not seen to succeed: the host may have it, so the
	// next load concerns them too.
	unsure []string
}

// with returns the claims as they are to be: the fault's replaced, or removed if it has no rules.
func (c *chain) with(fault int, rules []rule) map[int][]rule {
	claims := maps.Clone(c.claims)
	if claims == nil {
		claims = map[int][]rule{}
	}
	claims[fault] = rules
	if len(rules) == 0 {
		delete(claims, fault)
	}
	return claims
}

// replace closes the books, as a load resets the counters, and opens them for new faults.
func (c *chain) replace(claims map[int][]rule) {
	if c.before == nil {
		c.before, c.since = map[rule]uint64{}, map[int]map[rule]uint64{}
	}
	for r, packets := range c.loaded {
		c.before[r] += packets
	}
	c.loaded = nil
	for fault := range claims {
		if _, known := c.claims[fault]; !known {
			c.since[fault] = maps.Clone(c.before)
		}
	}
	c.claims = claims
}

// drops is how many packets that concern a fault were dropped since it began: by its own rules, and
// by those before them that they cover. Of packets that another's rule took by chance, or for
// another reason, it claims nothing. It is not held if any of its own rules was missing from the
// chain when last read.
func (c *chain) drops(fault int) (packets uint64, held bool) {
	own := c.claims[fault]
	concerned := map[rule]bool{}
	for _, r := range own {
		if _, there := c.loaded[r]; !there {
			return 0, false
		}
		concerned[r] = true
	}
	for _, sums := range []map[rule]uint64{c.before, c.loaded} {
		for r := range sums {
			concerned[r] = concerned[r] ||
				slices.ContainsFunc(own, func(of rule) bool { return of.covers(r) })
		}
	}
	for r, concerns := range concerned {
		if concerns {
			packets += c.before[r] + c.loaded[r] - c.since[fault][r]
		}
	}
	return packets, true
}

// union is every rule that some fault needs, in the order of the chain.
func union(claims map[int][]rule) []rule {
	all := slices.Concat(slices.Collect(maps.Values(claims))...)
	slices.SortFunc(all, rule.compare)
	return slices.Compact(all)
}

// scope is what the rules of a host say beyond what they drop.
type scope struct {
	chain      string
	control    endpoint
	peerPort   int // 0: all that peers send
	clientPort int

	// peers are spared by the rules of clients where both may use the same port, and so can be told
	// from them by their addresses only.
	peers []netip.Addr
}

// restore is the chain's content for one family as lines for iptables-restore; "" if there is
// nothing to drop. The first lines let through what must never be cut.
func restore(s scope, rules []rule, family string) string {
	var head, drops, spared strings.Builder
	fmt.Fprintf(&head, "-A %s -i lo -j RETURN\n", s.chain)
	if (rule{from: s.control.controller}).family() == family {
		fmt.Fprintf(&head, "-A %s -s %s -p tcp --dport %d -j RETURN\n", s.chain,
			s.control.controller, s.control.port)
	}
	if s.peerPort == 0 || s.peerPort == s.clientPort {
		for _, peer := range s.peers {
			if (rule{from: peer}).family() == family {
				fmt.Fprintf(&spared, "-A %s -s %s -j RETURN\n", s.chain, peer)
			}
		}
	}
	clients := false
	for _, r := range rules {
		if r.family() != family {
			continue
		}
		if r.clients && !clients {
			clients = true
			drops.WriteString(spared.String())
		}
		drops.WriteString(r.write(s))
	}
	if drops.Len() == 0 {
		return ""
	}
	return head.String() + drops.String()
}

// parseCounters reads the packets dropped by each rule from "iptables -v -S CHAIN".
func parseCounters(listing, family string) (map[rule]uint64, error) {
	found := map[rule]uint64{}
	for line := range strings.Lines(listing) {
		line = strings.TrimSpace(line)
		if target := after(strings.Fields(line), "-j"); target != "DROP" && target != "REJECT" {
			continue
		}
		r, packets, err := readRule(line, family)
		if err != nil {
			return nil, err
		}
		found[r] = packets
	}
	return found, nil
}
