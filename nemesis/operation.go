package nemesis

import (
	"fmt"
	"slices"
)

// The operations: what an operator does to a cluster that serves all the while. An event of one is
// over as soon as it is done; its For is how long that may take. Members change one at a time: what
// a system makes of two changes that overlap is its own business.
const (
	KindAdd      Kind = "add"      // starts a node with an empty disk, and has it made a learner
	KindPromote  Kind = "promote"  // gives a learner its vote
	KindRemove   Kind = "remove"   // takes a member out of the cluster, then stops its node
	KindReplace  Kind = "replace"  // remove, then the same host anew: empty disk, new identity, a vote
	KindTransfer Kind = "transfer" // hands the leadership to whom it strikes
	KindSnapshot Kind = "snapshot" // has a node take a snapshot of its state, and compact its log
	KindRestart  Kind = "restart"  // stops a node in good order and starts it; of several, in turn
	KindFill     Kind = "fill"     // writes Entries small entries, none of them of a client's key
)

// The roles that only operations know. No other role means a host of theirs: a role of processes,
// clocks or disks is a voter's.
const (
	RoleLearner Role = "learner" // a member without a vote
	RoleSpare   Role = "spare"   // a host whose node is no member
)

// operators is whom each operation can be on.
var operators = map[Kind][]Role{
	KindAdd:      {RoleSpare},
	KindPromote:  {RoleLearner},
	KindRemove:   {RoleLeader, RoleFollower, RoleAny, RoleLearner},
	KindReplace:  {RoleLeader, RoleFollower, RoleAny},
	KindTransfer: {RoleFollower, RoleAny},
	KindSnapshot: {RoleLeader, RoleFollower, RoleAny, RoleLearner},
	KindRestart:  {RoleLeader, RoleFollower, RoleAny, RoleLearner, RoleAll},
	KindFill:     {RoleLeader, RoleFollower, RoleAny},
}

// Roles is whom a fault of the kind can strike.
func (k Kind) Roles() []Role {
	if of, is := operators[k]; is {
		return of
	}
	return []Role{RoleLeader, RoleFollower, RoleAny, RoleMajority, RoleFollowers, RoleMinority,
		RoleAll}
}

// maxEntries bounds one fill: more is a slip of the unit.
const maxEntries = 100_000_000

// entries says why a fault of the kind cannot write so many.
func (k Kind) entries(count int) error {
	switch takes := k.Traits().Entries; {
	case !takes && count != 0:
		return fmt.Errorf("%s takes no entries", k)
	case takes && (count < 1 || count > maxEntries):
		return fmt.Errorf("%s: %d entries must be from 1 to %d", k, count, maxEntries)
	}
	return nil
}

// hosts are all hosts, in the suite's order.
func (v View) hosts() []string {
	if v.Hosts == nil {
		return v.Nodes
	}
	return v.Hosts
}

// voters are the members that have a vote.
func (v View) voters() []string { return without(v.Nodes, v.Learners) }

// of lists whom a role of one can mean for a kind of fault, stopped or not.
func (v View) of(kind Kind, role Role) ([]string, error) {
	switch role {
	case RoleSpare:
		return without(v.hosts(), v.Nodes), nil
	case RoleLearner:
		return v.Learners, nil
	case RoleLeader:
		if !slices.Contains(v.Nodes, v.Leader) {
			return nil, ErrNoLeader
		}
		return []string{v.Leader}, nil
	case RoleFollower:
		return without(v.voters(), []string{v.Leader}), nil
	}
	if kind == KindTransfer {
		return without(v.voters(), []string{v.Leader}), nil
	}
	return v.voters(), nil
}

// suits tells whether an operation can be on a host as the members are now; any other fault can.
func (v View) suits(kind Kind, host string) bool {
	member := slices.Contains(v.Nodes, host)
	switch kind {
	case KindAdd:
		return !member
	case KindPromote:
		return slices.Contains(v.Learners, host)
	case KindTransfer:
		return slices.Contains(v.voters(), host) && host != v.Leader
	case KindRemove, KindReplace, KindSnapshot, KindRestart, KindFill:
		return member
	}
	return true
}

// operates says why no operation of the kind can be had on that many nodes.
func (k Kind) operates(nodes int) error {
	switch k {
	case KindRemove, KindReplace, KindTransfer:
		if nodes < 2 {
			return fmt.Errorf("%s needs at least 2 nodes, not %d", k, nodes)
		}
	}
	return nil
}
