package suite

import (
	"fmt"
	"strings"
	"time"

	"gauntlet/nemesis"
)

// timelineRelations checks the cast and every event, and sets the suite's timeline.
func (d *decoder) timelineRelations(s *Suite) {
	none := len(d.timeline) == 0
	for _, key := range []string{"cast", "scale"} {
		d.relate(!none || !d.written(key), []string{key, "timeline"}, "leave it out",
			"%s is for a timeline, and there is none", key)
	}
	d.castRelations(s)
	for _, e := range d.timeline {
		if e.event.Kind == "" {
			continue
		}
		d.lacking(e.path, e.event.Kind, s.Place)
		d.spanRelations(e, s)
		d.flapRelations(e, s)
		d.conditionRelations(e, s)
		d.eventRelations(e, s)
		flap := e.flap
		if flap*mostFlaps*2 < e.event.For {
			flap = 0 // said already
		}
		s.Timeline = append(s.Timeline, e.event.Flaps(flap)...)
		d.warn(e, s)
	}
}

// written reports whether a value stands in the file.
func (d *decoder) written(path string) bool { _, ok := d.lines[path]; return ok }

// lacking complains of a kind of fault that the place does not have, as a capability that is
// missing: the same timeline may run elsewhere.
func (d *decoder) lacking(path string, kind nemesis.Kind, place string) {
	before := len(d.problems)
	d.supported(path, kind, place)
	for i := before; i < len(d.problems); i++ {
		d.problems[i].Missing = string(kind)
	}
}

// castRelations puts what is wrong with one name where it stands, and what is wrong with all of
// them where they begin.
func (d *decoder) castRelations(s *Suite) {
	if d.nodesBroken(s) {
		return
	}
	said := map[string]bool{}
	complain := func(path string, cast nemesis.Cast) {
		for _, err := range leaves(cast.Valid(s.Target.Nodes())) {
			if !said[err.Error()] && !d.broken[path] {
				d.complain(d.line(path), "", "cast: %v", err)
			}
			said[err.Error()] = true
		}
	}
	before := len(d.problems)
	for _, one := range s.Cast {
		complain("cast."+one.Name, nemesis.Cast{one})
	}
	complain("cast", s.Cast)
	if len(d.problems) > before {
		d.broken["cast"] = true
	}
}

func (d *decoder) nodesBroken(s *Suite) bool {
	return d.broken["target."+s.Target.Kind()+".nodes"]
}

// spanRelations checks that the event begins and ends within the load.
func (d *decoder) spanRelations(e entry, s *Suite) {
	at, load := e.event.At, s.Phases.Load
	if !d.written(e.at+".for") && e.event.Kind != nemesis.KindVersion {
		d.relate(at < load, []string{e.at + ".at", "phases.load", "scale"}, "",
			"%s: at %v must be below phases.load %v", e.at, at, load)
		return
	}
	d.relate(at+e.event.For <= load,
		[]string{e.at + ".for", e.at + ".at", "phases.load", "scale"}, "",
		"%s: at %v and for %v end after phases.load %v", e.at, at, e.event.For, load)
}

func (d *decoder) flapRelations(e entry, s *Suite) {
	if !d.written(e.path + ".flap") {
		return
	}
	flap, paths := e.path+".flap", []string{e.path + ".flap", e.at + ".for", "scale"}
	d.relate(s.Place == PlaceSim || e.flap >= leastFlap, []string{flap, "place", "scale"}, flapHint,
		"%s: %v is below the least value %v of place %s", flap, e.flap, leastFlap, s.Place)
	d.relate(e.flap < e.event.For, paths, "", "%s: flap %v must be below for %v", e.path, e.flap,
		e.event.For)
	d.relate(e.flap*mostFlaps*2 >= e.event.For, paths, "",
		"%s: flap %v makes over %d cuts in %v", e.path, e.flap, mostFlaps, e.event.For)
	d.relate(e.event.When == nil, []string{flap, e.at + ".when"},
		"write an at, or one event for each cut", "%s: flap and when exclude each other", e.path)
}

// conditionRelations checks that what an event waits for can be seen, and comes in time.
func (d *decoder) conditionRelations(e entry, s *Suite) {
	when := e.event.When
	if when == nil {
		return
	}
	rate, left := s.Workload.Spec.Rate, s.Phases.WarmUp+s.Phases.Load-e.event.For
	most := rate * left.Seconds()
	d.relate(rate == 0 || !d.written(e.at+".for") || float64(when.Acknowledged) <= most,
		[]string{e.at + ".when.acknowledged", e.at + ".for", "scale", "phases.load", "phases.warm-up",
			"workload." + s.Workload.Model + ".rate"}, "",
		"%s.when: acknowledged %d exceeds the %.0f that rate %v per second allows until %v before the "+
			"end of the load",
		e.at, when.Acknowledged, most, rate, e.event.For)
	d.relate(s.Target.observed() || !when.NeedsStatus(), []string{e.at + ".when"}, observeHint,
		"%s.when: only nodes can tell that %v, and the target has no observe", e.at, when)
}

// eventRelations asks package nemesis, which alone knows what a fault needs.
func (d *decoder) eventRelations(e entry, s *Suite) {
	event := e.event
	d.relate(s.Target.observed() || !event.NeedsLeader(s.Cast), []string{e.path, e.at + ".when"},
		observeHint, "%s needs to know who leads, and the target has no observe", e.path)
	if event.Kind == nemesis.KindVersion && s.Target.facts().builds == nil {
		d.spoil(e.path, d.line(e.path), buildsHint, "needs a target of two builds")
	}
	d.operable(e.path, event.Kind, event.Role == nemesis.RoleSpare, s)
	if d.brokenBelow(e.at) || d.brokenBelow("cast") || d.nodesBroken(s) || event.For <= 0 {
		return
	}
	for _, err := range leaves(event.ValidWith(s.Target.Nodes(), s.Target.Spares(), s.Cast)) {
		hint := ""
		if len(event.On) > 0 && len(event.Kind.Roles()) > 1 &&
			strings.HasPrefix(err.Error(), "nobody") {
			hint = "a role stands alone: on: leader, or one of " + join(event.Kind.Roles()[1:])
		}
		d.complain(d.line(e.path), hint, "%s: %v", e.path, err)
	}
}

// longCut is how long a cut must last for TCP to back off by more than what it takes to notice.
const longCut = 3 * time.Second

// warn tells of cuts that do not mean the same at another scale.
func (d *decoder) warn(e entry, s *Suite) {
	cut, path := e.event.For, e.at+".for"
	if e.flap > 0 {
		cut, path = e.flap, e.path+".flap"
	}
	before, scaled := d.unscaled[path]
	if e.event.Kind != nemesis.KindPartition || s.Place == PlaceSim || !scaled ||
		max(cut, before) <= longCut {
		return
	}
	s.Warnings = append(s.Warnings, fmt.Sprintf("%s: a cut of %v stands for one of %v: TCP backs off "+
		"up to its own length, whatever the scale", e.path, cut, before))
}
