package schedule

import (
	"fmt"
	"slices"
	"time"

	"gauntlet/nemesis"
)

// stratum is which kinds of faults a seed has.
type stratum uint8

const (
	mixed  stratum = iota // each with even chances
	single                // one alone, more often
	all
	contested // leaders are struck again and again, as soon as there is one: old terms pile up
	leased    // what leases rest on is struck again and again
	quiet     // none
)

// strata is drawn from evenly.
var strata = []stratum{
	mixed, mixed, mixed, mixed, mixed, mixed, mixed, mixed, mixed, mixed, mixed,
	single, single, single, contested, contested, contested, leased, leased, all, quiet,
}

// swarmKinds are the kinds that seeds have. The order is part of what a seed means.
var swarmKinds = []nemesis.Kind{
	nemesis.KindPartition, nemesis.KindPause, nemesis.KindKill, nemesis.KindPower,
	nemesis.KindClockJump, nemesis.KindClockRate, nemesis.KindDiskSlow, nemesis.KindDiskError,
	nemesis.KindDiskFull, nemesis.KindBitRot, nemesis.KindLoss, nemesis.KindDuplicate,
	nemesis.KindDelay, nemesis.KindReorder, nemesis.KindClog, nemesis.KindMTU,
	nemesis.KindClientCut, nemesis.KindTransfer,
}

// swarmShapes are the shapes of faults of links.
var swarmShapes = []nemesis.Shape{
	nemesis.ShapeIsolateOne, nemesis.ShapeIsolateLeader, nemesis.ShapeIsolateFollower,
	nemesis.ShapeMajorityMinority, nemesis.ShapeHalves, nemesis.ShapeMajoritiesRing,
	nemesis.ShapeBridge, nemesis.ShapeChain, nemesis.ShapeStar, nemesis.ShapeAll,
	nemesis.ShapeOneWayIn, nemesis.ShapeOneWayInLeader, nemesis.ShapeOneWayOut,
	nemesis.ShapeOneWayOutLeader, nemesis.ShapeOneWayPair,
}

// swarmRoles holds the roles by their weight.
var swarmRoles = []nemesis.Role{
	nemesis.RoleLeader, nemesis.RoleLeader, nemesis.RoleLeader, nemesis.RoleLeader,
	nemesis.RoleFollower, nemesis.RoleFollower, nemesis.RoleAny, nemesis.RoleAny,
	nemesis.RoleMajority, nemesis.RoleMinority, nemesis.RoleAll,
}

// contestedKinds take leaders away, and contestedShapes are how links do.
var (
	contestedKinds = []nemesis.Kind{
		nemesis.KindPartition, nemesis.KindPartition, nemesis.KindPause, nemesis.KindKill,
		nemesis.KindPower,
	}
	contestedShapes = []nemesis.Shape{
		nemesis.ShapeIsolateLeader, nemesis.ShapeIsolateLeader, nemesis.ShapeOneWayOutLeader,
		nemesis.ShapeOneWayInLeader,
	}
)

// possible is a kind that the cluster can have: there are links to strike, or members to spare.
func (d *swarm) possible(kind nemesis.Kind) bool {
	if kind.Traits().Links {
		return d.options.Nodes >= 2
	}
	return nemesis.RoleAny.Valid(kind, d.options.Nodes) == nil
}

// kinds draws which kinds the seed has. Bit rot is rarer: whom it strikes is lost for the run.
func (d *swarm) kinds() []nemesis.Kind {
	draw := d.stream("kinds")
	var possible, on []nemesis.Kind
	for _, kind := range swarmKinds {
		chosen := draw.one(2)
		if kind == nemesis.KindBitRot {
			chosen = draw.one(8)
		}
		if !d.possible(kind) {
			continue
		}
		possible = append(possible, kind)
		if chosen {
			on = append(on, kind)
		}
	}
	switch d.stratum {
	case quiet:
		return nil
	case all:
		return possible
	case single:
		at := draw.Intn(len(possible))
		return possible[at : at+1]
	case contested, leased:
		return nil
	}
	return on
}

