package night

import (
	"fmt"

	"gauntlet/chance"
	"gauntlet/suite"
)

// Cell is one combination under one seed, as often as it takes to know.
type Cell struct {
	Index       int    `json:"index"`       // from 0, in the order they are had
	Combination int    `json:"combination"` // its place in the campaign's file
	Seed        uint64 `json:"seed"`
}

// ID is how people and directories call it.
func (c Cell) ID() string { return fmt.Sprintf("c%04d", c.Index+1) }

// cells are the cells of a night: rounds of every combination that can run, each round under seeds
// of its own. The order within a round is drawn, so that a night that ends in the middle of one
// does not leave out what every other night leaves out too.
type cells struct {
	order []int
	seed  uint64
	count int // -1: there is always one more
}

func newCells(c *suite.Campaign, seed uint64) cells {
	var order []int
	for i, one := range c.Combinations {
		if one.Suite != nil {
			order = append(order, i)
		}
	}
	chance.New(seed, "cells", 0).Shuffle(len(order), func(i, j int) {
		order[i], order[j] = order[j], order[i]
	})
	made := cells{order: order, seed: seed, count: len(order) * c.Seeds}
	if c.Seeds == 0 {
		made.count = -1
	}
	return made
}

// recorded are the cells of a night that has begun.
func recorded(h header) cells {
	made := cells{seed: h.Seed, count: len(h.Cells) * h.Rounds}
	for _, c := range h.Cells {
		made.order = append(made.order, c.Combination)
	}
	if h.Rounds == 0 {
		made.count = -1
	}
	return made
}

// round is the first cell of each combination.
func (c cells) round() []Cell {
	first := make([]Cell, len(c.order))
	for i := range first {
		first[i] = c.at(i)
	}
	return first
}

// has tells whether there is a cell of that index.
func (c cells) has(index int) bool {
	return len(c.order) > 0 && (c.count < 0 || index < c.count)
}

// at is the cell of an index. Seeds count up from the night's: streams of neighbours have nothing
// in common.
func (c cells) at(index int) Cell {
	return Cell{
		Index: index, Combination: c.order[index%len(c.order)], Seed: c.seed + uint64(index),
	}
}
