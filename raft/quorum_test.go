package raft

import (
	"testing"
)

// seated returns a core that leads under this configuration, its own id being 1.
func seated(t *testing.T, config Configuration) *Core {
	t.Helper()
	core, err := New(Config{
		ID: 1, ElectionTimeoutMin: testET, ElectionTimeoutMax: 2 * testET,
		HeartbeatInterval: testHeartbeat,
	}, Restored{HardState: HardState{Term: 1}, Entries: []Entry{
		{Index: 1, Term: 1, Kind: EntryConfiguration, Data: config.Encode()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	core.peers = make([]progress, len(core.seats))
	return core
}

// subset returns the members of 1 to 5 whose bits are set.
func subset(bits int) []Member {
	var list []Member
	for id := NodeID(1); id <= 5; id++ {
		if bits>>(id-1)&1 == 1 {
			list = append(list, Member{ID: id})
		}
	}
	return list
}

// Goal: while joint, it takes a majority of the new voters and one of the old ones, each counted
// apart, to elect and to commit; learners never count. Method: all pairs of sets of voters among
// five, and all sets of members that grant their vote or hold an entry, against counting by hand.
func TestJointMajorities(t *testing.T) {
	most := func(list []Member, bits int) bool {
		sum := 0
		for _, m := range list {
			sum += bits >> (m.ID - 1) & 1
		}
		return 2*sum > len(list)
	}
	for voters := 1; voters < 32; voters++ {
		for outgoing := range 32 {
			config := Configuration{
				Voters: subset(voters), Outgoing: subset(outgoing),
				Learners: subset(31 &^ voters &^ outgoing), Highest: 5,
			}
			core := seated(t, config)
			for say := range 32 {
				want := most(config.Voters, say) && (outgoing == 0 || most(config.Outgoing, say))
				for i, s := range core.seats {
					core.votes[i], core.peers[i].match = refused, 6
					if say>>(s.id-1)&1 == 1 {
						core.votes[i], core.peers[i].match = granted, 7
					}
				}
				reached := core.majority(func(p *progress) uint64 { return p.match }) == 7
				if core.elected() != want || reached != want {
					t.Fatalf("%b of voters %b, outgoing %b: elected %v, reached %v", say, voters,
						outgoing, core.elected(), reached)
				}
			}
		}
	}
}