// plan draws the faults of these kinds, in the order of their start, and no more of them than leave
// the cluster some time to work.
func (d *swarm) plan(on []nemesis.Kind) nemesis.Plan {
	var plan nemesis.Plan
	for _, kind := range on {
		plan = append(plan, d.series(kind)...)
	}
	plan = d.spend(plan)
	switch d.stratum {
	case contested:
		plan = d.contest()
	case leased:
		plan = d.besiege()
	}
	plan = append(plan, d.ending()...)
	plan = append(plan, d.farewell(on)...)
	slices.SortStableFunc(plan, func(a, b nemesis.Event) int { return int(a.At - b.At) })
	for i := range plan {
		plan[i].ID = i + 1
	}
	return plan
}

// ending cuts a leader off until the load is over, in most seeds whose last phase leaves members
// deaf or mute: to have one that still leads an older term among them is worst, and is rare else.
func (d *swarm) ending() nemesis.Plan {
	others, draw := d.options.Liveness.Others, d.stream("ending")
	if others != OthersDeaf && others != OthersMute || draw.one(4) ||
		d.stratum == quiet || d.stratum == single {
		return nil
	}
	lasts := draw.Duration(3*d.et, 5*d.et) // the load is no shorter
	return nemesis.Plan{{Kind: nemesis.KindPartition, Shape: nemesis.ShapeIsolateLeader,
		At: d.options.Load - lasts, For: lasts, Stream: 1 << 32}}
}

// farewell has a leader hand over to a member about to be dead, in most seeds with transfers
// whose last phase leaves members dead: the leader must give it up, or it takes no write for ever.
func (d *swarm) farewell(on []nemesis.Kind) nemesis.Plan {
	l, draw := &d.options.Liveness, d.stream("farewell")
	transfers := slices.Contains(on, nemesis.KindTransfer) || d.stratum == leased
	if l.Others != OthersDead || !transfers || draw.one(4) {
		return nil
	}
	var others []string
	for member := range d.options.Nodes {
		if !slices.Contains(l.Core, member) {
			others = append(others, fmt.Sprintf("n%d", member+1))
		}
	}
	lasts := draw.Duration(0, d.et/64) + 1
	return nemesis.Plan{{Kind: nemesis.KindTransfer, On: others[:1], At: d.options.Load - lasts,
		For: lasts, Stream: 1 << 32}}
}

// contest strikes leader after leader, each soon after it may have been elected, and for longer
// than it takes to elect the next one: so that several members have entries that no other has, of
// several terms, when they meet again (paper, figures 7 and 8).
func (d *swarm) contest() nemesis.Plan {
	draw := d.stream("contest")
	var plan nemesis.Plan
	if d.options.Nodes < 2 {
		return plan
	}
	pace, lasts := scaled(draw, d.et, 4*d.et), scaled(draw, d.et, 8*d.et)
	for at := pace; at < d.options.Load; at += draw.Duration(pace/2, pace*3/2) {
		takes := min(draw.Duration(lasts/4, lasts), d.options.Load-at)
		e := nemesis.Event{At: at, For: takes, Stream: uint64(len(plan)),
			Kind: contestedKinds[draw.Intn(len(contestedKinds))], Role: nemesis.RoleLeader}
		if e.Kind == nemesis.KindPartition {
			e.Role, e.Shape = "", contestedShapes[draw.Intn(len(contestedShapes))]
		}
		plan = append(plan, e)
	}
	return plan
}

