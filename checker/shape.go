package checker

import "gauntlet/checker/frontier"

// shaped is an action that knows what all its steps have in common, which spares most of a search.
type shaped interface{ shape() frontier.Shape }

// Shape implements frontier.Shaper.
func (n *numbered) Shape(action int32) frontier.Shape { return shapeOf(n.actions[action]) }

func shapeOf(a action) frontier.Shape {
	if a, ok := a.(shaped); ok {
		return a.shape()
	}
	return frontier.Any
}

func (a *registerAction) shape() frontier.Shape {
	switch {
	case !a.writes:
		return frontier.Reads
	case !a.observes:
		return frontier.Overwrites
	}
	return frontier.Any
}

func (a *kvAction) shape() frontier.Shape {
	switch a.kind {
	case kindGet:
		return frontier.Reads
	case kindPut:
		return frontier.Overwrites
	}
	return frontier.Any
}

func (a *counterAction) shape() frontier.Shape { return readsUnless(a.adds) }
func (a *listAction) shape() frontier.Shape    { return readsUnless(a.writes()) }
func (a *setAction) shape() frontier.Shape     { return readsUnless(a.adds) }

func readsUnless(changes bool) frontier.Shape {
	if changes {
		return frontier.Any
	}
	return frontier.Reads
}
