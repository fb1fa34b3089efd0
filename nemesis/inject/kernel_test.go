package inject

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gauntlet/history"
	"pgregory.net/rapid"
)

// packet is one that arrives at the host whose chain is tested.
type packet struct {
	from       netip.Addr
	tcp, reset bool
	data       bool // more than a header; at least 4 bytes
	size       int
	port       int // that it is for
}

// kernel is a dumb one: it reads the text for iptables-restore word by word, takes packets through
// it from the top, and lists it as iptables does. A load makes it forget its counters.
type kernel struct {
	lines  []string
	counts []uint64
	chance func() bool // whether a rule that takes packets at random takes this one
}

func (k *kernel) load(text string) {
	k.lines = strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
	k.counts = make([]uint64, len(k.lines))
}

// arrive returns the line that dropped or rejected the packet; "" if it got through.
func (k *kernel) arrive(p packet) string {
	for i, line := range k.lines {
		if !k.matches(strings.Fields(line), p) {
			continue
		}
		k.counts[i]++
		if strings.Contains(line, "-j RETURN") {
			return ""
		}
		return line
	}
	return ""
}

func (k *kernel) matches(words []string, p packet) bool {
	not := false
	for i, word := range words {
		meets, next := true, ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch word {
		case "-i":
			meets = false
		case "-s":
			meets = next == p.from.String()
		case "-p":
			meets = p.tcp
		case "--ports", "--dport":
			meets = next == strconv.Itoa(p.port)
		case "--tcp-flags":
			meets = p.reset
		case "--u32":
			meets = p.data
		case "--length":
			smallest, _ := strconv.Atoi(strings.TrimSuffix(next, ":65535"))
			meets = p.size >= smallest
		case "--probability":
			meets = k.chance()
		}
		if meets == not && (word == "-p" || word == "--tcp-flags") || !meets && !not {
			return false
		}
		not = word == "!"
	}
	return true
}

func (k *kernel) list() string {
	var listing strings.Builder
	for i, line := range k.lines {
		line = strings.Replace(line, "65535:65535", "65535", 1)
		line = strings.Replace(line, " -j ", fmt.Sprintf(" -c %d 0 -j ", k.counts[i]), 1)
		if from := after(strings.Fields(line), "-s"); from != "" {
			prefix, _ := netip.MustParseAddr(from).Prefix(netip.MustParseAddr(from).BitLen())
			line = strings.Replace(line, from, prefix.String(), 1)
		}
		fmt.Fprintln(&listing, line)
	}
	return listing.String()
}

// wanted is a fault of the twin: its cuts, and what came of the packets that they mean.
type wanted struct {
	cuts    []history.Cut
	rules   []rule
	dropped uint64 // of those it means, whoever dropped them
	own     uint64 // by rules that it asked for
}

// twin is a host of which everything is written down packet by packet.
type twin struct {
	chain  chain
	kernel kernel
	scope  scope
	faults map[int]*wanted
	names  map[string]netip.Addr
}

// means tells whether a cut is about a packet, chance aside.
func (w *twin) means(cut history.Cut, p packet) bool {
	on := p.port == w.scope.peerPort && p.tcp || w.scope.peerPort == 0
	if cut.From == history.Clients {
		peer := slices.Contains(w.scope.peers, p.from)
		on = p.tcp && p.port == w.scope.clientPort &&
			!(peer && slices.Contains([]int{0, p.port}, w.scope.peerPort))
	} else if w.names[cut.From] != p.from {
		on = false
	}
	switch {
	case cut.Mode == history.CutPayload && !(p.tcp && p.data),
		cut.Mode == history.CutReject && p.tcp && p.reset, cut.Size > 0 && !(p.tcp && p.size >= cut.Size):
		return false
	}
	return on
}

func (w *twin) reload(t *rapid.T, id int, rules []rule) (uint64, bool) {
	counted, err := parseCounters(w.kernel.list(), "4")
	if err != nil {
		t.Fatal(err)
	}
	w.chain.loaded = counted
	packets, held := w.chain.drops(id)
	claims := w.chain.with(id, rules)
	w.kernel.load(restore(w.scope, union(claims), "4"))
	w.chain.replace(claims)
	return packets, held
}

