package suite

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/history"
	"gauntlet/nemesis"
)

// faultKinds are the kinds of fault that a history records.
var faultKinds = func() []string {
	var kinds []string
	for _, kind := range nemesis.Kinds() {
		kinds = append(kinds, string(kind))
	}
	return kinds
}()

// leastFlap is how long the links of hosts must be cut, and be healed, so that they flap at all.
const leastFlap = 500 * time.Millisecond

// What series and timelines are told alike.
const (
	flapHint   = "a cut of a host and its proof take about so long"
	buildsHint = "write them: target: {raftd: {binaries: [old, new]}}"
)

// faultKeys are what a series of faults of that kind is made of in a suite.
func faultKeys(kind nemesis.Kind) []string {
	traits := kind.Traits()
	keys := []string{whomKey(kind)}
	switch {
	case kind == nemesis.KindPartition:
		keys = []string{"shapes", "sites", "from-start", "flap"}
	case kind == nemesis.KindVersion:
		keys = []string{"steps"}
	case traits.Links:
		keys = []string{"shapes", "sites"}
	}
	return append(append(keys, measureKeys(kind)...), "every", "for")
}

// whomKey is under what it stands whom a fault that strikes no links is on.
func whomKey(kind nemesis.Kind) string {
	if kind == nemesis.KindTransfer {
		return "to"
	}
	return "on"
}

// measureKeys are what says how much of a fault there is.
func measureKeys(kind nemesis.Kind) []string {
	var keys []string
	traits := kind.Traits()
	if kind == nemesis.KindPartition || kind == nemesis.KindClientCut {
		keys = append(keys, "mode")
	}
	if traits.MaxRate != 0 {
		keys = append(keys, "rate")
	}
	if traits.Amount {
		keys = append(keys, "amount")
	}
	if traits.Size {
		keys = append(keys, "size")
	}
	if traits.Entries {
		keys = append(keys, "entries")
	}
	return keys
}

// measure is how much of a fault there is.
type measure struct {
	rate    int // permille
	amount  time.Duration
	size    int // bytes
	mode    history.CutMode
	entries int
}

func (b block) measure(kind nemesis.Kind) measure {
	var m measure
	traits := kind.Traits()
	b.permille("rate", &m.rate, between[int]{traits.MinRate, traits.MaxRate})
	b.duration("amount", &m.amount, between[time.Duration]{time.Millisecond, time.Hour})
	b.integer("size", &m.size, between[int]{1, 65535})
	b.text("mode", (*string)(&m.mode))
	b.integer("entries", &m.entries, between[int]{1, 100_000_000})
	for _, key := range measureKeys(kind) {
		b.d.missing(b.path, key, key == "mode" || b.has(key))
	}
	return m
}

// extendMeasure adds the measure that the key is of.
func extendMeasure(node *yaml.Node, key string, m measure) {
	switch key {
	case "rate":
		extend(node, key, formatPercent(m.rate))
	case "amount":
		extend(node, key, m.amount)
	case "size":
		extend(node, key, m.size)
	case "entries":
		extend(node, key, m.entries)
	case "mode":
		extendIf(node, m.mode != "", key, string(m.mode))
	}
}

func (d *decoder) faults(b block, t Target) []nemesis.Spec {
	node, path := b.get("faults")
	if node == nil {
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		d.spoil(path, node.Line, "write a list: - partition: {...}", "must be a list, not %s",
			describe(node))
		return nil
	}
	var specs []nemesis.Spec
	for i, entry := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		specs = append(specs, d.fault(d.block(entry, at, faultKinds...), t))
	}
	return specs
}

// fault reads one series. Its kind is "" if it is not clear which one it is.
func (d *decoder) fault(b block, t Target) nemesis.Spec {
	kind := nemesis.Kind(b.one("fault", faultKinds...))
	spec := nemesis.Spec{Kind: kind}
	if kind == "" {
		return spec
	}
	if kind == nemesis.KindVersion {
		spec.For, spec.Builds = time.Second, t.facts().builds
		spec.Shapes = []nemesis.Shape{nemesis.ShapeUpgrade, nemesis.ShapeDowngrade}
	}
	inner := b.inner(string(kind), faultKeys(kind)...)
	for _, key := range []string{"steps", "shapes", whomKey(kind)} {
		inner.asList(key)
	}
	words(inner, "steps", &spec.Shapes)
	words(inner, "shapes", &spec.Shapes)
	words(inner, whomKey(kind), &spec.On)
	inner.sites("sites", &spec.Sites)
	inner.boolean("from-start", &spec.FromStart)
	inner.duration("flap", &spec.Flap, between[time.Duration]{10 * time.Millisecond, anyLength.High})
	m := inner.measure(kind)
	spec.Rate, spec.Amount, spec.Size, spec.Mode = m.rate, m.amount, m.size, m.mode
	spec.Entries = m.entries
	bounds := between[time.Duration]{100 * time.Millisecond, anyLength.High}
	inner.duration("every", &spec.Every, bounds)
	inner.duration("for", &spec.For, bounds)
	return spec
}

// sites reads which nodes stand together: [[1, 2], [3]].
func (b block) sites(key string, into *[][]int) {
	node, path := b.get(key)
	if node == nil {
		return
	}
	const hint = "write the nodes of each site, counted from 1: [[1, 2], [3, 4], [5]]"
	if node.Kind != yaml.SequenceNode {
		b.d.spoil(path, node.Line, hint, "must be a list of lists, not %s", describe(node))
		return
	}
	for _, entry := range node.Content {
		entry = follow(entry)
		var site []int
		if entry.Kind != yaml.SequenceNode || entry.Decode(&site) != nil {
			b.d.spoil(path, entry.Line, hint, "must hold lists of whole numbers, not %s",
				describe(entry))
			continue
		}
		*into = append(*into, site)
	}
}

