package inject

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gauntlet/history"
)

// rule drops what one peer sends. Faults that overlap on a host may share rules.
type rule struct {
	from netip.Addr
	mode history.CutMode
}

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

// drops is how many packets the rules of a fault have dropped since it began. It is not held if
// any of its rules was missing from the chain when last read.
func (c *chain) drops(fault int) (packets uint64, held bool) {
	for _, r := range c.claims[fault] {
		loaded, there := c.loaded[r]
		if !there {
			return 0, false
		}
		packets += c.before[r] + loaded - c.since[fault][r]
	}
	return packets, true
}

// Which packets carry data: the matches step over the headers to the first payload word, which an
// acknowledgement does not have. Payloads of 1 to 3 bytes pass. IPv6: without extension headers.
const (
	payload4 = `0>>22&0x3C@12>>26&0x3C@0&0x0=0`
	payload6 = `52>>26&0x3C@40&0x0=0`
)

// union is every rule that some fault needs, in a fixed order.
func union(claims map[int][]rule) []rule {
	all := slices.Concat(slices.Collect(maps.Values(claims))...)
	slices.SortFunc(all, func(a, b rule) int {
		return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.mode, b.mode))
	})
	return slices.Compact(all)
}

// families tells whether rules concern IPv4, "4", or IPv6, "6", or both.
func families(rules []rule, more ...string) []string {
	found := slices.Clone(more)
	for _, r := range rules {
		if f := r.family(); !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	return found
}

func (r rule) family() string {
	if r.from.Is4() {
		return "4"
	}
	return "6"
}

// restore is the chain's content for one family as lines for iptables-restore; "" if there is
// nothing to drop. The first lines let through what must never be cut.
func restore(name string, rules []rule, family string, control endpoint, port int) string {
	var drops strings.Builder
	for _, r := range rules {
		if r.family() != family {
			continue
		}
		fmt.Fprintf(&drops, "-A %s -s %s", name, r.from)
		if port != 0 {
			fmt.Fprintf(&drops, " -p tcp -m multiport --ports %d", port)
		} else if r.mode == history.CutPayload {
			drops.WriteString(" -p tcp")
		}
		if r.mode == history.CutPayload {
			fmt.Fprintf(&drops, ` -m u32 --u32 "%s"`,
				map[string]string{"4": payload4, "6": payload6}[family])
		}
		drops.WriteString(" -j DROP\n")
	}
	if drops.Len() == 0 {
		return ""
	}
	head := fmt.Sprintf("-A %s -i lo -j RETURN\n", name)
	if (rule{from: control.controller}).family() == family {
		head += fmt.Sprintf("-A %s -s %s -p tcp --dport %d -j RETURN\n",
			name, control.controller, control.port)
	}
	return head + drops.String()
}

// parseCounters reads the packets dropped by each rule from "iptables -v -S CHAIN".
func parseCounters(listing string) (map[rule]uint64, error) {
	found := map[rule]uint64{}
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		if !strings.HasSuffix(strings.TrimSpace(line), "-j DROP") {
			continue
		}
		source, packets := after(fields, "-s"), after(fields, "-c")
		prefix, err := netip.ParsePrefix(source)
		if err != nil {
			return nil, fmt.Errorf("rule %q: %w", strings.TrimSpace(line), err)
		}
		r := rule{from: prefix.Addr(), mode: history.CutPackets}
		if slices.Contains(fields, "u32") {
			r.mode = history.CutPayload
		}
		if found[r], err = strconv.ParseUint(packets, 10, 64); err != nil {
			return nil, fmt.Errorf("rule %q: %w", strings.TrimSpace(line), err)
		}
	}
	return found, nil
}

func after(fields []string, flag string) string {
	if i := slices.Index(fields, flag); i >= 0 && i+1 < len(fields) {
		return fields[i+1]
	}
	return ""
}
