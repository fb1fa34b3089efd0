package raft

import "slices"

// quorum returns the smallest majority of all n members, not of those alive: any two majorities
// overlap, for odd and for even n (paper 5.2).
func quorum(n int) int {
	return n/2 + 1
}

// Who decides: a majority of the voters, and while the configuration is joint also one of the old
// voters (paper, section 6). Never one of them all together: it could lack a majority of either.

// majority returns the greatest value that has been reached by all majorities that decide, given
// what to read off each member's row.
func (c *Core) majority(of func(*progress) uint64) uint64 {
	reached := c.majorityOf(of, func(s *seat) bool { return s.voter })
	if c.latest().Joint() {
		reached = min(reached, c.majorityOf(of, func(s *seat) bool { return s.outgoing }))
	}
	return reached
}

// majorityOf returns the greatest value that a majority of the members who count has reached.
func (c *Core) majorityOf(of func(*progress) uint64, counts func(*seat) bool) uint64 {
	c.sorted = c.sorted[:0]
	for i := range c.peers {
		if counts(&c.seats[i]) {
			c.sorted = append(c.sorted, of(&c.peers[i]))
		}
	}
	slices.Sort(c.sorted)
	return c.sorted[len(c.sorted)-quorum(len(c.sorted))]
}

// elected tells whether all majorities that decide have granted their votes.
func (c *Core) elected() bool {
	return c.grantedBy(func(s *seat) bool { return s.voter }) &&
		(!c.latest().Joint() || c.grantedBy(func(s *seat) bool { return s.outgoing }))
}

// grantedBy tells whether a majority of the members who count has granted its votes.
func (c *Core) grantedBy(counts func(*seat) bool) bool {
	members, sum := 0, 0
	for i := range c.seats {
		if !counts(&c.seats[i]) {
			continue
		}
		members++
		if c.votes[i] == granted {
			sum++
		}
	}
	return sum >= quorum(members)
}
