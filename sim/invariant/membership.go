package invariant

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/raft"
	"gauntlet/sim/failure"
)

// Who decides is part of the log (paper, section 6; thesis, chapter 4). Each entry knows the
// configuration that its log names: its own, or that of the latest such entry before it. So what
// must hold of configurations is asked of logs:
//
//   - each follows from the one before it by a legal step, so that their quorums intersect;
//   - it is appended only when the one before is committed, and an entry of the leader's own term
//     (thesis 4.1, and the bug that was found there later);
//   - who becomes a voter was a learner before, and had caught up (thesis 4.2.1);
//   - a member uses the latest in its log, be it committed or not, and no other;
//   - nobody campaigns who is a voter neither of the latest committed one nor of any after it;
//   - a leader that a committed one does not name steps down at once (thesis 4.2.2).

// configured is a configuration and where it stands.
type configured struct {
	raft.Configuration
	at     raft.Position
	entry  ref
	before int32 // the one that it follows
}

// begin takes the voters of a run's beginning.
func (s *entries) begin(nodes int) {
	s.fresh = s.fresh[:0]
	if len(s.configs) > 0 && len(s.configs[0].Voters) == nodes {
		s.configs = s.configs[:1]
		return
	}
	ids := make([]raft.NodeID, nodes)
	for i := range ids {
		ids[i] = raft.NodeID(i + 1)
	}
	first := raft.NewConfiguration(raft.Members(ids...)...)
	s.configs = append(s.configs[:0], configured{Configuration: first})
}

// configuration takes in the configuration of a new entry, and returns its number: that of the
// entry before if it brings none.
func (s *entries) configuration(e *raft.Entry, r, before ref) int32 {
	former := s.known[before].config
	if e.Kind != raft.EntryConfiguration {
		return former
	}
	config, err := raft.DecodeConfiguration(e.Data)
	if err != nil {
		return former // it differs from what follows it in nothing: legal says so
	}
	number := int32(len(s.configs))
	s.configs = append(s.configs,
		configured{config, raft.Position{Index: e.Index, Term: e.Term}, r, former})
	s.fresh = append(s.fresh, number)
	return number
}

// latest returns the configuration in effect with a log that ends with this entry.
func (w *Watch) latest(tip ref) *configured {
	return &w.entries.configs[w.entries.known[tip].config]
}

// Configurations returns those that may be in effect in the end: the one that was committed last,
// and any behind it in a log, be it in memory, on a disk, or on its way there.
func (w *Watch) Configurations() []raft.Configuration {
	numbers := []int32{0}
	if n := len(w.committed); n > 0 {
		numbers[0] = w.entries.known[w.committed[n-1]].config
	}
	committed := w.entries.configs[numbers[0]].at.Index
	follow := func(tip ref) {
		for c := w.entries.known[tip].config; w.entries.configs[c].at.Index > committed; {
			if !slices.Contains(numbers, c) {
				numbers = append(numbers, c)
			}
			c = w.entries.configs[c].before
		}
	}
	for i := range w.members {
		m := &w.members[i]
		follow(m.tip())
		follow(m.stored().tip)
		for _, owed := range m.owed {
			follow(owed.tip)
		}
	}
	var all []raft.Configuration
	for _, c := range numbers {
		all = append(all, w.entries.configs[c].Configuration)
	}
	return all
}

// decides tells whether members hold a majority of the voters, and of the old ones while the
// configuration is joint.
func (c *configured) decides(holds func(node int) bool) bool {
	for _, voters := range [...][]raft.Member{c.Voters, c.Outgoing} {
		holders := 0
		for _, v := range voters {
			if holds(int(v.ID) - 1) {
				holders++
			}
		}
		if len(voters) > 0 && holders < len(voters)/2+1 {
			return false
		}
	}
	return len(c.Voters) > 0
}

// supportedBy tells whether members decide by one of these configurations.
func supportedBy(configs []configured, holds func(node int) bool) bool {
	return slices.ContainsFunc(configs, func(c configured) bool { return c.decides(holds) })
}

