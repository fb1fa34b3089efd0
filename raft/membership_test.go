package raft

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// join starts a node with an empty disk and the next id, which waits to be added.
func (c *cluster) join() *node {
	cfg := c.nodes[0].cfg
	cfg.ID, cfg.Members, cfg.Incarnation = NodeID(len(c.nodes)+1), nil, 0
	n := &node{cfg: cfg, reads: make(map[uint64]uint64)}
	c.nodes = append(c.nodes, n)
	c.start(n)
	return n
}

// held tells whether an entry that this node commits is durable on the majorities it takes: those
// of the configuration in effect at the entry, or of a later one that the node had come to. A joint
// configuration takes its own: the one that follows it needs it to be committed.
func (c *cluster) held(n *node, e Entry) bool {
	for i, config := range n.core.configs {
		if i+1 < len(n.core.configs) && n.core.configs[i+1].at.Index <= e.Index {
			continue
		}
		if c.heldBy(config.Voters, e) && (!config.Joint() || c.heldBy(config.Outgoing, e)) {
			return true
		}
		if config.Joint() && config.at.Index == e.Index {
			return false
		}
	}
	return false
}

func (c *cluster) heldBy(voters []Member, e Entry) bool {
	holders := 0
	for _, m := range voters {
		if c.nodes[m.ID-1].onDisk(e.Index, e.Term) {
			holders++
		}
	}
	return 2*holders > len(voters)
}

// checkConfiguration looks for the configuration in effect in the whole log, from its end.
func (c *cluster) checkConfiguration(n *node) {
	want := NewConfiguration(n.cfg.Members...)
	if n.core.log.base.Index > 0 {
		want = n.core.snapshot.Configuration
	}
	for _, e := range slices.Backward(n.core.log.entries) {
		if e.Kind != EntryConfiguration {
			continue
		}
		var err error
		if want, err = DecodeConfiguration(e.Data); err != nil {
			panic(err)
		}
		break
	}
	is := describeConfiguration(n.core.Configuration())
	if is != describeConfiguration(want) {
		panic(fmt.Sprintf("%d uses %s, its log says %s", n.cfg.ID, is, describeConfiguration(want)))
	}
	if is != n.config && n.config != "" {
		c.trace("%d uses %s", n.cfg.ID, is)
	}
	n.config = is
	if s := n.core.Status(); s.Role >= Candidate && !n.core.mayCampaign() && s.Role != Leader {
		panic(fmt.Sprintf("%d campaigns under %s", n.cfg.ID, is))
	}
}

// changesOf returns what a change asks for: additions first, then promotions, then removals.
func changesOf(t *testing.T, d *datadriven.TestData) (changes []Change) {
	for i, what := range []string{"add", "promote", "remove"} {
		for _, a := range d.CmdArgs {
			for _, value := range a.Vals {
				if a.Key != what {
					continue
				}
				id, err := strconv.Atoi(value)
				if err != nil {
					t.Fatalf("%s: %v", d.Pos, err)
				}
				changes = append(changes, Change{ChangeKind(i + 1), Member{ID: NodeID(id)}})
			}
		}
	}
	return changes
}

// describeConfiguration prints the ids of the voters, the old ones behind a bar, then learners.
func describeConfiguration(c Configuration) string {
	var all []string
	for i, list := range c.lists() {
		if len(list) > 0 {
			all = append(all, [...]string{"", "|", "+"}[i])
		}
		for _, m := range list {
			all = append(all, strconv.Itoa(int(m.ID)))
		}
	}
	return "{" + strings.TrimSpace(strings.Join(all, " ")) + "}"
}

// reconfigure has whoever leads, or thinks so, change the members at random; now and then somebody
// new waits to be added.
func (s *schedule) reconfigure() {
	if len(s.nodes) < 9 && s.draw("join", 3) == 0 {
		s.join()
	}
	for _, n := range s.running() {
		if n.core.Status().Role != Leader {
			continue
		}
		var changes []Change
		for range 1 + s.draw("changes", 3) {
			changes = append(changes, s.drawChange(n.core.Configuration()))
		}
		_, _ = n.core.Reconfigure(s.now, changes)
		s.drain(n)
	}
}

// drawChange returns a change that may well be possible.
func (s *schedule) drawChange(config Configuration) Change {
	all := config.All()
	switch learners := len(config.Learners); {
	case int(config.Highest) < len(s.nodes) && s.draw("add", 2) == 0:
		return Change{AddLearner, Member{ID: config.Highest + 1}}
	case learners > 0 && s.draw("promote", 4) > 0:
		return Change{Promote, config.Learners[s.draw("learner", learners)]}
	default:
		return Change{Remove, all[s.draw("remove", len(all))]}
	}
}

// running returns the nodes that are up.
func (c *cluster) running() (nodes []*node) {
	for _, n := range c.nodes {
		if n.core != nil {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// stopRemoved stops, from a time on, those whom a leader of the latest term knows to be no members.
func (s *schedule) stopRemoved(from time.Duration) {
	if s.now < from {
		return
	}
	for _, leader := range s.running() {
		if leader.core == nil || leader.core.role != Leader {
			continue // stopped just now, for one
		}
		config := leader.core.latest()
		if config.at.Index > leader.core.commit || config.Joint() {
			continue
		}
		for _, n := range s.running() {
			if _, ok := config.Find(n.cfg.ID); !ok {
				s.crash(n)
			}
		}
	}
}
