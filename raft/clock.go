package raft

import "time"

// Cluster time is a clock that all members agree on, for what must expire everywhere at the same
// point of the log, such as client sessions: "the leader augments each command with its own
// timestamp. The servers reach agreement on it as part of committing the log entry" (thesis 6.3).
//
// It begins with the log, never falls along it, and advances with the leader's monotonic clock. A
// new leader goes on from its last entry, so an interregnum does not count, and clocks of members
// are never compared.

// startClusterTime sets a new leader's clock to where its log ends.
func (c *Core) startClusterTime() {
	c.ahead = c.lastTime() - c.now
}

// clusterTime returns the time to stamp a leader's next entry with.
func (c *Core) clusterTime() time.Duration {
	return c.now + c.ahead
}

// lastTime returns the time of the last entry. A log without entries ends where its snapshot does.
func (c *Core) lastTime() time.Duration {
	if last := c.log.last(); last > c.log.base.Index {
		return c.log.at(last).Time
	}
	return c.snapshot.Time
}
