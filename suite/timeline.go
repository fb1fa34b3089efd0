package suite

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/nemesis"
)

// entry is one line of a timeline as it is written: one that flaps is several events.
type entry struct {
	path  string // of the fault in it: "timeline[2].kill"
	at    string // of itself: "timeline[2]"
	event nemesis.Event
	flap  time.Duration
}

// The bounds of a timeline.
const (
	leastFault = 100 * time.Millisecond
	mostFlaps  = 10_000 // cuts of one entry: more are a slip of the unit
	mostStream = 1 << 30
)

// eventKeys are what one fault of that kind is made of in a timeline.
func eventKeys(kind nemesis.Kind) []string {
	keys := []string{whomKey(kind)}
	switch {
	case kind == nemesis.KindVersion:
		keys = []string{"step"}
	case kind.Traits().Links:
		keys = []string{"shape", "sites", "cut", "only"}
	}
	if kind == nemesis.KindPartition {
		keys = append(keys, "flap")
	}
	return append(keys, measureKeys(kind)...)
}

// readCast reads whom a timeline speaks of by name, in the order of the file.
func (d *decoder) readCast(b block) nemesis.Cast {
	node, path := b.get("cast")
	if node == nil {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		d.spoil(path, node.Line, "write names and roles: {old: leader, near: follower}",
			"must be a block, not %s", describe(node))
		return nil
	}
	var cast nemesis.Cast
	var keys []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		if name := node.Content[i].Value; !slices.Contains(keys, name) {
			keys = append(keys, name)
		}
	}
	inner := d.block(node, path, keys...)
	for _, name := range keys {
		one := nemesis.Casting{Name: name}
		text := ""
		inner.text(name, &text)
		one.Role = nemesis.Role(text)
		cast = append(cast, one)
	}
	return cast
}

// readTimeline reads the events and when they begin. What has no end lasts until the load's.
func (d *decoder) readTimeline(b block, s *Suite) []entry {
	s.Scale = 1
	b.number("scale", &s.Scale, between[float64]{0.0001, 1000})
	node, path := b.get("timeline")
	if node == nil {
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		d.spoil(path, node.Line, "write a list: - {at: 1s, for: 5s, kill: {on: leader}}",
			"must be a list, not %s", describe(node))
		return nil
	}
	var entries []entry
	for i, written := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		keys := append([]string{"at", "when", "for", "stream"}, faultKinds...)
		entries = append(entries, d.readEntry(d.block(written, at, keys...), s, i))
	}
	return entries
}

// readEntry reads the event at a place in the list, which its chance hangs on if nothing else is
// written. Its kind is "" if it is not clear which one it is.
func (d *decoder) readEntry(b block, s *Suite, stream int) entry {
	kind := nemesis.Kind(b.one("fault", faultKinds...))
	e := nemesis.Event{Kind: kind}
	b.scaled("at", &e.At, 0, s.Scale)
	e.For = s.Phases.Load - e.At
	if kind == nemesis.KindVersion {
		e.For = time.Second
	}
	least := leastFault
	if s.Place == PlaceSim {
		least = time.Millisecond
	}
	b.scaled("for", &e.For, least, s.Scale)
	b.integer("stream", &stream, between[int]{0, mostStream})
	e.Stream = uint64(stream)
	e.When = d.readCondition(b)
	read := entry{path: b.at(string(kind)), at: b.path, event: e}
	if kind == "" {
		return read
	}
	inner := b.inner(string(kind), eventKeys(kind)...)
	inner.target(&read.event)
	inner.sites("sites", &read.event.Sites)
	m, into := inner.measure(kind), &read.event
	into.Rate, into.Amount, into.Size, into.Mode = m.rate, m.amount, m.size, m.mode
	into.Entries = m.entries
	inner.scaled("flap", &read.flap, 10*time.Millisecond, s.Scale)
	return read
}

// target reads whom or what an event strikes.
func (b block) target(e *nemesis.Event) {
	switch {
	case e.Kind == nemesis.KindVersion:
		b.text("step", (*string)(&e.Shape))
		b.d.missing(b.path, "step", b.has("step"))
	case e.Kind.Traits().Links:
		switch b.one("choice of links", "shape", "cut", "only") {
		case "shape":
			b.text("shape", (*string)(&e.Shape))
			if e.Shape == nemesis.ShapeCut || e.Shape == nemesis.ShapeOnly {
				b.d.spoil(b.at("shape"), b.d.line(b.at("shape")), fmt.Sprintf("write %s: [n1-n2]", e.Shape),
					"%s needs links", e.Shape)
			}
		case "cut":
			e.Shape = nemesis.ShapeCut
			b.links("cut", &e.Links)
		case "only":
			e.Shape = nemesis.ShapeOnly
			b.links("only", &e.Links)
		}
	default:
		key := whomKey(e.Kind)
		b.whom(key, e)
		b.d.missing(b.path, key, b.has(key))
	}
}

