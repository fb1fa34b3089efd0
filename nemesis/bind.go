package nemesis

import (
	"fmt"
	"slices"

	"gauntlet/chance"
)

// Bind turns an event into concrete hosts and links, given what is known at this instant. It is a
// pure function: what is left to chance comes from the event's own stream.
//
// Errors: ErrNoLeader and ErrNoHost may pass; any other is a shape or role that does not fit.
func Bind(e Event, v View, seed uint64) (Action, error) {
	s := chance.New(seed, "nemesis.bind."+string(e.Kind), e.Stream)
	a := Action{Event: e, Leader: v.Leader}
	var err error
	switch e.Kind {
	case KindPartition:
		err = bindPartition(&a, v, s)
	case KindVersion:
		a.Hosts, err = outdated(e, v)
	default:
		a.Hosts, err = pick(e.Role, v, s)
	}
	if err != nil {
		return Action{}, fmt.Errorf("bind fault %d: %w", e.ID, err)
	}
	return a, nil
}

func bindPartition(a *Action, v View, s *chance.Stream) error {
	if err := a.Event.Shape.Valid(len(v.Nodes)); err != nil {
		return err
	}
	row, _ := a.Event.Shape.row()
	if row.leader && !slices.Contains(v.Nodes, v.Leader) {
		return ErrNoLeader
	}
	side, err := row.side(v, s)
	if err != nil {
		return err
	}
	a.Hosts = side
	a.Cuts = sever(v.Nodes, side, row.oneWay)
	return nil
}

// pick returns one host of the role whose process runs.
func pick(role Role, v View, s *chance.Stream) ([]string, error) {
	var of []string
	switch role {
	case RoleLeader:
		if !slices.Contains(v.Nodes, v.Leader) {
			return nil, ErrNoLeader
		}
		of = []string{v.Leader}
	case RoleFollower:
		of = without(v.Nodes, []string{v.Leader})
	case RoleAny:
		of = v.Nodes
	default:
		return nil, role.Valid()
	}
	running := without(of, v.Stopped)
	if len(running) == 0 {
		return nil, ErrNoHost
	}
	return []string{running[s.Intn(len(running))]}, nil
}
