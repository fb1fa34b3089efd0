package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gauntlet/nemesis"
)

// errNeverHeld is why an event of a timeline never began that waits for a condition.
var errNeverHeld = errors.New("its condition never held")

// awaitCondition returns as soon as the event's condition holds: it is looked at anew with every
// answer of a node, and when as many operations are acknowledged as it asks for.
//
// A condition that speaks of somebody by name needs the cast, so from here on it is bound as soon
// as it can be. For any other event that happens when it strikes.
func (s *schedule) awaitCondition(ctx context.Context, e nemesis.Event) error {
	speaksOf := nemesis.Event{When: e.When}
	acknowledged := s.run.clients.acknowledged(int64(e.When.Acknowledged))
	for {
		news := s.run.watch.news() // before the look: an answer in between must not be missed
		bound := !speaksOf.NeedsCast(s.run.Suite.Cast) || s.bindCast() == nil
		if bound && e.When.Holds(s.view()) {
			return nil
		}
		select {
		case <-news:
		case <-acknowledged:
			acknowledged = nil
		case <-ctx.Done():
			return fmt.Errorf("%w: %s", errNeverHeld, e.When)
		}
	}
}

// bind turns an event into hosts and links. The first that speaks of the cast binds all of it.
func (s *schedule) bind(e nemesis.Event) (nemesis.Action, error) {
	if e.NeedsCast(s.run.Suite.Cast) {
		if err := s.bindCast(); err != nil {
			return nemesis.Action{}, fmt.Errorf("bind the cast: %w", err)
		}
		s.mu.Lock()
		s.named[e.ID] = true
		s.mu.Unlock()
	}
	return nemesis.Bind(e, s.view(), *s.run.Suite.Seed)
}

// bindCast gives the names of the timeline their nodes, unless they have them.
func (s *schedule) bindCast() error {
	view := s.view()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cast != nil {
		return nil
	}
	bound, err := s.run.Suite.Cast.Bind(view, *s.run.Suite.Seed)
	if err != nil {
		return err
	}
	s.cast = bound
	var who []string
	for _, name := range slices.Sorted(maps.Keys(bound)) {
		who = append(who, name+" is "+bound[name])
	}
	s.run.Progress.Event("cast", "%s", strings.Join(who, ", "))
	return nil
}

// members are the hosts whose nodes take part, with a vote or without, in the suite's order.
func (s *schedule) members() []string {
	now := s.faults.Membership()
	return slices.DeleteFunc(s.run.names(), func(host string) bool {
		member, _ := now.Has(host)
		return !member
	})
}

// view is what is known at this instant.
func (s *schedule) view() nemesis.View {
	now := s.faults.Membership()
	view := nemesis.View{Nodes: s.members(), Hosts: s.run.names(), Learners: now.Learners}
	s.mu.Lock()
	view.Cast = s.cast
	s.mu.Unlock()
	if s.run.watch == nil {
		return view
	}
	view.Leader, view.Stopped = s.run.watch.leader(), s.faults.Stopped()
	view.Progress = map[string]nemesis.Progress{}
	for node, o := range s.run.watch.answers() {
		view.Progress[node] = nemesis.Progress{Term: o.Term, Commit: o.Commit}
	}
	if s.run.clients != nil {
		view.Acknowledged = int(s.run.clients.ok.Load())
	}
	if versions := s.run.versions(); versions != nil {
		view.Builds = map[string]int{}
		for _, h := range s.run.hosts {
			view.Builds[h.Name()] = versions.Build(h)
		}
	}
	return view
}
