package schedule

import (
	"time"

	"gauntlet/nemesis"
)

// deposing is what leaves a leader in the belief that it leads: it does not hear of another.
var deposing = []nemesis.Shape{
	nemesis.ShapeIsolateLeader, nemesis.ShapeOneWayInLeader, nemesis.ShapeOneWayOutLeader,
}

// besiege strikes what leases rest on (thesis 6.4.1), over and over: that the answers of a majority
// are fresh, that those who gave them keep their promise, and that nobody else was told to
// campaign. Clocks part as fast as leases bear, see clock, and all reads may rest on leases.
func (d *swarm) besiege() nemesis.Plan {
	draw := d.stream("besiege")
	var plan nemesis.Plan
	if d.options.Nodes < 2 {
		return plan
	}
	add := func(e nemesis.Event) {
		if e.Stream = uint64(len(plan)); e.At < d.options.Load {
			e.For = min(e.For, d.options.Load-e.At)
			plan = append(plan, e)
		}
	}
	sever := func(at, lasts time.Duration) {
		add(nemesis.Event{Kind: nemesis.KindPartition, At: at, For: lasts,
			Shape: deposing[draw.Intn(len(deposing))]})
	}
	pace := scaled(draw, 2*d.et, 6*d.et)
	for at := pace; at < d.options.Load; at += draw.Duration(pace/2, pace*3/2) {
		switch draw.Intn(4) {
		case 0: // a lease that ends
			sever(at, draw.Duration(d.et, 3*d.et))
		case 1: // answers that are old when they come
			add(nemesis.Event{Kind: nemesis.KindDelay, Shape: nemesis.ShapeOneWayInLeader, At: at,
				For: 3 * d.et, Amount: draw.Duration(d.et/8, d.et*3/4)})
			sever(at+draw.Duration(d.et, 2*d.et), 2*d.et)
		case 2: // a successor of which the leader does not hear
			add(nemesis.Event{Kind: nemesis.KindTransfer, Role: nemesis.RoleFollower, At: at,
				For: d.et})
			if !draw.one(3) {
				sever(at+draw.Duration(0, 2*d.options.Network.DelayMax), draw.Duration(d.et, 3*d.et))
			}
		case 3:
			d.tempt(draw, at, add)
		}
	}
	return plan
}

// tempt has members that cannot hear the leader campaign at those that can, which start anew now
// and then: and still must not vote for them.
func (d *swarm) tempt(draw draw, at time.Duration, add func(nemesis.Event)) {
	end := at + draw.Duration(4*d.et, 10*d.et)
	shape := nemesis.ShapeBridge
	if shape.Valid(d.options.Nodes, nil) != nil {
		shape = nemesis.ShapeOneWayOutLeader
	}
	add(nemesis.Event{Kind: nemesis.KindPartition, Shape: shape, At: at, For: end - at})
	for at += d.et; at < end; at += draw.Duration(d.et, 2*d.et) {
		add(nemesis.Event{Kind: nemesis.KindKill, Role: nemesis.RoleFollower, At: at,
			For: draw.Duration(1, d.et/8)})
	}
}