// permille reads a rate in percent, such as 2.5%.
func (b block) permille(key string, into *int, bounds between[int]) {
	const hint = "write a number and the unit: 30%, 2.5%"
	text, ok := b.scalar(key, "a rate", hint, "!!str", "!!int", "!!float")
	if !ok {
		return
	}
	value, err := parsePercent(text)
	path := b.at(key)
	switch {
	case err != nil:
		b.d.spoil(path, b.d.line(path), hint, "%v", err)
	case value < bounds.Low:
		b.d.spoil(path, b.d.line(path), "", "%s is below the least value %s", text,
			formatPercent(bounds.Low))
	case value > bounds.High:
		b.d.spoil(path, b.d.line(path), "", "%s is above the greatest value %s", text,
			formatPercent(bounds.High))
	case value == 0:
		b.d.spoil(path, b.d.line(path), "", "0 changes nothing")
	}
	*into = value
}

// parsePercent reads tenths of a percent exactly; what is finer is none of a rate.
func parsePercent(text string) (permille int, err error) {
	wrong := fmt.Errorf("%q is not a rate of tenths of a percent", text)
	digits, ok := strings.CutSuffix(text, "%")
	whole, tenth, fraction := strings.Cut(digits, ".")
	if !ok || fraction && len(tenth) != 1 || !fraction && whole == "" {
		return 0, wrong
	}
	if !fraction {
		tenth = "0"
	}
	permille, err = strconv.Atoi(whole + tenth)
	if err != nil || strings.HasPrefix(text, "+") {
		return 0, wrong
	}
	return permille, nil
}

func formatPercent(permille int) string {
	return strconv.FormatFloat(float64(permille)/10, 'f', -1, 64) + "%"
}

// faultRelations asks package nemesis, which alone knows what a fault needs, about one entry of
// the list.
func (d *decoder) faultRelations(path string, spec nemesis.Spec, s *Suite) {
	if spec.Kind == "" {
		return
	}
	path += "." + string(spec.Kind)
	d.supported(path, spec.Kind, s.Place)
	d.operable(path, spec.Kind, slices.Contains(spec.On, nemesis.RoleSpare), s)
	d.relate(s.Place == PlaceSim || spec.Flap == 0 || spec.Flap >= leastFlap,
		[]string{path + ".flap", "place"}, flapHint,
		"%s.flap: %v is below the least value %v of place %s", path, spec.Flap, leastFlap, s.Place)
	for _, key := range faultKeys(spec.Kind) {
		present := true
		switch key {
		case "shapes":
			present = len(spec.Shapes) > 0
		case "on", "to":
			present = len(spec.On) > 0
		case "every":
			present = spec.Every > 0 || spec.FromStart
		case "for":
			present = spec.For > 0 || spec.FromStart
		}
		d.missing(path, key, present)
	}
	if spec.Kind == nemesis.KindVersion && spec.Builds == nil {
		d.spoil(path, d.line(path), buildsHint, "needs a target of two builds")
	}
	if d.brokenBelow(path) || d.nodesBroken(s) || d.broken["phases.load"] {
		return
	}
	broken := leaves(spec.Valid(s.Target.Nodes()))
	if len(broken) == 0 {
		_, err := nemesis.NewPlan([]nemesis.Spec{spec}, s.Phases.Load, 0)
		broken = leaves(err)
	}
	for _, err := range broken {
		what := strings.TrimPrefix(err.Error(), "faults[0]: ")
		d.complain(d.line(path), "", "%s: %s", path, what)
	}
}

func faultNodes(specs []nemesis.Spec) *yaml.Node {
	sequence := &yaml.Node{Kind: yaml.SequenceNode}
	for _, spec := range specs {
		sequence.Content = append(sequence.Content, object(string(spec.Kind), faultNode(spec)))
	}
	return sequence
}

// faultNode writes one series; what is left out is what reading takes for granted.
func faultNode(spec nemesis.Spec) *yaml.Node {
	node := object()
	for _, key := range faultKeys(spec.Kind) {
		switch key {
		case "shapes", "steps":
			extend(node, key, list(spec.Shapes))
		case "on", "to":
			extend(node, key, list(spec.On))
		case "sites":
			extendIf(node, len(spec.Sites) > 0, key, siteNodes(spec.Sites))
		case "from-start":
			extendIf(node, spec.FromStart, key, true)
		case "flap":
			extendIf(node, spec.Flap != 0, key, spec.Flap)
		case "every":
			extendIf(node, !spec.FromStart, key, spec.Every)
		case "for":
			extendIf(node, !spec.FromStart, key, spec.For)
		default:
			extendMeasure(node, key,
				measure{spec.Rate, spec.Amount, spec.Size, spec.Mode, spec.Entries})
		}
	}
	return node
}

func extendIf(object *yaml.Node, holds bool, key string, value any) {
	if holds {
		extend(object, key, value)
	}
}

func siteNodes(sites [][]int) *yaml.Node {
	sequence := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, site := range sites {
		inner := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, number := range site {
			inner.Content = append(inner.Content, value(number))
		}
		sequence.Content = append(sequence.Content, inner)
	}
	return sequence
}
