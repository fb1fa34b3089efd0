package inject

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"gauntlet/history"
)

// rule drops what one peer sends, or a part of it. Faults that overlap on a host may share rules.
type rule struct {
	from    netip.Addr // the peer; if clients, 0.0.0.0 or ::
	clients bool       // what arrives at the clients' port instead, whoever sends it
	mode    history.CutMode
	rate    int // permille of the packets, at random; 0: all of them
	size    int // only TCP packets of so many bytes or more, headers included; 0: of any size
}

// cutOther is the half of a rejecting cut of all traffic that no reset can answer: it is dropped.
const cutOther history.CutMode = "other"

// dataSize is a size from which on every TCP packet carries data: the longest headers of IP and
// TCP together, and the 4 bytes that our match needs to see.
const dataSize = 60 + 60 + 4

// largestSize is as long as an IP packet gets, by the header of IPv4.
const largestSize = 65535

// newRules returns the rules of one cut at the host that enforces it: one, or two if all traffic is
// rejected, of which only TCP knows a reset. Without a port of the peers, all traffic is.
func newRules(cut history.Cut, from netip.Addr, port int) ([]rule, error) {
	r := rule{from: from, clients: cut.From == history.Clients, mode: cut.Mode, rate: cut.Rate,
		size: cut.Size}
	switch {
	case !slices.Contains([]history.CutMode{history.CutPackets, history.CutPayload,
		history.CutReject}, cut.Mode):
		return nil, fmt.Errorf("cut of unknown mode %q", string(cut.Mode))
	case cut.Rate < 0 || cut.Rate > 1000:
		return nil, fmt.Errorf("cut of %d permille of the packets", cut.Rate)
	case cut.Size < 0 || cut.Size > largestSize:
		return nil, fmt.Errorf("cut of packets of %d bytes", cut.Size)
	}
	if r.rate == 1000 {
		r.rate = 0 // it is all of them, and shares the rule of those who say so
	}
	if cut.Mode != history.CutReject || r.clients || port != 0 || r.size > 0 {
		return []rule{r}, nil
	}
	rest := r
	rest.mode = cutOther
	return []rule{r, rest}, nil
}

// place is the order of the modes among rules that are otherwise alike.
var place = map[history.CutMode]int{history.CutPayload: 0, history.CutReject: 1, cutOther: 2,
	history.CutPackets: 3}