// electedBy returns the configuration under which a member came to lead its term: that of its last
// entry of an earlier one, since who campaigns takes no entries.
func (w *Watch) electedBy(m *member, term uint64) []configured {
	last := m.tip()
	for w.entries.known[last].term >= term {
		last = w.entries.known[last].before
	}
	return w.entries.configs[w.entries.known[last].config:][:1]
}

// inEffect returns the configurations by which a leader can have committed its log up to an entry:
// the one there, or one behind it. Of a log that was cut at the same instant it may be any.
func (w *Watch) inEffect(m *member, upTo int, cut bool) []configured {
	if cut {
		return w.entries.configs
	}
	c := w.entries.known[m.tip()].config
	w.effective = append(w.effective[:0], w.entries.configs[c])
	for w.entries.configs[c].at.Index > uint64(upTo) {
		c = w.entries.configs[c].before
		w.effective = append(w.effective, w.entries.configs[c])
	}
	return w.effective
}

// leftJoint tells whether a leader that was deposed at the same instant can have committed its log
// up to an entry by a configuration that nobody saw: the one that follows a joint one as soon as
// that is committed.
func (w *Watch) leftJoint(configs []configured, upTo int, holds func(node int) bool) bool {
	for _, joint := range configs {
		at := int(joint.at.Index)
		committed := func(i int) bool {
			disk := w.members[i].disk
			return at <= len(disk) && disk[at-1] == joint.entry
		}
		next := configured{Configuration: raft.Configuration{Voters: joint.Voters}}
		if joint.Joint() && at <= upTo && joint.decides(committed) && next.decides(holds) {
			return true
		}
	}
	return false
}

