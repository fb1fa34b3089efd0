package suite

import (
	"slices"
	"strings"

	"gauntlet/nemesis"
)

// faultsAt lists the kinds of fault that a place has.
func faultsAt(place string) []string {
	var kinds []string
	for _, kind := range nemesis.Kinds() {
		at := kind.Traits()
		has := map[string]bool{PlaceSim: at.Sim, PlaceLab: at.Hosts || at.Lossy, PlaceHosts: at.Hosts}
		if has[place] {
			kinds = append(kinds, string(kind))
		}
	}
	return kinds
}

// NeedsLossyDisks reports whether some of the faults strike disks that can lose what
// was not synced.
func (s *Suite) NeedsLossyDisks() bool {
	return slices.ContainsFunc(s.Faults, func(f nemesis.Spec) bool { return f.Kind.Traits().Lossy }) ||
		slices.ContainsFunc(s.Timeline, func(e nemesis.Event) bool { return e.Kind.Traits().Lossy })
}

// supported complains of a kind of fault that the place does not have.
func (d *decoder) supported(path string, kind nemesis.Kind, place string) {
	known := faultsAt(place)
	d.relate(slices.Contains(known, string(kind)), []string{path, "place"},
		"place "+place+" has: "+strings.Join(known, ", "), "%s: place %s does not have it", path, place)
}

// placeRelations complains of what only real hosts have where there are none.
func (d *decoder) placeRelations(s *Suite) {
	if s.Place != PlaceSim {
		return
	}
	d.relate(s.Target.Raftd != nil, []string{"target", "place"}, "write target: {raftd: {...}}",
		"place sim runs raftd only, not %s", s.Target.Kind())
	d.relate(s.Capture == "", []string{"capture", "place"}, "leave it out",
		"capture %s: place sim has no packets to record", s.Capture)
	if s.Target.Raftd == nil {
		return
	}
	const hint = "leave it out: place sim runs the raftd that this program is built with"
	const raftd = "target.raftd."
	d.relate(s.Target.Raftd.Binary == "", []string{raftd + "binary", "place"}, hint,
		"binary %q: place sim starts no program", s.Target.Raftd.Binary)
	d.relate(len(s.Target.Raftd.Binaries) == 0, []string{raftd + "binaries", "place"}, hint,
		"binaries %v: place sim starts no program", s.Target.Raftd.Binaries)
}