func (w *twin) inject(t *rapid.T, id int) {
	f := &wanted{}
	for _, from := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"n1", "n2",
		history.Clients}), 1, 3, rapid.ID[string]).Draw(t, "from") {
		cut := history.Cut{From: from, To: "n3", Mode: rapid.SampledFrom([]history.CutMode{
			history.CutPackets, history.CutPayload, history.CutReject}).Draw(t, "mode")}
		if cut.Mode != history.CutReject {
			cut.Rate = rapid.SampledFrom([]int{0, 0, 1, 300, 999, 1000}).Draw(t, "rate")
			cut.Size = rapid.SampledFrom([]int{0, 0, 124, 1400, 65535}).Draw(t, "size")
		}
		addr := anyone("4")
		if from != history.Clients {
			addr = w.names[from]
		}
		rules, err := newRules(cut, addr, w.scope.peerPort)
		if err != nil {
			t.Fatal(err)
		}
		f.cuts, f.rules = append(f.cuts, cut), append(f.rules, rules...)
	}
	w.reload(t, id, f.rules)
	w.faults[id] = f
}

// arrive sends a packet, and checks that it is dropped just if somebody wants that.
func (w *twin) arrive(t *rapid.T) {
	p := packet{tcp: rapid.Bool().Draw(t, "tcp"), size: 60,
		port: rapid.SampledFrom([]int{4400, 4401, 9}).Draw(t, "port")}
	p.from = rapid.SampledFrom([]netip.Addr{w.names["n1"], w.names["n2"],
		addr("10.0.0.9")}).Draw(t, "source")
	if p.tcp {
		p.reset = rapid.Bool().Draw(t, "reset")
	}
	if p.data = rapid.Bool().Draw(t, "data"); p.data {
		p.size = rapid.SampledFrom([]int{100, 124, 1399, 1400, 65535}).Draw(t, "bytes")
	}
	w.kernel.chance = func() bool { return rapid.Bool().Draw(t, "chance") }
	line := w.kernel.arrive(p)
	surely, perhaps := false, false
	for _, f := range w.faults {
		for _, cut := range f.cuts {
			means := w.means(cut, p)
			surely = surely || means && (cut.Rate == 0 || cut.Rate == 1000)
			perhaps = perhaps || means
			if means && line != "" {
				f.dropped++
			}
		}
		if slices.ContainsFunc(f.rules, func(r rule) bool { return r.write(w.scope) == line+"\n" }) {
			f.own++
		}
	}
	if surely && line == "" || line != "" && !perhaps {
		t.Fatalf("%+v met %q; wanted surely %v, perhaps %v", p, line, surely, perhaps)
	}
}

// heal ends a fault, and checks what it claims to have dropped.
func (w *twin) heal(t *rapid.T) {
	if len(w.faults) == 0 {
		return
	}
	var ids []int
	for id := range w.faults {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	id := rapid.SampledFrom(ids).Draw(t, "fault")
	f := w.faults[id]
	delete(w.faults, id)
	packets, held := w.reload(t, id, nil)
	whole := !slices.ContainsFunc(f.cuts, func(c history.Cut) bool {
		return c.Mode != history.CutPackets || c.Size > 0 || c.Rate%1000 != 0
	})
	chancy := !slices.ContainsFunc(f.cuts, func(c history.Cut) bool { return c.Rate%1000 == 0 })
	if !held || packets < f.own || packets > f.dropped || whole && packets != f.dropped ||
		chancy && packets != f.own {
		t.Fatalf("fault %d, %+v: %d drops, held %v; own %d, of all it means %d", id, f.cuts, packets,
			held, f.own, f.dropped)
	}
}

// Goal: whatever overlaps, a packet is dropped just if some fault in force wants it; and each fault
// counts no packet that does not concern it or that came in another's time, all that its own rules
// took, no more than that if chance decides, and if it wants every packet, all of them, whoever
// came before. Method: random faults and packets, against a dumb kernel that reads the rules' text
// and a twin that knows every packet.
func TestDropsOfOverlappingFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &twin{faults: map[int]*wanted{}, names: map[string]netip.Addr{
			"n1": addr("10.0.0.1"), "n2": addr("10.0.0.2")}}
		w.scope = scope{chain: "G", control: endpoint{addr("10.0.0.8"), 22}, clientPort: 4400,
			peerPort: rapid.SampledFrom([]int{0, 4400, 4401}).Draw(t, "peers' port"),
			peers:    []netip.Addr{addr("10.0.0.1"), addr("10.0.0.2")}}
		next := 0
		t.Repeat(map[string]func(*rapid.T){
			"inject":  func(t *rapid.T) { next++; w.inject(t, next) },
			"packet":  w.arrive,
			"another": w.arrive,
			"heal":    w.heal,
		})
	})
}

