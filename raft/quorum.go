package raft

import "slices"

// quorum returns the smallest majority of all n members, not of those alive: any two majorities
// overlap, for odd and for even n (paper 5.2).
func quorum(n int) int {
	return n/2 + 1
}

// majority returns the greatest value that a majority of all members has reached, given what to
// read off each member's row.
func (c *Core) majority(of func(*progress) uint64) uint64 {
	c.sorted = c.sorted[:0]
	for i := range c.peers {
		c.sorted = append(c.sorted, of(&c.peers[i]))
	}
	slices.Sort(c.sorted)
	return c.sorted[len(c.sorted)-quorum(len(c.sorted))]
}
