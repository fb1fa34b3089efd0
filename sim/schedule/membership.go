package schedule

import (
	"fmt"
	"slices"
	"time"
)

// What an operator does about the members.
const (
	ChangeAdd          = "add"           // one or two new servers, as learners
	ChangePromote      = "promote"       // a learner, or all
	ChangeRemove       = "remove"        // anybody
	ChangeRemoveLeader = "remove-leader" // whoever is asked
	ChangeReplace      = "replace"       // promotes a learner, and removes a voter
	ChangeSeveral      = "several"       // promotes all learners, and removes as many voters or more
)

// changeKinds are the kinds by their weight.
var changeKinds = []string{
	ChangeAdd, ChangeAdd, ChangeAdd, ChangeAdd, ChangePromote, ChangePromote, ChangePromote,
	ChangePromote, ChangeReplace, ChangeReplace, ChangeReplace, ChangeRemove, ChangeRemove,
	ChangeRemoveLeader, ChangeRemoveLeader, ChangeSeveral, ChangeSeveral,
}

// Change is a request of an operator to the member that it takes for the leader. Whom it is about
// is drawn when it is made, from the members as the one that is asked knows them.
type Change struct {
	At     time.Duration `json:"at"`
	Kind   string        `json:"kind"`
	Tries  int           `json:"tries"`  // it is asked for so often at most, and then given up
	Linger time.Duration `json:"linger"` // how long a member that was removed runs on
	Stream uint64        `json:"stream"` // of its draws
}

// Bounds of changes.
const (
	maxChanges = 1000
	maxTries   = 1000
)

// changeProblems checks what is about the members.
func (s *Schedule) changeProblems(p *Problems) {
	o := &s.Options
	within(p, "options.spares", o.Spares, 0, maxNodes-o.Nodes)
	if len(s.Changes) > maxChanges {
		p.add("changes", "", "are %d, want at most %d", len(s.Changes), maxChanges)
		return
	}
	for i := range s.Changes {
		c, path := &s.Changes[i], fmt.Sprintf("changes[%d]", i)
		if !slices.Contains(changeKinds, c.Kind) {
			p.add(path+".kind", "", "is %q, which is unknown", c.Kind)
		}
		within(p, path+".at", c.At, 0, o.Load)
		within(p, path+".tries", c.Tries, 1, maxTries)
		within(p, path+".linger", c.Linger, 0, o.Load)
		if i > 0 && c.At < s.Changes[i-1].At {
			p.add(path+".at", "", "is %v, before %v of the one before it", c.At, s.Changes[i-1].At)
		}
	}
}

// membership draws how an operator changes the members of every other seed: now and then, or one
// change upon the other.
func (d *swarm) membership(s *Schedule) {
	draw := d.stream("membership")
	if !draw.one(2) {
		return
	}
	o := d.options
	o.Spares = min(1+draw.Intn(3), maxNodes-o.Nodes)
	count := scaled(draw, 1, 12) * (d.long + 1) / 2
	pace := o.Load / time.Duration(count+1)
	if draw.one(2) {
		pace = min(pace, scaled(draw, d.et/2, 8*d.et))
	}
	at := draw.Duration(d.et, o.Load-time.Duration(count)*pace)
	for i := range count {
		s.Changes = append(s.Changes, Change{
			At: at, Kind: changeKinds[draw.Intn(len(changeKinds))], Tries: scaled(draw, 1, 16),
			Linger: min(scaled(draw, d.et/4, 16*d.et), o.Load), Stream: uint64(i),
		})
		at += draw.Duration(pace/2, pace)
	}
	s.Changes[0].Kind = ChangeAdd // nobody else can be promoted
	if draw.one(2) {
		o.Raft.MaxLearnerLag = scaled(draw, 1, 64)
	}
}