// Goal: no order of a chain starves a fault: whatever else is cut on the same link, a loss still
// loses, a size cut still meets large packets, a full cut still counts. Method: all pairs of cuts,
// and a stream of packets of every sort.
func TestNoCutStarvesAnother(t *testing.T) {
	var all []history.Cut
	for _, mode := range []history.CutMode{history.CutPackets, history.CutPayload,
		history.CutReject} {
		all = append(all, history.Cut{Mode: mode})
		if mode != history.CutReject {
			all = append(all, history.Cut{Mode: mode, Rate: 300}, history.Cut{Mode: mode, Size: 1400},
				history.Cut{Mode: mode, Rate: 700}, history.Cut{Mode: mode, Size: 900})
		}
	}
	from, draws := addr("10.0.0.1"), rand.New(rand.NewPCG(1, 2))
	for _, port := range []int{0, 4401} {
		for _, one := range all {
			for _, two := range all {
				c, k := chain{}, kernel{chance: func() bool { return draws.IntN(2) == 0 }}
				s := theScope(port, 4400)
				for id, cut := range []history.Cut{one, two} {
					rules, err := newRules(cut, from, port)
					if err != nil {
						t.Fatal(err)
					}
					c.replace(c.with(id, rules))
				}
				k.load(restore(s, union(c.claims), "4"))
				for n := range 100 {
					k.arrive(packet{from: from, tcp: true, port: 4401, data: n%4 > 0,
						size: []int{52, 100, 1000, 1500}[n%4]})
				}
				c.loaded, _ = parseCounters(k.list(), "4")
				for id := range 2 {
					if packets, held := c.drops(id); packets == 0 || !held {
						t.Fatalf("%+v and %+v: fault %d has %d drops, held %v:\n%s", one, two, id,
							packets, held, k.list())
					}
				}
			}
		}
	}
}

// Goal: a rule is read back as it was written. Method: every rule that a cut can be, through the
// text that is loaded and the form in which it is listed.
func TestRulesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		family := rapid.SampledFrom([]string{"4", "6"}).Draw(t, "family")
		cut := history.Cut{From: rapid.SampledFrom([]string{"n1", history.Clients}).Draw(t, "from"),
			Mode: rapid.SampledFrom([]history.CutMode{history.CutPackets, history.CutPayload,
				history.CutReject}).Draw(t, "mode"),
			Rate: rapid.IntRange(0, 1000).Draw(t, "rate"), Size: rapid.IntRange(0, 65535).Draw(t, "size")}
		from := map[string]netip.Addr{"4": addr("10.0.0.1"), "6": addr("fd00::1")}[family]
		if cut.From == history.Clients {
			from = anyone(family)
		}
		s := theScope(rapid.SampledFrom([]int{0, 4400, 4401}).Draw(t, "port"), 4400)
		rules, err := newRules(cut, from, s.peerPort)
		if err != nil {
			t.Fatal(err)
		}
		k := kernel{}
		k.load(restore(s, rules, family))
		// The kernel keeps probabilities in steps of 2 to the power of -31.
		listing := k.list()
		if text := after(strings.Fields(listing), "--probability"); text != "" {
			p, _ := strconv.ParseFloat(text, 64)
			kept := float64(int64(p*(1<<31)+0.5)) / (1 << 31)
			listing = strings.Replace(listing, text, fmt.Sprintf("%.11f", kept), 1)
		}
		found, err := parseCounters(listing, family)
		if err != nil || len(found) != len(rules) {
			t.Fatalf("%v, %v from\n%s", found, err, listing)
		}
		for _, r := range rules {
			if _, there := found[r]; !there {
				t.Fatalf("%+v is not in %v", r, found)
			}
		}
	})
}
