package raft

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"gauntlet/chance"

	"pgregory.net/rapid"
)

var seeds = flag.Int("seeds", 300, "random schedules to run in TestRandomSchedules")

// schedule plays a random network, disks and crashes on a cluster.
type schedule struct {
	*cluster
	draw func(what string, n int) int // in [0, n)
	cut  map[[2]NodeID]bool           // directed links that lose everything
	calm int                          // how much rarer than usual trouble is
}

// step does one random thing. Deliveries and disk writes prevail, or nothing would ever commit.
func (s *schedule) step() {
	n := s.nodes[s.draw("node", len(s.nodes))]
	switch what := s.draw("step", 100); {
	case what < 58:
		for range 1 + s.draw("moves", 6) {
			s.move()
		}
	case what < 74:
		s.settleSome(n)
	case what < 84:
		s.pass(time.Duration(s.draw("ms", 6)) * time.Millisecond)
	case what < 85: // one member's clock fires early, unless leases count on clocks
		s.pass(0)
		if n.core != nil && s.draw("early", s.calm) == 0 && !n.cfg.LeaseReads {
			n.core.Tick(max(s.now, n.core.Deadline()))
			s.drain(n)
		}
	case what < 93:
		s.request(n)
	case what < 94:
		if s.draw("cut", s.calm) == 0 {
			s.toggle()
		}
	case what < 95:
		s.cut = make(map[[2]NodeID]bool)
	case n.core == nil:
		s.start(n)
	case what == 99 && n.late.Index == 0:
		s.snapshot(n)
		s.drain(n)
	case what < 99 && s.draw("crash", s.calm) == 0:
		s.crash(n)
	}
}

// move delivers, loses or repeats a message, mostly an old one.
func (s *schedule) move() {
	if len(s.network) == 0 {
		return
	}
	i := 0
	if s.draw("order", 4) == 0 {
		i = s.draw("message", len(s.network))
	}
	m := s.network[i]
	fate := s.draw("fate", 20)
	if s.cut[[2]NodeID{m.From, m.To}] || fate == 0 {
		s.network = append(s.network[:i:i], s.network[i+1:]...)
		return
	}
	s.deliver(i, fate == 1)
}

func (s *schedule) settleSome(n *node) {
	if n.core == nil {
		return
	}
	for range min(len(n.writes), 1+s.draw("writes", 4)) {
		s.persist(n)
	}
	for range min(len(n.stores), 1+s.draw("stores", 4)) {
		s.store(n)
	}
}

func (s *schedule) pass(d time.Duration) {
	s.now += d
	for _, n := range s.nodes {
		if n.core != nil && n.core.Deadline() <= s.now {
			n.core.Tick(s.now)
			s.drain(n)
		}
	}
}

func (s *schedule) request(n *node) {
	if n.core == nil {
		return
	}
	switch s.draw("request", 3) {
	case 0: // on whoever leads, or thinks so
		for _, n := range s.nodes {
			if n.core != nil {
				_ = s.propose(n)
				s.drain(n)
			}
		}
	case 1: // a transfer now and then: whom everybody deposes leads nothing
		if n.core.Status().Role == Leader && s.draw("transfer", 6) == 0 {
			_ = n.core.Transfer(s.now, NodeID(s.draw("to", len(s.nodes)+1)))
		}
		if s.draw("reconfigure", 2) == 0 {
			s.reconfigure()
		}
		_ = s.forward(n)
	case 2:
		ask := s.read
		if s.draw("lease", 2) == 0 {
			ask = s.leaseRead
		}
		if ask(n) != nil {
			delete(n.reads, s.id)
		}
	}
	s.drain(n)
}

// toggle cuts or mends one direction of a link.
func (s *schedule) toggle() {
	a, b := s.draw("from", len(s.nodes)), s.draw("to", len(s.nodes))
	link := [2]NodeID{NodeID(a + 1), NodeID(b + 1)}
	s.cut[link] = !s.cut[link]
}

