package raft

import (
	"slices"
	"testing"
	"time"

	"gauntlet/chance"
)

// delayed is a network in which each message takes a time of its own, so that they overtake.
type delayed struct {
	*cluster
	draws   *chance.Stream
	due     map[time.Duration][]Message
	appends map[NodeID]int // entries sent to a member
}

// tick lets a millisecond pass, and delivers what is due.
func (d *delayed) tick() {
	d.now += time.Millisecond
	for _, n := range d.nodes {
		if n.core != nil && n.core.Deadline() <= d.now {
			n.core.Tick(d.now)
			d.settle(n)
		}
	}
	arriving := d.due[d.now]
	delete(d.due, d.now)
	for _, m := range arriving {
		d.network = append(d.network, m)
		d.settle(d.deliver(len(d.network)-1, false))
	}
}

func (d *delayed) settle(n *node) {
	if n.core == nil {
		return
	}
	d.cluster.settle(n)
	for _, m := range d.network {
		at := d.now + time.Duration(1+d.draws.Intn(10))*time.Millisecond
		d.due[at] = append(d.due[at], m)
		d.appends[m.To] += len(m.Entries)
	}
	d.network = d.network[:0]
}

// Goal: a network that lets messages overtake each other costs a follower far behind some repeats,
// not a storm of them: late answers to what was sent before a refusal must not have a whole window
// sent again, each. Method: 200 entries in small Appends to a follower that was down, over delays
// of 1 to 10 ms; the entries sent are counted.
func TestOvertakingMakesNoStorm(t *testing.T) {
	const behind = 200
	for seed := range uint64(3) {
		d := &delayed{
			cluster: newCluster(3, func(cfg *Config) { cfg.MaxAppendBytes = 80 }),
			draws:   chance.New(seed, "raft.delayed", 0),
			due:     map[time.Duration][]Message{},
			appends: map[NodeID]int{},
		}
		late := d.nodes[2]
		d.crash(late)
		leads := func(n *node) bool { return n.core != nil && n.core.Status().Role == Leader }
		for !slices.ContainsFunc(d.nodes, leads) {
			d.tick()
		}
		leader := d.nodes[slices.IndexFunc(d.nodes, leads)]
		for range behind {
			if err := d.propose(leader); err != nil {
				t.Fatal(err)
			}
		}
		d.settle(leader)
		for leader.core.Status().Commit < behind {
			d.tick()
		}
		d.start(late)
		d.appends[3] = 0
		for began := d.now; late.core.Status().Commit < behind; {
			d.tick()
			if sent, took := d.appends[3], d.now-began; sent > 70*behind || took > time.Second {
				t.Fatalf("seed %d: %d entries sent in %v, and it is still behind", seed, sent, took)
			}
		}
	}
}
