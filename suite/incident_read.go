package suite

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/checker"
)

// incident reads what happened, and the suite again under each set of options of which something is
// expected. It comes last: what is wrong with the suite itself is not said of each set again.
func (d *decoder) incident(b block, root *yaml.Node, s *Suite) *Incident {
	if !b.has("incident") {
		return nil
	}
	const path = "incident"
	inner := b.inner(path, "title", "facts", "evidence", "signature", "expect")
	i := &Incident{}
	i.Title, i.Facts = inner.prose("title"), inner.prose("facts")
	inner.texts("evidence", &i.Evidence)
	i.Signature = d.signature(inner, s)
	d.relate(len(d.timeline)+len(s.Faults) > 0, []string{path, "timeline", "faults"},
		"write a timeline", "incident: nothing happens in this suite")
	if !d.variant {
		i.Expect = d.expectations(inner, root, s)
	}
	return i
}

// prose reads a text that must be there.
func (b block) prose(key string) string {
	var text string
	b.text(key, &text)
	text = strings.TrimSpace(text)
	b.d.missing(b.path, key, text != "")
	return text
}

func (d *decoder) signature(b block, s *Suite) checker.Signature {
	const path = "incident.signature"
	inner := b.inner("signature", "violation", "gap", "unavailable", "recovery", "terms")
	var g checker.Signature
	inner.word("violation", &g.Violation, append([]string{checker.ViolationAny}, checks...)...)
	positive := between[time.Duration]{time.Millisecond, anyLength.High}
	inner.duration("gap", &g.Gap, positive)
	inner.permille("unavailable", &g.Unavailable, between[int]{1, 1000})
	inner.duration("recovery", &g.Recovery, positive)
	inner.integer("terms", &g.Terms, between[int]{1, 1_000_000})
	d.relate(!b.has("signature") || g != (checker.Signature{}) || d.brokenBelow(path), []string{path},
		"leave it out for any violation", "%s: names nothing", path)
	d.relate(g.Violation == "" || g.Violation == checker.ViolationAny ||
		slices.Contains(s.Checks, g.Violation), []string{path + ".violation", "checks"}, "",
		"signature.violation %s is none of checks %v", g.Violation, s.Checks)
	load, recovery := s.Phases.Load, s.Phases.Recovery
	d.relate(g.Gap <= load+recovery, []string{path + ".gap", "phases.load", "phases.recovery"},
		"clients work no longer than that",
		"signature.gap %v exceeds phases.load %v and phases.recovery %v together",
		g.Gap, load, recovery)
	d.recovers(path, "signature.recovery", g.Recovery, s)
	d.relate(g.Terms == 0 || s.Target.observed(), []string{path + ".terms"}, observeHint,
		"signature.terms: only nodes can tell their terms, and the target has no observe")
	return g
}

// recovers checks a time after the last heal, under the key "recovery" of a path.
func (d *decoder) recovers(path, name string, after time.Duration, s *Suite) {
	d.relate(after <= s.Phases.Recovery, []string{path + ".recovery", "phases.recovery"},
		"nothing can be seen of it after the recovery ended",
		"%s %v must not exceed phases.recovery %v", name, after, s.Phases.Recovery)
}

// expectations reads what the file promises, each under options of its own.
func (d *decoder) expectations(b block, root *yaml.Node, s *Suite) []Expectation {
	node, path := b.get("expect")
	if node == nil {
		return nil
	}
	const hint = "write a list: - {options: {prevote: false}, answer: reproduced}"
	if node.Kind != yaml.SequenceNode {
		d.spoil(path, node.Line, hint, "must be a list, not %s", describe(node))
		return nil
	}
	if len(node.Content) == 0 {
		d.spoil(path, node.Line, hint, "the list is empty")
	}
	told := map[int]bool{}
	for _, problem := range d.problems {
		told[problem.Line] = true
	}
	var all []Expectation
	for n, written := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, n)
		one := d.block(written, at, "options", "answer", "at-least", "at-most", "recovery")
		e := d.expectation(one, s)
		if follow(written).Kind == yaml.MappingNode {
			d.underOptions(&e, at, get(written, "options"), root, told)
		}
		if e.Suite != nil {
			d.comparable(all, e, at, s)
		}
		all = append(all, e)
	}
	return all
}

