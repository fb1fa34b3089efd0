package inject

import (
	"context"
	"slices"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// at is the node's host as the target knows it.
func (n *node) at() *target.Host {
	h, _ := n.host.(*target.Host) // of an injector that can operate; see New
	return h
}

func (i *Injector) place(n *node) int { return slices.Index(i.nodes, n) }

// Membership is who takes part, as last heard: nodes whose removal has begun are no part of it.
func (i *Injector) Membership() history.Membership {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.members
	for _, f := range i.inForce {
		if kind := nemesis.Kind(f.Kind); kind == nemesis.KindRemove || kind == nemesis.KindReplace {
			gone := func(name string) bool { return slices.Contains(f.Hosts, name) }
			now.Voters = slices.DeleteFunc(slices.Clone(now.Voters), gone)
			now.Learners = slices.DeleteFunc(slices.Clone(now.Learners), gone)
		}
	}
	return now
}

// Idle tells whether the node of a host is not to run: it is no member, and was stopped as such.
func (i *Injector) Idle(name string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.idle[name]
}

func (i *Injector) setIdle(name string, idle bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.idle[name] = idle
}

func (i *Injector) take(members history.Membership) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.members = members
}

// founders are who takes part at the start: all but the spares.
func (i *Injector) founders(spares []string) {
	i.idle = map[string]bool{}
	for _, n := range i.nodes {
		if slices.Contains(spares, n.name()) {
			i.idle[n.name()] = true
		} else {
			i.members.Voters = append(i.members.Voters, n.name())
		}
	}
}

// membership asks the leader who takes part: the node that says of itself that it leads the highest
// term. Without a leader there is an error, which may pass.
func (i *Injector) membership(
	ctx context.Context, hint string,
) (history.Membership, *node, error) {
	ctx, cancel := context.WithTimeout(ctx, evidenceTimeout)
	defer cancel()
	leader := i.node(hint)
	if seen, err := i.observed(ctx, leader); err != nil || seen.Role != history.RoleLeader {
		leader = i.leading(ctx)
	}
	if leader == nil {
		return history.Membership{}, nil, nemesis.ErrNoLeader
	}
	now, err := i.operated.Membership(ctx, leader.at())
	return now, leader, err
}

func (i *Injector) observed(ctx context.Context, n *node) (history.Observation, error) {
	if n == nil {
		return history.Observation{}, nemesis.ErrNoLeader
	}
	return i.target.Observe(ctx, n.at())
}

// leading asks every node that is to run who leads.
func (i *Injector) leading(ctx context.Context) *node {
	seen := make([]history.Observation, len(i.nodes))
	_ = each(i.nodes, func(n *node) error {
		if !i.Idle(n.name()) {
			seen[i.place(n)], _ = i.target.Observe(ctx, n.at())
		}
		return nil
	})
	var leader *node
	var term uint64
	for k, o := range seen {
		if o.Role == history.RoleLeader && o.Term >= term {
			leader, term = i.nodes[k], o.Term
		}
	}
	return leader
}