// heal mends everything, and stops whoever has been removed. Within a bounded time there must be
// one leader that commits, a log that all members share, and answers to reads on every one of them.
func (s *schedule) heal() error {
	s.cut = make(map[[2]NodeID]bool)
	for _, n := range s.nodes {
		if n.core == nil {
			s.start(n)
		}
		s.settle(n)
	}
	end := s.now + 30*testET
	proposed := ""
	for ; s.now < end; s.pass(time.Millisecond) {
		for range len(s.network) {
			s.deliver(0, false)
		}
		s.stopRemoved(end - 20*testET)
		for _, n := range s.running() {
			s.settle(n)
			if proposed == "" && s.now > end-10*testET && s.propose(n) == nil {
				proposed = fmt.Sprintf("p%d", s.id)
			}
		}
	}
	first := s.running()[0].core.Status()
	for _, n := range s.running() {
		n.checked = nil
		s.check(n)
		is := n.core.Status()
		if is.Term != first.Term || is.Commit != first.LastIndex || is.LastIndex != first.LastIndex {
			return fmt.Errorf("not converged: %+v, %+v", first, is)
		}
		if s.read(n) != nil {
			return fmt.Errorf("member %d cannot read", is.ID)
		}
		s.drain(n)
	}
	if proposed == "" || string(s.committed[len(s.committed)-1].Data) != proposed {
		return fmt.Errorf("proposal %q was not committed", proposed)
	}
	if err := s.quieten(); err != nil {
		return err
	}
	for _, n := range s.running() {
		if len(n.reads) > 0 {
			return fmt.Errorf("member %d has open reads %v", n.cfg.ID, n.reads)
		}
	}
	return nil
}

// quieten delivers all that is on its way, and what follows from it at this instant. That comes
// to an end: every open read costs at most a question, a round of heartbeats of its own, and an
// answer.
func (s *schedule) quieten() error {
	members := len(s.nodes)
	for most := len(s.network) + members*(2*members+2); len(s.network) > 0; most-- {
		if most == 0 {
			return fmt.Errorf("messages without end: %d are on their way", len(s.network))
		}
		if n := s.deliver(0, false); n.core != nil {
			s.settle(n)
		}
	}
	return nil
}

// play runs a schedule on a cluster of random size and options, and returns what it broke.
func play(steps int, draw func(string, int) int) (c *cluster, err error) {
	preVote, checkQuorum := draw("prevote", 4) != 0, draw("checkquorum", 4) != 0
	small, keep := draw("small", 2) == 0, uint64(draw("keep", 4))
	lease := draw("lease", 2) == 0
	c = newCluster(1+draw("members", 5), func(cfg *Config) {
		cfg.PreVote, cfg.CheckQuorum, cfg.KeepEntries = preVote, checkQuorum, keep
		cfg.LeaseReads = lease && checkQuorum
		cfg.KeepBytes = 3 * int(keep)
		if small { // flow control bites
			cfg.MaxAppendBytes, cfg.MaxInflightBytes, cfg.MaxUncommittedBytes = 80, 160, 400
		}
	})
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	s := &schedule{cluster: c, draw: draw, cut: make(map[[2]NodeID]bool)}
	s.calm = 1 + 5*draw("calm", 3)
	for range steps {
		s.step()
	}
	return c, s.heal()
}

// Goal: the safety properties of the paper's figure 3, what Ready promises of the disk,
// linearizable read indexes and at-most-once forwards hold under any network, and the cluster
// comes back after any of it. Method: random schedules of loss, repetition, reordering, one-way
// cuts, slow disks and crashes on 1 to 5 members, checked after every step; many seeds.
func TestRandomSchedules(t *testing.T) {
	committed, elections, installed, configurations := 0, 0, 0, 0
	for seed := range *seeds {
		stream := chance.New(uint64(seed), "schedule", 0)
		c, err := play(4000, func(_ string, n int) int { return stream.Intn(n) })
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		committed += len(c.committed)
		elections += len(c.leaders)
		installed += c.installed
		for _, e := range c.committed {
			if e.Kind == EntryConfiguration {
				configurations++
			}
		}
	}
	t.Logf("%d schedules: %d entries committed, %d of them configurations, %d elections, "+
		"%d snapshots installed", *seeds, committed, configurations, elections, installed)
	if committed < 20**seeds || elections < 2**seeds || installed < *seeds/5 ||
		configurations < *seeds {
		t.Errorf("schedules are too idle to show anything")
	}
}

// Goal and method as above; fewer and shorter schedules, which rapid shrinks when one fails.
func TestRandomSchedulesShrinking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, err := play(400, func(what string, n int) int {
			return rapid.IntRange(0, n-1).Draw(t, what)
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