func (d *decoder) expectation(b block, s *Suite) Expectation {
	var e Expectation
	b.word("answer", &e.Answer, AnswerReproduced, AnswerNot)
	d.missing(b.path, "answer", b.has("answer"))
	b.permille("at-least", &e.AtLeast, between[int]{1, 1000})
	b.permille("at-most", &e.AtMost, between[int]{1, 1000})
	b.duration("recovery", &e.Recovery, between[time.Duration]{time.Millisecond, anyLength.High})
	least, most := b.at("at-least"), b.at("at-most")
	d.relate(e.AtLeast == 0 || e.Answer != AnswerNot, []string{least, b.at("answer")}, "",
		"at-least %s and answer %s exclude each other", formatPercent(e.AtLeast), e.Answer)
	d.relate(e.AtMost == 0 || e.AtLeast <= e.AtMost, []string{least, most}, "",
		"at-least %s must not exceed at-most %s", formatPercent(e.AtLeast), formatPercent(e.AtMost))
	d.recovers(b.path, "recovery", e.Recovery, s)
	return e
}

// underOptions reads the whole suite again, with the options of one expectation put over those of
// its target. A line of which the suite itself is told is not told of again.
func (d *decoder) underOptions(
	e *Expectation, path string, options, root *yaml.Node, told map[int]bool,
) {
	var keys []string
	tree := root
	name, kind := targetOf(root)
	if kind == nil {
		return // said already
	}
	if options != nil {
		options = follow(options)
		for i := 0; i+1 < len(options.Content); i += 2 {
			keys = append(keys, options.Content[i].Value)
		}
		distinct := slices.Compact(slices.Sorted(slices.Values(keys)))
		d.block(options, path+".options", distinct...) // complains of what stands twice
		if options.Kind != yaml.MappingNode || len(distinct) < len(keys) {
			return
		}
		kind = with(kind, "options", over(get(kind, "options"), options))
		tree = with(root, "target", with(get(root, "target"), name, kind))
	}
	own := newDecoder(d.file, d.place)
	own.variant = true
	variant := own.suite(tree)
	for _, problem := range own.problems {
		if !told[problem.Line] {
			problem.What = strings.TrimPrefix(path, "incident.") + ": " + problem.What
			d.problems = append(d.problems, problem)
		}
	}
	if len(own.problems) == 0 {
		variant.Seed = nil // that of a run is its own
		e.Suite, e.Options = variant, optionsText(variant.Target, keys)
	}
}

// comparable checks that what is expected under different options differs in nothing else.
func (d *decoder) comparable(before []Expectation, e Expectation, path string, s *Suite) {
	options := []string{path + ".options"}
	mine, suites := e.Suite.Target.ElectionTimeout(), s.Target.ElectionTimeout()
	d.relate(mine == suites, options, "the times of the suite are written in it: write another file",
		"election-timeout %v of %s must be the suite's %v", mine, path, suites)
	same := slices.IndexFunc(before, func(other Expectation) bool {
		return other.Suite != nil && reflect.DeepEqual(other.Suite.Target, e.Suite.Target)
	})
	d.relate(same < 0, options, "", "expect[%d] has the same options as expect[%d]", len(before), same)
}

// optionsText writes some options of a target on one line, as Resolved writes them.
func optionsText(t Target, keys []string) string {
	_, kind := targetOf(object("target", t.node()))
	parts := make([]string, len(keys))
	for i, key := range keys {
		parts[i] = key + ": " + get(get(kind, "options"), key).Value
	}
	return strings.Join(parts, ", ")
}

// optionsNode writes what optionsText was given.
func (e Expectation) optionsNode() *yaml.Node {
	node := object()
	node.Style = yaml.FlowStyle
	for part := range strings.SplitSeq(e.Options, ", ") {
		if key, text, ok := strings.Cut(part, ": "); ok {
			extend(node, key, &yaml.Node{Kind: yaml.ScalarNode, Value: text})
		}
	}
	return node
}

func (i *Incident) node() *yaml.Node {
	if i == nil {
		return nil
	}
	g := i.Signature
	signature := object()
	extendIf(signature, g.Violation != "", "violation", g.Violation)
	extendIf(signature, g.Gap > 0, "gap", g.Gap)
	extendIf(signature, g.Unavailable > 0, "unavailable", formatPercent(g.Unavailable))
	extendIf(signature, g.Recovery > 0, "recovery", g.Recovery)
	extendIf(signature, g.Terms > 0, "terms", g.Terms)
	node := object("title", i.Title, "facts", i.Facts)
	extendIf(node, len(i.Evidence) > 0, "evidence", list(i.Evidence))
	extendIf(node, len(signature.Content) > 0, "signature", signature)
	expect := &yaml.Node{Kind: yaml.SequenceNode}
	for _, e := range i.Expect {
		one := object()
		extendIf(one, e.Options != "", "options", e.optionsNode())
		extend(one, "answer", e.Answer)
		extendIf(one, e.AtLeast > 0, "at-least", formatPercent(e.AtLeast))
		extendIf(one, e.AtMost > 0, "at-most", formatPercent(e.AtMost))
		extendIf(one, e.Recovery > 0, "recovery", e.Recovery)
		expect.Content = append(expect.Content, one)
	}
	extendIf(node, len(i.Expect) > 0, "expect", expect)
	return node
}
