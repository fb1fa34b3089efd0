package raft

import "fmt"

// Who the members are is part of the log (paper, section 6; thesis, chapter 4): a server uses the
// latest configuration in its log, whether it is committed or not, so a configuration takes effect
// when it is appended and goes when its entry is dropped. The one before the log begins is that of
// index 0, from Config.Members.
//
// Questions are answered whoever asks: a server that has not yet heard of a new member must vote
// for it and take its entries all the same (thesis 4.1). Answers count for the members that the
// configuration names, and for no others.

// located is a configuration and the entry that brought it.
type located struct {
	at Position
	Configuration
}

// seat is a member's place at the table: what the latest configuration says of it.
type seat struct {
	id       NodeID
	voter    bool // in Configuration.Voters
	outgoing bool // in Configuration.Outgoing
}

// restoreConfigurations finds the configurations of what the disk held.
func (c *Core) restoreConfigurations(r Restored) {
	first := located{Configuration: NewConfiguration(c.cfg.Members...)}
	if len(r.Snapshot.Configuration.Voters) > 0 {
		first = located{r.Snapshot.last(), r.Snapshot.Configuration}
	}
	c.configs = append(c.configs[:0], first)
	c.noteConfigurations(r.Entries)
	c.takeSeats()
}

// ConfigurationAt returns the configuration that a snapshot of the state after this entry carries.
// It returns false where it is not known: on a server that was added later, and has not yet come to
// an entry that tells, or if the log up to there is compacted away.
func (c *Core) ConfigurationAt(index uint64) (Configuration, bool) {
	for i := len(c.configs) - 1; i >= 0; i-- {
		if c.configs[i].at.Index <= index {
			return c.configs[i].Configuration, len(c.configs[i].Voters) > 0
		}
	}
	return Configuration{}, false
}

// noteConfigurations remembers the configurations among entries that follow the log. It tells
// whether there were any.
func (c *Core) noteConfigurations(entries []Entry) bool {
	noted := false
	for i := range entries {
		e := &entries[i]
		if e.Kind != EntryConfiguration {
			continue
		}
		configuration, err := DecodeConfiguration(e.Data)
		if err != nil {
			panic("raft: an entry passed the gates with a " + err.Error())
		}
		c.configs = append(c.configs, located{Position{e.Index, e.Term}, configuration})
		noted = true
	}
	return noted
}

// forgetConfigurations drops those of the entries from index on. It tells whether there were any.
func (c *Core) forgetConfigurations(index uint64) bool {
	n := len(c.configs)
	for n > 1 && c.configs[n-1].at.Index >= index {
		n--
	}
	dropped := n < len(c.configs)
	clear(c.configs[n:])
	c.configs = c.configs[:n]
	return dropped
}

// latest returns the configuration in effect.
func (c *Core) latest() *located {
	return &c.configs[len(c.configs)-1]
}

// takeSeats arranges the table by the configuration in effect. This member always has a seat, so
// that its own row is there, but it may be one without a say. A leader keeps what it knows of the
// members that stay.
func (c *Core) takeSeats() {
	before, known := c.seats, c.peers
	c.seats, c.peers = nil, nil
	config := c.latest().Configuration
	members := config.All()
	if !has(members, c.cfg.ID) {
		members = append(members, Member{ID: c.cfg.ID})
	}
	for i, m := range members {
		c.seats = append(c.seats, seat{m.ID, has(config.Voters, m.ID), has(config.Outgoing, m.ID)})
		if m.ID == c.cfg.ID {
			c.self = i
		}
	}
	c.votes = make([]ballot, len(c.seats))
	if c.role != Leader {
		return
	}
	for _, s := range c.seats {
		row := c.newProgress(c.log.last()) // the entry that names it is the first it is sent
		for i, old := range before {
			if old.id == s.id {
				row = known[i]
			}
		}
		c.peers = append(c.peers, row)
	}
}

// newProgress is what a leader knows of a member that it has not heard, and will feed from next on.
func (c *Core) newProgress(next uint64) progress {
	return progress{next: next, heard: c.now}
}

// place returns where a member sits, or -1.
func (c *Core) place(id NodeID) int {
	for i := range c.seats {
		if c.seats[i].id == id {
			return i
		}
	}
	return -1
}

// mayCampaign tells whether this member may be needed as a leader: it is a voter of the latest
// configuration known to be committed, or of one after it. A voter that its own log removes by an
// entry that may not be committed still may (thesis 4.2.2): others may lack that entry, and elect
// nobody without it. Learners and servers that wait to be added never campaign.
func (c *Core) mayCampaign() bool {
	for i := len(c.configs) - 1; i >= 0; i-- {
		if c.configs[i].votes(c.cfg.ID) {
			return true
		}
		if c.configs[i].at.Index <= c.commit {
			break
		}
	}
	return false
}

// validMembership checks invariant 6 of Core.
func (c *Core) validMembership() error {
	for i := 1; i < len(c.configs); i++ {
		at := c.configs[i].at
		if at.Index <= c.configs[i-1].at.Index ||
			at.Index >= c.log.base.Index && !c.log.holds(at.Index, at.Term) {
			return fmt.Errorf("configuration of entry %v after that of %v, not in the log",
				at, c.configs[i-1].at)
		}
	}
	latest := c.latest().Configuration
	members := len(latest.All())
	if _, ok := latest.Find(c.cfg.ID); !ok {
		members++
	}
	if len(c.seats) != members || len(c.votes) != members || c.seats[c.self].id != c.cfg.ID ||
		c.role == Leader && len(c.peers) != members {
		return fmt.Errorf("%d seats, %d votes, %d rows for %d members",
			len(c.seats), len(c.votes), len(c.peers), members)
	}
	for _, s := range c.seats {
		if s.voter != has(latest.Voters, s.id) || s.outgoing != has(latest.Outgoing, s.id) {
			return fmt.Errorf("seat %+v does not fit %+v", s, latest)
		}
	}
	return latest.valid()
}
