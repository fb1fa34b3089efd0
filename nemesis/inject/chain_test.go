package inject

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"gauntlet/history"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// theScope is that of a host which is reached from 198.18.0.1.
func theScope(peerPort, clientPort int) scope {
	return scope{chain: "GNT-x-IN", control: endpoint{addr("198.18.0.1"), 2222},
		peerPort: peerPort, clientPort: clientPort,
		peers: []netip.Addr{addr("198.18.0.11"), addr("fd00::11")}}
}

// Goal: the rules are those of the cookbook, control first. Method: written out once.
func TestRestoreText(t *testing.T) {
	one, two, any4 := addr("198.18.0.11"), addr("198.18.0.12"), anyone("4")
	six, more := addr("fd00::11"), addr("fd00::12")
	rules := union(map[int][]rule{1: {
		{from: one, mode: history.CutPackets}, {from: two, mode: history.CutPayload},
		{from: one, mode: history.CutPackets, rate: 300},
		{from: one, mode: history.CutPackets, size: 1400},
		{from: two, mode: history.CutReject}, {from: two, mode: cutOther},
		{from: any4, clients: true, mode: history.CutPackets},
		{from: any4, clients: true, mode: history.CutReject},
		{from: six, mode: history.CutPackets}, {from: more, mode: history.CutPayload, rate: 5},
		{from: six, mode: history.CutPackets, size: 65535},
	}})
	const head4 = `-A GNT-x-IN -i lo -j RETURN
-A GNT-x-IN -s 198.18.0.1 -p tcp --dport 2222 -j RETURN
`
	for _, c := range []struct {
		family                string
		peerPort, clientsPort int
		want                  string
	}{
		{"4", 4401, 4401, head4 +
			`-A GNT-x-IN -s 198.18.0.11 -p tcp -m multiport --ports 4401 ` +
			`-m statistic --mode random --probability 0.300 -j DROP
-A GNT-x-IN -s 198.18.0.11 -p tcp -m multiport --ports 4401 -m length --length 1400:65535 -j DROP
-A GNT-x-IN -s 198.18.0.11 -p tcp -m multiport --ports 4401 -j DROP
-A GNT-x-IN -s 198.18.0.12 -p tcp -m multiport --ports 4401 ` +
			`-m u32 --u32 "0>>22&0x3C@12>>26&0x3C@0&0x0=0" -j DROP
-A GNT-x-IN -s 198.18.0.12 -p tcp -m multiport --ports 4401 ` +
			`-m tcp ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset
-A GNT-x-IN -s 198.18.0.12 -p tcp -m multiport --ports 4401 -j DROP
-A GNT-x-IN -s 198.18.0.11 -j RETURN
-A GNT-x-IN -p tcp -m tcp --dport 4401 ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset
-A GNT-x-IN -p tcp -m tcp --dport 4401 -j DROP
`},
		{"4", 0, 4400, head4 +
			`-A GNT-x-IN -s 198.18.0.11 -m statistic --mode random --probability 0.300 -j DROP
-A GNT-x-IN -s 198.18.0.11 -p tcp -m length --length 1400:65535 -j DROP
-A GNT-x-IN -s 198.18.0.11 -j DROP
-A GNT-x-IN -s 198.18.0.12 -p tcp -m u32 --u32 "0>>22&0x3C@12>>26&0x3C@0&0x0=0" -j DROP
-A GNT-x-IN -s 198.18.0.12 -p tcp -m tcp ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset
-A GNT-x-IN -s 198.18.0.12 ! -p tcp -j DROP
-A GNT-x-IN -s 198.18.0.11 -j RETURN
-A GNT-x-IN -p tcp -m tcp --dport 4400 ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset
-A GNT-x-IN -p tcp -m tcp --dport 4400 -j DROP
`},
		{"6", 4401, 4401, `-A GNT-x-IN -i lo -j RETURN
-A GNT-x-IN -s fd00::11 -p tcp -m multiport --ports 4401 -m length --length 65535:65535 -j DROP
-A GNT-x-IN -s fd00::11 -p tcp -m multiport --ports 4401 -j DROP
-A GNT-x-IN -s fd00::12 -p tcp -m multiport --ports 4401 ` +
			`-m u32 --u32 "52>>26&0x3C@40&0x0=0" ` +
			`-m statistic --mode random --probability 0.005 -j DROP
`},
	} {
		if got := restore(theScope(c.peerPort, c.clientsPort), rules, c.family); got != c.want {
			t.Errorf("family %s, port %d:\n%s\nwant\n%s", c.family, c.peerPort, got, c.want)
		}
	}
	if got := restore(theScope(0, 0), rules[:1], "6"); got != "" {
		t.Errorf("nothing to drop, yet %q", got)
	}
}

// Goal: what cannot be enforced is refused, and what is the same is one rule.
func TestNewRules(t *testing.T) {
	cut := func(mode history.CutMode, rate, size int) history.Cut {
		return history.Cut{From: "n1", To: "n2", Mode: mode, Rate: rate, Size: size}
	}
	from := addr("10.0.0.1")
	for _, c := range []struct {
		cut   history.Cut
		port  int
		rules []rule
	}{
		{cut("", 0, 0), 1, nil}, {cut("slowly", 0, 0), 1, nil},
		{cut(history.CutPackets, -1, 0), 1, nil}, {cut(history.CutPackets, 1001, 0), 1, nil},
		{cut(history.CutPackets, 0, -1), 1, nil}, {cut(history.CutPackets, 0, 65536), 1, nil},
		{cut(history.CutPackets, 1000, 0), 1, []rule{{from: from, mode: history.CutPackets}}},
		{cut(history.CutPayload, 999, 9), 0,
			[]rule{{from: from, mode: history.CutPayload, rate: 999, size: 9}}},
		{cut(history.CutReject, 0, 0), 1, []rule{{from: from, mode: history.CutReject}}},
		{cut(history.CutReject, 0, 0), 0,
			[]rule{{from: from, mode: history.CutReject}, {from: from, mode: cutOther}}},
	} {
		rules, err := newRules(c.cut, from, c.port)
		if (err == nil) != (len(c.rules) > 0) || !slices.Equal(rules, c.rules) {
			t.Errorf("%+v: %+v, %v", c.cut, rules, err)
		}
	}
}

