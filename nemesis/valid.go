package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Valid returns every reason why the faults cannot be had on that many nodes, joined.
func (s Spec) Valid(nodes int) error {
	if err := s.Kind.Valid(); err != nil {
		return err
	}
	var errs []error
	for _, shape := range s.linkShapes() {
		errs = append(errs, shape.Valid(nodes, s.Sites))
	}
	for _, role := range s.On {
		errs = append(errs, role.Valid(s.Kind, nodes))
	}
	if s.Kind == KindVersion {
		errs = append(errs, s.validSteps())
	}
	errs = append(errs, s.Kind.measures(s.Rate, s.Amount, s.Size), s.Kind.takesMode(s.Mode),
		s.Kind.entries(s.Entries),
		s.consistent())
	return errors.Join(errs...)
}

// NeedsLeader reports whether some of the faults can be bound only while a leader is known.
func (s Spec) NeedsLeader() bool {
	return slices.ContainsFunc(s.Shapes, Shape.NeedsLeader) ||
		slices.ContainsFunc(s.On, Role.needsLeader)
}

// Valid returns every reason why the event cannot be had on that many nodes with such a cast,
// joined. It is for events that no series made.
func (e Event) Valid(nodes int, cast Cast) error { return e.ValidWith(nodes, 0, cast) }

// ValidWith is Valid where some hosts more are spares, which come after the nodes in the order.
func (e Event) ValidWith(nodes, spares int, cast Cast) error {
	if err := e.Kind.Valid(); err != nil {
		return err
	}
	errs := []error{e.Kind.measures(e.Rate, e.Amount, e.Size), e.Kind.takesMode(e.Mode),
		e.Kind.entries(e.Entries), e.whom(nodes), e.known(cast, nodes+spares),
		e.strikes(nodes, spares, cast)}
	if e.When != nil {
		errs = append(errs, e.When.Valid())
	}
	if e.At < 0 {
		errs = append(errs, fmt.Errorf("at %v must not be below 0", e.At))
	}
	if e.For <= 0 {
		errs = append(errs, fmt.Errorf("for %v must be above 0", e.For))
	}
	if e.FromStart && (e.Kind != KindPartition || e.At != 0) {
		errs = append(errs, errors.New("only a partition at 0 can be from the start"))
	}
	if row, _ := e.Shape.row(); len(e.Sites) > 0 && !row.sites {
		errs = append(errs, errors.New("sites are for the shapes that need them"))
	}
	return errors.Join(errs...)
}

// whom checks that the event says whom it strikes in one way, and one that its kind has.
func (e Event) whom(nodes int) error {
	row, _ := e.Shape.row()
	switch links := e.Kind.Traits().Links; {
	case links && (e.Role != "" || len(e.On) > 0):
		return fmt.Errorf("%s takes a shape or links, not whom it is on", e.Kind)
	case links && row.named != (len(e.Links) > 0):
		return fmt.Errorf("links go with the shapes %s and %s", ShapeCut, ShapeOnly)
	case links:
		return e.Shape.Valid(nodes, e.Sites)
	case len(e.Links) > 0:
		return fmt.Errorf("%s strikes no links", e.Kind)
	case e.Kind == KindVersion:
		return validStep(e.Shape)
	case e.Shape != "":
		return fmt.Errorf("%s takes a role, not the shape %s", e.Kind, e.Shape)
	case len(e.On) > 0 && e.Role != "":
		return fmt.Errorf("%s strikes a role or names, not both", e.Kind)
	case len(e.On) > 1 && !e.Kind.Traits().Crowd:
		return fmt.Errorf("%s strikes one host at a time, not %d", e.Kind, len(e.On))
	case len(e.On) > 0 && e.Kind.Traits().Does:
		return e.Kind.operates(nodes)
	case len(e.On) > 0:
		return RoleAny.Valid(e.Kind, nodes)
	}
	return e.Role.Valid(e.Kind, nodes)
}

// linkShapes are the shapes that are none of a version's steps.
func (s Spec) linkShapes() []Shape {
	if s.Kind == KindVersion {
		return nil
	}
	return s.Shapes
}

// consistent checks what does not depend on the number of nodes or the length of the load phase.
func (s Spec) consistent() error {
	if err := s.choosable(); err != nil {
		return err
	}
	for _, shape := range s.linkShapes() {
		if row, _ := shape.row(); row.named {
			return fmt.Errorf("shape %s is for a timeline, which names links", shape)
		}
	}
	if s.FromStart {
		return s.spansLoad()
	}
	switch {
	case s.For <= 0:
		return fmt.Errorf("for %v must be above 0", s.For)
	case s.Every <= s.For:
		return fmt.Errorf("every %v must be above for %v", s.Every, s.For)
	case s.Flap == 0:
	case s.Kind != KindPartition:
		return fmt.Errorf("%s does not flap: only a partition does", s.Kind)
	case s.Flap < 0 || s.Flap >= s.For:
		return fmt.Errorf("flap %v must be above 0 and below for %v", s.Flap, s.For)
	}
	return nil
}

// choosable checks that there are shapes, roles or steps to choose from, of the right sort.
func (s Spec) choosable() error {
	sited := slices.ContainsFunc(s.linkShapes(), func(shape Shape) bool {
		row, _ := shape.row()
		return row.sites
	})
	of, other := len(s.On), len(s.Shapes)
	if s.Kind.Traits().Links || s.Kind == KindVersion {
		of, other = other, of
	}
	switch {
	case of == 0 && s.Kind != KindVersion:
		return fmt.Errorf("%s names no shape or role", s.Kind)
	case other > 0:
		return fmt.Errorf("%s takes either shapes or roles", s.Kind)
	case len(s.Sites) > 0 && !sited:
		return fmt.Errorf("sites are for the shapes %s and %s", ShapeSite, ShapeLeaderSite)
	}
	return nil
}

// spansLoad checks a fault that lasts from before the target starts.
func (s Spec) spansLoad() error {
	switch {
	case s.Kind != KindPartition:
		return fmt.Errorf("%s cannot be from-start: only a partition can", s.Kind)
	case s.Every != 0 || s.For != 0 || s.Flap != 0:
		return errors.New("from-start lasts until the end of the load: leave out every, for and flap")
	case len(s.Shapes) != 1:
		return fmt.Errorf("from-start takes exactly one shape, not %d", len(s.Shapes))
	case s.Shapes[0].NeedsLeader():
		return fmt.Errorf("shape %s cannot be from-start: nobody leads yet", s.Shapes[0])
	}
	return nil
}

// fits checks that at least one event takes place.
func (s Spec) fits(load time.Duration) error {
	if err := s.consistent(); err != nil {
		return err
	}
	if load <= 0 || load < s.Every {
		return fmt.Errorf("every %v must fit into the load phase of %v", s.Every, load)
	}
	if s.FromStart {
		return nil
	}
	flaps := int64(1)
	if s.Flap > 0 {
		flaps = int64(s.For/s.Flap)/2 + 1
	}
	if periods := int64(load / s.Every); periods > mostEvents/flaps {
		return fmt.Errorf("every %v makes over %d faults in %v", s.Every, mostEvents, load)
	}
	return nil
}