// those names the members of which something holds.
func (w *Watch) those(holds func(node int) bool) string {
	var names []string
	for i := range w.members {
		if holds(i) {
			names = append(names, name(i))
		}
	}
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// String returns who decides.
func (c *configured) String() string {
	list := func(members []raft.Member) string {
		var names []string
		for _, m := range members {
			names = append(names, named(m.ID))
		}
		return strings.Join(names, ", ")
	}
	if c.Joint() {
		return "the voters " + list(c.Voters) + " and the old ones " + list(c.Outgoing)
	}
	return "the voters " + list(c.Voters)
}

// configures is asked after each change of a member: of the configurations that it was the first to
// have, and of the one that it uses.
func (w *Watch) configures(node int, s raft.Status) {
	for _, number := range w.entries.fresh {
		w.follows(node, number)
	}
	w.entries.fresh = w.entries.fresh[:0]
	m := &w.members[node]
	used := w.latest(m.tip())
	if s.Configuration != used.at && !w.fromSnapshot(m, used, s.Configuration) {
		w.fail(failure.Failure{
			Signature: failure.Misconfigured, Nodes: []int{node}, Term: s.Term, Index: used.at.Index,
		}, "%s uses the configuration of entry %d of term %d, but the latest in its log is that of "+
			"entry %d of term %d", name(node), s.Configuration.Index, s.Configuration.Term,
			used.at.Index, used.at.Term)
		return
	}
	if s.Role != raft.Follower && !w.mayLead(node, s.Commit) {
		w.noVoter(node, s)
	}
}

// mayLead tells whether a member is a voter of the latest configuration of its log that it knows to
// be committed, or of one after it: a quorum may need it as a leader (thesis 4.2.2).
func (w *Watch) mayLead(node int, commit uint64) bool {
	id := raft.NodeID(node + 1)
	for c := w.latest(w.members[node].tip()); ; c = &w.entries.configs[c.before] {
		if has(c.Voters, id) || has(c.Outgoing, id) {
			return true
		}
		if c.at.Index <= commit {
			return false
		}
	}
}

func (w *Watch) noVoter(node int, s raft.Status) {
	used := w.latest(w.members[node].tip())
	f := failure.Failure{
		Signature: failure.Overstayed, Nodes: []int{node}, Term: s.Term, Index: used.at.Index,
	}
	if s.Role == raft.Leader {
		w.fail(f, "%s still leads term %d, though entry %d is committed, which makes it no voter",
			name(node), s.Term, used.at.Index)
		return
	}
	f.Signature = failure.NoVoter
	w.fail(f, "%s campaigns in term %d, though it is none of %s", name(node), s.Term, used)
}

// follows demands that a configuration follows legally from the one before it, which is committed,
// and so is an entry of the term in which it is appended.
func (w *Watch) follows(node int, number int32) {
	next := &w.entries.configs[number]
	before := &w.entries.configs[next.before]
	f := failure.Failure{Signature: failure.IllegalChange, Nodes: []int{node}, Term: next.at.Term,
		Index: next.at.Index}
	if err := legal(&before.Configuration, &next.Configuration); err != nil {
		w.fail(f, "%s appends configuration %d after that of entry %d: %v", name(node),
			next.at.Index, before.at.Index, err)
		return
	}
	if behind := w.behind(before, next); behind != 0 {
		w.fail(f, "%s appends configuration %d, which makes %s a voter, whose disk lacks more than "+
			"%d entries", name(node), next.at.Index, named(behind), w.MaxLearnerLag)
		return
	}
	i := int(before.at.Index)
	if i > len(w.committed) || i > 0 && w.committed[i-1] != before.entry {
		w.fail(f, "%s appends configuration %d while that of entry %d is not committed", name(node),
			next.at.Index, i)
		return
	}
	if n := len(w.committed); n == 0 ||
		w.entries.known[w.committed[n-1]].term < next.at.Term {
		w.fail(f, "%s appends configuration %d before an entry of its term %d is committed",
			name(node), next.at.Index, next.at.Term)
	}
}

// behind returns a new voter whose disk never had what the leader must have heard that it has.
func (w *Watch) behind(before, next *configured) raft.NodeID {
	if w.MaxLearnerLag == 0 {
		return 0
	}
	for _, m := range next.Voters {
		furthest := uint64(w.members[m.ID-1].furthest)
		if !has(before.Voters, m.ID) && next.at.Index-1 > furthest+w.MaxLearnerLag {
			return m.ID
		}
	}
	return 0
}

// legal says what is wrong about a step from one configuration to the next.
func legal(before, next *raft.Configuration) error {
	switch {
	case before.Joint() && next.Joint():
		return fmt.Errorf("a joint one follows a joint one")
	case before.Joint() && !slices.Equal(before.Voters, next.Voters):
		return fmt.Errorf("its voters are not the new ones of the joint one")
	case !before.Joint() && !next.Joint() && !slices.Equal(before.Voters, next.Voters):
		return fmt.Errorf("the voters change without a joint one")
	case next.Joint() && !slices.Equal(before.Voters, next.Outgoing):
		return fmt.Errorf("its old voters are not those before it")
	case next.Highest < before.Highest:
		return fmt.Errorf("the highest id falls from %d to %d", before.Highest, next.Highest)
	}
	for _, m := range next.Voters {
		if !has(before.Voters, m.ID) && !has(before.Learners, m.ID) {
			return fmt.Errorf("member %d becomes a voter, and was no learner", m.ID)
		}
	}
	for _, m := range next.All() {
		if _, ok := before.Find(m.ID); !ok && m.ID <= before.Highest {
			return fmt.Errorf("member %d is back", m.ID)
		}
	}
	return nil
}

// Reconfigured tells that a member says of changes that they are complete by an entry: it is
// committed, and the configuration there is not joint and has made them.
func (w *Watch) Reconfigured(node int, index uint64, changes []raft.Change) {
	if w.failed != nil {
		return
	}
	f := failure.Failure{Signature: failure.WrongAnswer, Nodes: []int{node}, Index: index}
	if index == 0 || index > uint64(len(w.committed)) {
		w.fail(f, "%s says that a change is complete by entry %d, which is not committed",
			name(node), index)
		return
	}
	c := w.latest(w.committed[index-1])
	for _, change := range changes {
		_, there := c.Find(change.Member.ID)
		votes := has(c.Voters, change.Member.ID)
		if c.Joint() || there != (change.Kind != raft.Remove) || votes != (change.Kind == raft.Promote) {
			w.fail(f, "%s says that entry %d completes a change of %s, but it leaves %s",
				name(node), index, named(change.Member.ID), c)
			return
		}
	}
}

func has(list []raft.Member, id raft.NodeID) bool {
	return slices.ContainsFunc(list, func(m raft.Member) bool { return m.ID == id })
}