// Goal: counters find their rule again. Method: a listing as iptables v1.8.9 prints it, of either
// backend.
func TestParseCounters(t *testing.T) {
	got, err := parseCounters(`-N GNT-ab-IN
-A GNT-ab-IN -i lo -c 7 700 -j RETURN
-A GNT-ab-IN -s 198.18.0.1/32 -p tcp -m tcp --dport 22 -c 9 900 -j RETURN
-A GNT-ab-IN -s 198.18.0.11/32 -p tcp -m multiport --ports 4401 -m statistic --mode random `+
		`--probability 0.29999999981 -c 1 180 -j DROP
-A GNT-ab-IN -s 198.18.0.11/32 -p tcp -m multiport --ports 4401 -m length --length 1400:65535 `+
		`-c 2 180 -j DROP
-A GNT-ab-IN -s 198.18.0.11/32 -p tcp -m multiport --ports 4401 -m length --length 65535 `+
		`-c 12 180 -j DROP
-A GNT-ab-IN -s 198.18.0.11/32 -p tcp -m multiport --ports 4401 -c 3 180 -j DROP
-A GNT-ab-IN -s 198.18.0.12/32 -p tcp -m multiport --ports 4401 -m u32 --u32 `+
		`"0x0>>0x16&0x3c@0xc>>0x1a&0x3c@0x0&0x0=0x0" -c 5 0 -j DROP
-A GNT-ab-IN -s 198.18.0.13/32 -p tcp -m tcp ! --tcp-flags RST RST -c 6 0 -j REJECT `+
		`--reject-with tcp-reset
-A GNT-ab-IN -s 198.18.0.13/32 ! -p tcp -c 7 0 -j DROP
-A GNT-ab-IN -p tcp -m tcp --dport 4400 ! --tcp-flags RST RST -c 8 0 -j REJECT `+
		`--reject-with tcp-reset
-A GNT-ab-IN -p tcp -m tcp --dport 4400 -c 9 0 -j DROP
-A GNT-ab-IN -s fd00::1/128 -c 0 0 -j DROP
`, "4")
	first, third := addr("198.18.0.11"), addr("198.18.0.13")
	want := map[rule]uint64{
		{from: first, mode: history.CutPackets, rate: 300}:               1,
		{from: first, mode: history.CutPackets, size: 1400}:              2,
		{from: first, mode: history.CutPackets, size: 65535}:             12,
		{from: first, mode: history.CutPackets}:                          3,
		{from: addr("198.18.0.12"), mode: history.CutPayload}:            5,
		{from: third, mode: history.CutReject}:                           6,
		{from: third, mode: cutOther}:                                    7,
		{from: addr("0.0.0.0"), clients: true, mode: history.CutReject}:  8,
		{from: addr("0.0.0.0"), clients: true, mode: history.CutPackets}: 9,
		{from: addr("fd00::1"), mode: history.CutPackets}:                0,
	}
	if err != nil || !maps.Equal(got, want) {
		t.Fatalf("%v\nwant %v: %v", got, want, err)
	}
	for _, bad := range []string{"-A x -j DROP", "-A x -s 1.2.3.4/32 -j DROP",
		"-A x -s 1.2.3.4/32 -c many 0 -j DROP", "-A x -s here -c 1 0 -j DROP", "-A x -j REJECT",
		"-A x -s 1.2.3.4/32 -m length --length long -c 1 0 -j DROP",
		"-A x -s 1.2.3.4/32 --probability often -c 1 0 -j DROP"} {
		if _, err := parseCounters(bad, "4"); err == nil {
			t.Errorf("%q is taken for counters", bad)
		}
	}
}

func FuzzParseCounters(f *testing.F) {
	f.Add("-A x -s 1.2.3.4/32 -c 1 0 -j DROP\n-A x -s")
	f.Add("-A x -p tcp --dport 1 ! --tcp-flags RST RST -c 1 0 -j REJECT --reject-with tcp-reset")
	f.Add("-A x -s ::1/128 -m length --length 9 --probability 0.5 -c 18446744073709551615 0 -j DROP")
	f.Fuzz(func(t *testing.T, listing string) {
		found, err := parseCounters(listing, "6")
		most := strings.Count(listing, "DROP") + strings.Count(listing, "REJECT")
		if err != nil && found != nil || len(found) > most {
			t.Fatalf("%v, %v", found, err)
		}
	})
}

// Goal: a rule that vanished is noticed even while others of the same fault still count.
func TestMissingRuleIsNotHeld(t *testing.T) {
	one, two := rule{from: addr("10.0.0.1"), mode: history.CutPackets},
		rule{from: addr("10.0.0.2"), mode: history.CutPackets}
	c := chain{}
	c.replace(c.with(1, []rule{one, two}))
	c.loaded = map[rule]uint64{one: 5}
	if packets, held := c.drops(1); held {
		t.Errorf("%d drops are held to be all", packets)
	}
}
