package nemesis

import (
	"errors"
	"fmt"
	"slices"
)

// The builds that a node can run, as a Spec and a View count them.
const (
	BuildOld = 0
	BuildNew = 1
)

// The ways that a version changes: the shapes of KindVersion. A series of them is a rolling change:
// in each full period one node is stopped, and started again after For as the other build. Each
// step brings all nodes to one build, in the hosts' order; the steps are taken over and over. When
// no step is left to take, nothing more is planned.
const (
	ShapeUpgrade   Shape = "upgrade"   // to the newer build
	ShapeDowngrade Shape = "downgrade" // back to the older one
)

// builds is the build that each shape of a version's change leads to.
var builds = map[Shape]int{ShapeDowngrade: BuildOld, ShapeUpgrade: BuildNew}

// Build is the build that an event of kind version leads to.
func (e Event) Build() int { return builds[e.Shape] }

// validStep says why a version has no such step.
func validStep(step Shape) error {
	if _, known := builds[step]; known {
		return nil
	}
	return fmt.Errorf("unknown step %q (one of %s, %s)", string(step), ShapeUpgrade, ShapeDowngrade)
}

// validSteps returns every reason why the steps cannot be taken, joined.
func (s Spec) validSteps() error {
	var errs []error
	for _, step := range s.Shapes {
		errs = append(errs, validStep(step))
	}
	err := errors.Join(errs...)
	switch {
	case err != nil:
		return err
	case len(s.Shapes) == 0:
		return errors.New("version names no step")
	case len(s.Builds) == 0:
		return errors.New("version needs a target of two builds")
	case len(s.moves(1)) == 0:
		return fmt.Errorf("steps %v move no node: all of them begin there", s.Shapes)
	}
	return nil
}

// moves lists the first n changes of one node each, or all there are.
func (s Spec) moves(n int) []Shape {
	var moves []Shape
	now := slices.Clone(s.Builds)
	for {
		before := len(moves)
		for _, step := range s.Shapes {
			for node, build := range now {
				if build != builds[step] {
					moves = append(moves, step)
					now[node] = builds[step]
				}
			}
		}
		if len(moves) >= n || len(moves) == before {
			return moves[:min(n, len(moves))]
		}
	}
}

// outdated returns the first host, in order, that runs another build than the event leads to.
func outdated(e Event, v View) ([]string, error) {
	for _, node := range v.Nodes {
		if v.Builds[node] != e.Build() && !slices.Contains(v.Stopped, node) {
			return []string{node}, nil
		}
	}
	return nil, ErrNoHost
}