// compare is the order of the rules in a chain. A packet meets the first rule that takes it, and no
// other counts it, so those that take fewer come first: else a full cut would leave nothing for the
// loss on the same link, and a loss that loses nothing proves nothing. What rejects comes before
// what drops in silence: that a packet is lost is true of both then. Rules of clients come last, as
// scope wants it.
func (r rule) compare(other rule) int {
	after := func(truth bool) int {
		if truth {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(after(r.clients), after(other.clients)),
		r.from.Compare(other.from),
		cmp.Compare(after(r.rate == 0), after(other.rate == 0)),
		cmp.Compare(r.rate, other.rate),
		cmp.Compare(after(r.size == 0), after(other.size == 0)),
		cmp.Compare(other.size, r.size),
		cmp.Compare(place[r.mode], place[other.mode]))
}

// covers reports that all that an earlier rule takes this one would have taken, had it come so far.
// So what that one dropped was lost to whoever wants this one, too.
func (r rule) covers(earlier rule) bool {
	if r.from != earlier.from || r.clients != earlier.clients || r.rate != 0 ||
		earlier.compare(r) >= 0 || r.size > 0 && earlier.size < r.size {
		return false
	}
	return r.mode == history.CutPackets || r.mode == earlier.mode ||
		r.mode == history.CutPayload && earlier.mode == history.CutPackets && earlier.size >= dataSize
}

// family tells whether the rule concerns IPv4, "4", or IPv6, "6".
func (r rule) family() string {
	if r.from.Is4() {
		return "4"
	}
	return "6"
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

// anyone is the source of a rule of clients.
func anyone(family string) netip.Addr {
	if family == "4" {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// Which packets carry data: the matches step over the headers to the first payload word, which an
// acknowledgement does not have. Payloads of 1 to 3 bytes pass. IPv6: without extension headers.
const (
	payload4 = `0>>22&0x3C@12>>26&0x3C@0&0x0=0`
	payload6 = `52>>26&0x3C@40&0x0=0`
)

// notReset keeps a reset from being rejected: where both ends of a link reject, the answer to one
// would be stopped by the other, and no connection would ever hear that it is dead.
const notReset = "! --tcp-flags RST RST"

// write is the rule as a line for iptables-restore.
func (r rule) write(s scope) string {
	var line strings.Builder
	fmt.Fprintf(&line, "-A %s", s.chain)
	if !r.clients {
		fmt.Fprintf(&line, " -s %s", r.from)
	}
	switch {
	case r.clients:
		fmt.Fprintf(&line, " -p tcp -m tcp --dport %d", s.clientPort)
	case s.peerPort != 0:
		fmt.Fprintf(&line, " -p tcp -m multiport --ports %d", s.peerPort)
	case r.mode == cutOther:
		line.WriteString(" ! -p tcp")
	case r.mode != history.CutPackets || r.size > 0:
		line.WriteString(" -p tcp")
	}
	switch {
	case r.mode == history.CutReject && r.clients:
		line.WriteString(" " + notReset)
	case r.mode == history.CutReject:
		line.WriteString(" -m tcp " + notReset)
	case r.mode == history.CutPayload:
		fmt.Fprintf(&line, ` -m u32 --u32 "%s"`,
			map[string]string{"4": payload4, "6": payload6}[r.family()])
	}
	if r.size > 0 {
		fmt.Fprintf(&line, " -m length --length %d:%d", r.size, largestSize)
	}
	if r.rate > 0 {
		fmt.Fprintf(&line, " -m statistic --mode random --probability 0.%03d", r.rate)
	}
	if r.mode == history.CutReject {
		return line.String() + " -j REJECT --reject-with tcp-reset\n"
	}
	return line.String() + " -j DROP\n"
}

// readRule reads a line of "iptables -v -S CHAIN" that drops or rejects, and the packets that it
// counted.
func readRule(line, family string) (r rule, packets uint64, err error) {
	fields := strings.Fields(line)
	r.mode = history.CutPackets
	switch {
	case after(fields, "-j") == "REJECT":
		r.mode = history.CutReject
	case slices.Contains(fields, "u32"):
		r.mode = history.CutPayload
	case strings.Contains(line, " ! -p tcp "):
		r.mode = cutOther
	}
	r.clients = slices.Contains(fields, "--dport")
	for _, read := range []func() error{
		func() error {
			if r.clients {
				r.from = anyone(family)
				return nil
			}
			prefix, err := netip.ParsePrefix(after(fields, "-s"))
			r.from = prefix.Addr()
			return err
		},
		func() (err error) {
			smallest, _, _ := strings.Cut(after(fields, "--length"), ":") // 65535:65535 is shown as 65535
			r.size, err = strconv.Atoi(cmp.Or(smallest, "0"))
			return err
		},
		func() error { // the kernel has powers of two: 0.3 is shown as 0.29999999981
			probability, err := strconv.ParseFloat(cmp.Or(after(fields, "--probability"), "0"), 64)
			r.rate = int(math.Round(probability * 1000))
			return err
		},
		func() (err error) {
			packets, err = strconv.ParseUint(after(fields, "-c"), 10, 64)
			return err
		},
	} {
		if err := read(); err != nil {
			return rule{}, 0, fmt.Errorf("rule %q: %w", line, err)
		}
	}
	return r, packets, nil
}

// after is the word behind a flag; "" if there is none.
func after(fields []string, flag string) string {
	if i := slices.Index(fields, flag); i >= 0 && i+1 < len(fields) {
		return fields[i+1]
	}
	return ""
}