// whom reads a role, the name of a node, or a list of names.
func (b block) whom(key string, e *nemesis.Event) {
	node, _ := b.get(key)
	if node == nil || node.Kind == yaml.SequenceNode {
		words(b, key, &e.On)
		return
	}
	text, ok := b.scalar(key, "a role, a name or a list of names", "", "!!str")
	switch {
	case !ok:
	case slices.Contains(nemesis.Roles(), nemesis.Role(text)):
		e.Role = nemesis.Role(text)
	default:
		e.On = []string{text}
	}
}

// links reads a list of links between nodes by name.
func (b block) links(key string, into *[]nemesis.Link) {
	var texts []string
	words(b, key, &texts)
	for _, text := range texts {
		link, err := nemesis.ParseLink(text)
		if err != nil {
			b.d.spoil(b.at(key), b.d.line(b.at(key)), "", "%v", err)
			continue
		}
		*into = append(*into, link)
	}
}

// scaled reads a time of a timeline. What is written in election timeouts lasts as many of them
// whatever the scale.
func (b block) scaled(key string, into *time.Duration, least time.Duration, scale float64) {
	node, path := b.get(key)
	if node == nil {
		return
	}
	b.duration(key, into, anyLength)
	hint := ""
	if written := *into; scale != 1 && !strings.HasSuffix(node.Value, "ET") {
		*into = time.Duration(math.Round(float64(written) * scale))
		b.d.unscaled[path] = written
		hint = fmt.Sprintf("scale %v makes it of %v", scale, written)
	}
	if !b.d.broken[path] && !b.d.broken["scale"] && *into < least {
		b.d.spoil(path, node.Line, hint, "%v is below the least value %v", *into, least)
	}
}

// readCondition reads what an event waits for: "leader", or a block.
func (d *decoder) readCondition(b block) *nemesis.Condition {
	node, path := b.get("when")
	if node == nil {
		return nil
	}
	if node.Kind == yaml.ScalarNode && node.Value == "leader" {
		return &nemesis.Condition{Leader: true}
	}
	if node.Kind != yaml.MappingNode {
		d.spoil(path, node.Line, "write leader, {term: 3}, {acknowledged: 200}, {behind: n2, lag: 20} "+
			"or {caught-up: n2}", "must be a condition, not %s", describe(node))
		return nil
	}
	inner := b.inner("when", "leader", "term", "acknowledged", "behind", "lag",
		"caught-up")
	when, count := &nemesis.Condition{}, between[int]{1, 1_000_000_000}
	var term, lag int
	inner.boolean("leader", &when.Leader)
	inner.integer("term", &term, count)
	inner.integer("acknowledged", &when.Acknowledged, count)
	inner.text("behind", &when.Behind)
	inner.integer("lag", &lag, count)
	inner.text("caught-up", &when.CaughtUp)
	when.Term, when.Lag = uint64(term), uint64(lag)
	return when
}

func castNode(cast nemesis.Cast) *yaml.Node {
	node := object()
	for _, one := range cast {
		extend(node, one.Name, string(one.Role))
	}
	return node
}

// timelineNodes writes the events, each cut of what flaps by itself, with its stream of chance
// where that is not its place in the list.
func timelineNodes(events []nemesis.Event) *yaml.Node {
	sequence := &yaml.Node{Kind: yaml.SequenceNode}
	for i, e := range events {
		node := object("at", e.At)
		if e.When != nil {
			extend(node, "when", conditionNode(*e.When))
		}
		extend(node, "for", e.For)
		extendIf(node, e.Stream != uint64(i), "stream", e.Stream)
		extend(node, string(e.Kind), eventNode(e))
		node.Style = yaml.FlowStyle
		sequence.Content = append(sequence.Content, node)
	}
	return sequence
}

func eventNode(e nemesis.Event) *yaml.Node {
	node := object()
	for _, key := range eventKeys(e.Kind) {
		switch key {
		case "step":
			extend(node, key, string(e.Shape))
		case "shape":
			extendIf(node, len(e.Links) == 0, key, string(e.Shape))
		case "cut", "only":
			extendIf(node, key == string(e.Shape), key, linkNodes(e.Links))
		case "sites":
			extendIf(node, len(e.Sites) > 0, key, siteNodes(e.Sites))
		case "on", "to":
			extendIf(node, e.Role != "", key, string(e.Role))
			extendIf(node, e.Role == "", key, list(e.On))
		default:
			extendMeasure(node, key, measure{e.Rate, e.Amount, e.Size, e.Mode, e.Entries})
		}
	}
	return node
}

func linkNodes(links []nemesis.Link) *yaml.Node {
	texts := make([]string, len(links))
	for i, link := range links {
		texts[i] = link.String()
	}
	return list(texts)
}

func conditionNode(c nemesis.Condition) *yaml.Node {
	node := object()
	extendIf(node, c.Leader, "leader", true)
	extendIf(node, c.Term > 0, "term", c.Term)
	extendIf(node, c.Acknowledged > 0, "acknowledged", c.Acknowledged)
	extendIf(node, c.Behind != "", "behind", c.Behind)
	extendIf(node, c.Lag > 0, "lag", c.Lag)
	extendIf(node, c.CaughtUp != "", "caught-up", c.CaughtUp)
	return node
}
