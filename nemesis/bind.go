package nemesis

import (
	"cmp"
	"fmt"
	"slices"

	"gauntlet/chance"
	"gauntlet/history"
)

// Bind turns an event into concrete hosts and links, given what is known at this instant. It is a
// pure function: what is left to chance comes from the event's own stream.
//
// Errors: ErrNoLeader and ErrNoHost may pass; any other is a shape or role that does not fit.
func Bind(e Event, v View, seed uint64) (Action, error) {
	s := chance.New(seed, "nemesis.bind."+string(e.Kind), e.Stream)
	a := Action{Event: e, Leader: v.Leader}
	if e.Kind == KindPower {
		a.Draw = chance.Key(seed, "nemesis.power", e.Stream, 0)
	}
	var err error
	switch {
	case e.Kind.Traits().Links:
		err = bindLinks(&a, v, s)
	case e.Kind == KindVersion:
		a.Hosts, err = outdated(e, v)
	case len(e.On) > 0:
		a.Hosts, err = chosenByName(e, v)
	default:
		a.Hosts, err = choose(e.Kind, e.Role, v, s)
	}
	if e.Kind == KindClientCut {
		for _, host := range a.Hosts {
			a.Cuts = append(a.Cuts, history.Cut{From: history.Clients, To: host,
				Mode: cmp.Or(e.Mode, history.CutPackets)})
		}
	}
	if err != nil {
		return Action{}, fmt.Errorf("bind fault %d: %w", e.ID, err)
	}
	return a, nil
}

func bindLinks(a *Action, v View, s *chance.Stream) error {
	if err := a.Event.Shape.Valid(len(v.Nodes), a.Event.Sites); err != nil {
		return err
	}
	row, _ := a.Event.Shape.row()
	if row.leader && !slices.Contains(v.Nodes, v.Leader) {
		return ErrNoLeader
	}
	var err error
	a.Hosts, a.Cuts, err = row.links(v, a.Event, s)
	for i := range a.Cuts {
		cut := &a.Cuts[i]
		cut.Mode = cmp.Or(a.Event.Mode, cut.Mode)
		switch a.Event.Kind {
		case KindLoss:
			cut.Rate = a.Event.Rate
		case KindMTU:
			cut.Size = a.Event.Size
		}
	}
	return err
}
