package nemesis

import (
	"fmt"
	"slices"

	"gauntlet/chance"
)

// roles is the one list of whom a fault can strike.
var roles = []Role{RoleLeader, RoleFollower, RoleAny, RoleMajority, RoleFollowers, RoleMinority,
	RoleAll, RoleLearner, RoleSpare}

// Roles lists every role, always in the same order.
func Roles() []Role { return slices.Clone(roles) }

// crowd is how many of n hosts a role of several strikes; 0: it is a role of one.
func (r Role) crowd(n int) int {
	switch r {
	case RoleMajority, RoleFollowers:
		return n/2 + 1
	case RoleMinority:
		return (n - 1) / 2
	case RoleAll:
		return n
	}
	return 0
}

func (r Role) several() bool {
	return r == RoleMajority || r == RoleFollowers || r == RoleMinority || r == RoleAll
}

// needsLeader reports whether a leader must be known before the role can be bound.
func (r Role) needsLeader() bool { return r == RoleLeader || r == RoleFollowers }

// Valid says why no fault of that kind can strike the role on that many nodes.
func (r Role) Valid(kind Kind, nodes int) error {
	several := r.several()
	switch {
	case !slices.Contains(roles, r):
		return fmt.Errorf("unknown role %q (one of %s)", string(r), names(kind.Roles()))
	case several && !kind.Traits().Crowd:
		return fmt.Errorf("%s strikes one host at a time, not the %s", kind, r)
	case !slices.Contains(kind.Roles(), r):
		return fmt.Errorf("%s cannot be on the role %s (one of %s)", kind, r, names(kind.Roles()))
	case several && r.crowd(nodes) == 0, r == RoleFollowers && nodes < 3:
		return fmt.Errorf("role %s needs at least 3 nodes, not %d", r, nodes)
	case kind == KindBitRot && spare(nodes) == 0:
		return fmt.Errorf("bit-rot needs at least 3 nodes, not %d: a quorum must be able to spare one",
			nodes)
	}
	return kind.operates(nodes)
}

// spare is how many of n nodes can be lost while a quorum remains.
func spare(n int) int { return (n - 1) / 2 }

// choose returns the hosts that a fault of the kind strikes: of the role, and running.
func choose(kind Kind, role Role, v View, s *chance.Stream) ([]string, error) {
	if err := role.Valid(kind, len(v.voters())); err != nil {
		return nil, err
	}
	if role == RoleAll {
		return runningAll(v)
	}
	if n := role.crowd(len(v.voters())); n > 0 {
		running := without(v.voters(), v.Stopped)
		if role == RoleFollowers && v.Leader == "" {
			return nil, ErrNoLeader
		} else if role == RoleFollowers {
			running = without(running, []string{v.Leader})
		}
		if len(running) < n {
			return nil, ErrNoHost
		}
		return sample(running, n, s), nil
	}
	return pickFor(kind, role, v, s)
}

func runningAll(v View) ([]string, error) {
	running := without(v.voters(), v.Stopped)
	if len(running) == 0 {
		return nil, ErrNoHost
	}
	return running, nil
}

// pick returns one running host of a role of one.
func pick(role Role, v View, s *chance.Stream) ([]string, error) { return pickFor("", role, v, s) }

// pickFor returns one running host that a role of one means for a kind of fault.
func pickFor(kind Kind, role Role, v View, s *chance.Stream) ([]string, error) {
	of, err := v.of(kind, role)
	if err != nil {
		return nil, err
	}
	running := without(of, v.Stopped)
	if len(running) == 0 {
		return nil, ErrNoHost
	}
	return []string{running[s.Intn(len(running))]}, nil
}
