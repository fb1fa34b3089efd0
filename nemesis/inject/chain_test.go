package inject

import (
	"net/netip"
	"strings"
	"testing"

	"gauntlet/history"
	"pgregory.net/rapid"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// Goal: the rules are those of the cookbook, control first. Method: written out once.
func TestRestoreText(t *testing.T) {
	rules := []rule{
		{addr("198.18.0.11"), history.CutPackets},
		{addr("198.18.0.12"), history.CutPayload},
		{addr("fd00::11"), history.CutPackets},
		{addr("fd00::12"), history.CutPayload},
	}
	control := endpoint{addr("198.18.0.1"), 2222}
	for _, c := range []struct {
		family string
		port   int
		want   string
	}{
		{"4", 4401, `-A GNT-x-IN -i lo -j RETURN
-A GNT-x-IN -s 198.18.0.1 -p tcp --dport 2222 -j RETURN
-A GNT-x-IN -s 198.18.0.11 -p tcp -m multiport --ports 4401 -j DROP
-A GNT-x-IN -s 198.18.0.12 -p tcp -m multiport --ports 4401 ` +
			`-m u32 --u32 "0>>22&0x3C@12>>26&0x3C@0&0x0=0" -j DROP
`},
		{"4", 0, `-A GNT-x-IN -i lo -j RETURN
-A GNT-x-IN -s 198.18.0.1 -p tcp --dport 2222 -j RETURN
-A GNT-x-IN -s 198.18.0.11 -j DROP
-A GNT-x-IN -s 198.18.0.12 -p tcp -m u32 --u32 "0>>22&0x3C@12>>26&0x3C@0&0x0=0" -j DROP
`},
		{"6", 4401, `-A GNT-x-IN -i lo -j RETURN
-A GNT-x-IN -s fd00::11 -p tcp -m multiport --ports 4401 -j DROP
-A GNT-x-IN -s fd00::12 -p tcp -m multiport --ports 4401 ` +
			`-m u32 --u32 "52>>26&0x3C@40&0x0=0" -j DROP
`},
	} {
		if got := restore("GNT-x-IN", rules, c.family, control, c.port); got != c.want {
			t.Errorf("family %s, port %d:\n%s\nwant\n%s", c.family, c.port, got, c.want)
		}
	}
	if got := restore("GNT-x-IN", rules[:2], "6", control, 0); got != "" {
		t.Errorf("nothing to drop, yet %q", got)
	}
}

// Goal: counters find their rule again. Method: a listing as iptables v1.8.9 prints it.
func TestParseCounters(t *testing.T) {
	got, err := parseCounters(`-N GNT-ab-IN
-A GNT-ab-IN -i lo -c 7 700 -j RETURN
-A GNT-ab-IN -s 198.18.0.11/32 -p tcp -m multiport --ports 4401 -c 3 180 -j DROP
-A GNT-ab-IN -s 198.18.0.12/32 -p tcp -m multiport --ports 4401 -m u32 --u32 ` +
		`"0x0>>0x16&0x3c@0xc>>0x1a&0x3c@0x0&0x0=0x0" -c 5 0 -j DROP
-A GNT-ab-IN -s fd00::1/128 -c 0 0 -j DROP
`)
	want := map[rule]uint64{
		{addr("198.18.0.11"), history.CutPackets}: 3,
		{addr("198.18.0.12"), history.CutPayload}: 5,
		{addr("fd00::1"), history.CutPackets}:     0,
	}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for r, n := range want {
		if held, there := got[r]; !there || held != n {
			t.Errorf("%v: %d, want %d", r, held, n)
		}
	}
	for _, bad := range []string{"-A x -j DROP", "-A x -s 1.2.3.4/32 -j DROP",
		"-A x -s 1.2.3.4/32 -c many 0 -j DROP", "-A x -s here -c 1 0 -j DROP"} {
		if _, err := parseCounters(bad); err == nil {
			t.Errorf("%q is taken for counters", bad)
		}
	}
}

func FuzzParseCounters(f *testing.F) {
	f.Add("-A x -s 1.2.3.4/32 -c 1 0 -j DROP\n-A x -s")
	f.Fuzz(func(t *testing.T, listing string) {
		found, err := parseCounters(listing)
		if err != nil && found != nil || len(found) > strings.Count(listing, "DROP") {
			t.Fatalf("%v, %v", found, err)
		}
	})
}

// Goal: whatever overlaps, each fault's drops are those of its own rules in its own time. Method:
// random faults, loads and traffic, against a kernel that forgets its counters at each load and a
// twin that adds every single packet to each fault it concerns.
func TestDropsOfOverlappingFaults(t *testing.T) {
	all := []rule{
		{addr("10.0.0.1"), history.CutPackets}, {addr("10.0.0.1"), history.CutPayload},
		{addr("10.0.0.2"), history.CutPackets}, {addr("fd00::2"), history.CutPackets},
	}
	rapid.Check(t, func(t *rapid.T) {
		c, kernel, twin := chain{}, map[rule]uint64{}, map[int]uint64{}
		next := 1
		load := func(fault int, rules []rule) (uint64, bool) {
			c.loaded = kernel
			packets, held := c.drops(fault)
			claims := c.with(fault, rules)
			c.replace(claims)
			kernel = map[rule]uint64{}
			for _, r := range union(claims) {
				kernel[r] = 0
			}
			return packets, held
		}
		t.Repeat(map[string]func(*rapid.T){
			"inject": func(t *rapid.T) {
				rules := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 4,
					rapid.ID[rule]).Draw(t, "rules")
				load(next, rules)
				twin[next] = 0
				next++
			},
			"packet": func(t *rapid.T) {
				r := rapid.SampledFrom(all).Draw(t, "rule")
				if _, loaded := kernel[r]; !loaded {
					return
				}
				kernel[r]++
				for fault, rules := range c.claims {
					for _, of := range rules {
						if of == r {
							twin[fault]++
						}
					}
				}
			},
			"heal": func(t *rapid.T) {
				if len(twin) == 0 {
					return
				}
				fault := rapid.SampledFrom(keys(twin)).Draw(t, "fault")
				if packets, held := load(fault, nil); !held || packets != twin[fault] {
					t.Fatalf("fault %d: %d drops, held %v; want %d",
						fault, packets, held, twin[fault])
				}
				delete(twin, fault)
			},
		})
	})
}

func keys(of map[int]uint64) []int {
	var found []int
	for k := range 1000 {
		if _, there := of[k]; there {
			found = append(found, k)
		}
	}
	return found
}

// Goal: a rule that vanished is noticed even while others of the same fault still count.
func TestMissingRuleIsNotHeld(t *testing.T) {
	one, two := rule{addr("10.0.0.1"), history.CutPackets}, rule{addr("10.0.0.2"), history.CutPackets}
	c := chain{}
	c.replace(c.with(1, []rule{one, two}))
	c.loaded = map[rule]uint64{one: 5}
	if packets, held := c.drops(1); held {
		t.Errorf("%d drops are held to be all", packets)
	}
}
