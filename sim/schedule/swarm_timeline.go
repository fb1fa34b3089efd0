package schedule

import (
	"fmt"

	"gauntlet/history"
	"gauntlet/nemesis"
)

// swarmModes are what becomes of the packets of a severed link.
var swarmModes = []history.CutMode{history.CutPackets, history.CutPayload, history.CutReject}

// timeline makes the plans of some seeds timelines: their faults wait for something to happen,
// strike members by name, sever the links that are named, or treat packets in another way.
func (d *swarm) timeline(s *Schedule) {
	draw := d.stream("timeline")
	if !draw.one(5) || len(s.Faults) == 0 || d.options.Nodes < 2 {
		return
	}
	s.Cast = nemesis.Cast{{Name: "old", Role: nemesis.RoleLeader},
		{Name: "near", Role: nemesis.RoleFollower}, {Name: "far", Role: nemesis.RoleAny}}
	s.Cast = s.Cast[:min(len(s.Cast), d.options.Nodes)]
	for i := range s.Faults {
		e := &s.Faults[i]
		names := d.names(draw, s.Cast)
		if draw.one(3) {
			e.When = condition(draw, names[0])
		}
		switch by := draw.one(3); {
		case !by || e.Kind == nemesis.KindBitRot:
		case e.Kind.Traits().Links:
			e.Shape, e.Links = nemesis.ShapeCut, links(draw, names)
			if d.options.Nodes > 3 && draw.one(3) {
				e.Shape = nemesis.ShapeOnly // of four, three links at most leave some to sever
			}
		default:
			e.Role, e.On = "", names[:1]
		}
		if e.Kind == nemesis.KindPartition || e.Kind == nemesis.KindClientCut {
			e.Mode = swarmModes[draw.Intn(len(swarmModes))]
		}
	}
}

// names is all that the cast is called, or all nodes by their places, in any order: of the two
// together, some would mean the same member.
func (d *swarm) names(draw draw, cast nemesis.Cast) []string {
	var names []string
	if draw.one(3) {
		for i := range d.options.Nodes {
			names = append(names, fmt.Sprintf("n%d", i+1))
		}
	} else {
		for _, one := range cast {
			names = append(names, one.Name)
		}
	}
	draw.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names
}

// links draws up to three of the links between members, both ways or one way.
func links(draw draw, names []string) []nemesis.Link {
	var all []nemesis.Link
	for range 1 + draw.Intn(3) {
		from := draw.Intn(len(names))
		to := (from + 1 + draw.Intn(len(names)-1)) % len(names)
		all = append(all, nemesis.Link{From: names[from], To: names[to], OneWay: draw.one(2)})
	}
	return all
}

// condition draws what an event waits for: something that comes to pass in most runs.
func condition(draw draw, name string) *nemesis.Condition {
	switch draw.Intn(4) {
	case 0:
		return &nemesis.Condition{Leader: true}
	case 1:
		return &nemesis.Condition{Term: uint64(scaled(draw, 2, 8))}
	case 2:
		return &nemesis.Condition{Acknowledged: scaled(draw, 1, 150)}
	}
	return &nemesis.Condition{Behind: name, Lag: uint64(scaled(draw, 1, 15))}
}