// spend keeps faults, by chance, until the time that they take together is used up: a cluster that
// is always broken does nothing wrong because it does nothing.
func (d *swarm) spend(plan nemesis.Plan) nemesis.Plan {
	draw := d.stream("spend")
	left := scaled(draw, d.options.Load/16, d.options.Load*3/4)
	draw.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	return slices.DeleteFunc(plan, func(e nemesis.Event) bool {
		takes := e.For
		if mild(e.Kind) {
			takes /= 4
		}
		if left <= 0 {
			return true
		}
		left -= takes
		return false
	})
}

// mild kinds slow a cluster down, but do not stop it.
func mild(kind nemesis.Kind) bool {
	switch kind {
	case nemesis.KindClockJump, nemesis.KindClockRate, nemesis.KindDiskSlow,
		nemesis.KindDuplicate, nemesis.KindDelay, nemesis.KindReorder, nemesis.KindClientCut,
		nemesis.KindTransfer:
		return true
	}
	return false
}

// series draws the faults of one kind, each in its own part of the load.
func (d *swarm) series(kind nemesis.Kind) []nemesis.Event {
	draw := d.stream("faults/" + string(kind))
	count := scaled(draw, 1, 6)
	longest := 6 * d.et
	switch {
	case kind == nemesis.KindBitRot:
		count = 1
	case d.stratum == single:
		count = scaled(draw, 2, 16)
	}
	count = max(1, count*(d.long+1)/2)
	part := d.options.Load / time.Duration(count)
	var events []nemesis.Event
	for i := range count {
		lasts := min(scaled(draw, d.et/8, longest), part*3/4)
		e := nemesis.Event{Kind: kind, For: lasts, Stream: uint64(i)}
		e.At = part*time.Duration(i) + draw.Duration(0, part-lasts)
		d.whom(draw, &e)
		d.measure(draw, &e)
		events = append(events, d.flaps(draw, e)...)
	}
	return events
}

// whom draws a shape or a role that the cluster can have.
func (d *swarm) whom(draw draw, e *nemesis.Event) {
	n := d.options.Nodes
	if e.Kind.Traits().Links {
		for e.Shape == "" || e.Shape.Valid(n, nil) != nil {
			e.Shape = swarmShapes[draw.Intn(len(swarmShapes))]
		}
		return
	}
	for e.Role == "" || e.Role.Valid(e.Kind, n) != nil {
		e.Role = swarmRoles[draw.Intn(len(swarmRoles))]
	}
}

// measure draws what the kind takes.
func (d *swarm) measure(draw draw, e *nemesis.Event) {
	switch e.Kind {
	case nemesis.KindClockJump:
		e.Amount = scaled(draw, d.et/8, 16*d.et)
	case nemesis.KindClockRate:
		e.Rate = scaled(draw, 1, 500)
		if draw.one(2) {
			e.Rate = -e.Rate
		}
	case nemesis.KindDiskSlow: // also for so long that a leader loses patience
		patience := time.Duration(max(1, d.options.Raft.DiskPatience))
		e.Amount = scaled(draw, d.et/64, 2*d.et*patience)
	case nemesis.KindDelay:
		e.Amount = scaled(draw, d.et/64, 2*d.et)
	case nemesis.KindLoss, nemesis.KindDuplicate:
		e.Rate = scaled(draw, 10, 800)
	case nemesis.KindReorder:
		e.Rate = scaled(draw, 10, 800)
		e.Amount = scaled(draw, d.et/64, d.et)
	case nemesis.KindMTU:
		e.Size = scaled(draw, 32, 255) // a heartbeat takes 31 bytes at most, one entry 40
	}
}

// flaps makes several short cuts of one partition in four, of the same links.
func (d *swarm) flaps(draw draw, e nemesis.Event) []nemesis.Event {
	if e.Kind != nemesis.KindPartition || !draw.one(4) {
		return []nemesis.Event{e}
	}
	cuts := time.Duration(2 + draw.Intn(6))
	period := e.For / cuts
	var events []nemesis.Event
	for i := range cuts {
		cut := e
		cut.At, cut.For = e.At+i*period, period/2
		events = append(events, cut)
	}
	return events
}
