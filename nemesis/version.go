package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The builds that a node can run, as a VersionSpec and a View count them.
const (
	BuildOld = 0
	BuildNew = 1
)

// VersionSpec asks for a rolling change of builds: in each full period Every one node is stopped,
// and started again after For as the other build. Each step brings all nodes to one build, in the
// hosts' order; the steps are taken over and over. When no step is left to take, nothing more is
// planned.
type VersionSpec struct {
	Steps      []Shape // ShapeUpgrade, ShapeDowngrade
	Every, For time.Duration
	Builds     []int // the build that each node begins with, as the target says; not in a suite
}

// builds is the build that each shape of a version's change leads to.
var builds = map[Shape]int{ShapeDowngrade: BuildOld, ShapeUpgrade: BuildNew}

// Build is the build that an event of kind version leads to.
func (e Event) Build() int { return builds[e.Shape] }

// valid returns every reason why the steps cannot be taken, joined.
func (v *VersionSpec) valid() error {
	var errs []error
	for _, step := range v.Steps {
		if _, known := builds[step]; !known {
			errs = append(errs, fmt.Errorf("unknown step %q (one of %s, %s)", string(step),
				ShapeUpgrade, ShapeDowngrade))
		}
	}
	switch {
	case len(v.Steps) == 0:
		errs = append(errs, errors.New("version names no step"))
	case len(errs) > 0:
	case len(v.Builds) == 0:
		errs = append(errs, errors.New("version needs a target of two builds"))
	case len(v.moves(1)) == 0:
		errs = append(errs, fmt.Errorf("steps %v move no node: all of them begin there", v.Steps))
	}
	return errors.Join(errs...)
}

// moves lists the first n changes of one node each, or all there are.
func (v *VersionSpec) moves(n int) []Shape {
	var moves []Shape
	now := slices.Clone(v.Builds)
	for {
		before := len(moves)
		for _, step := range v.Steps {
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
