package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func hosts(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i+1)
	}
	return names
}

// Goal: chance reaches every host that a role or shape allows. Method: many events, count whom.
func TestChanceReachesAll(t *testing.T) {
	view := View{Nodes: hosts(5), Leader: "n2", Stopped: []string{"n4"}}
	for _, c := range []struct {
		event Event
		want  []string
	}{
		{Event{Kind: KindPause, Role: RoleLeader}, []string{"n2"}},
		{Event{Kind: KindPause, Role: RoleFollower}, []string{"n1", "n3", "n5"}},
		{Event{Kind: KindKill, Role: RoleAny}, []string{"n1", "n2", "n3", "n5"}},
		{Event{Kind: KindPartition, Shape: ShapeIsolateFollower}, []string{"n1", "n3", "n5"}},
		{Event{Kind: KindPartition, Shape: ShapeMajorityMinority}, hosts(5)},
	} {
		struck := map[string]bool{}
		for stream := range uint64(200) {
			c.event.Stream = stream
			a, err := Bind(c.event, view, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range a.Hosts {
				struck[h] = true
			}
		}
		var got []string
		for _, h := range view.Nodes {
			if struck[h] {
				got = append(got, h)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v struck %v, want %v", c.event, got, c.want)
		}
	}
}

// Goal: what cannot be bound now is told apart from what can never be.
func TestBindRefuses(t *testing.T) {
	three := View{Nodes: hosts(3)}
	all := View{Nodes: hosts(3), Leader: "n1", Stopped: hosts(3)}
	for _, c := range []struct {
		event Event
		view  View
		want  error // nil: any error but the two that pass
	}{
		{Event{Kind: KindPartition, Shape: ShapeIsolateLeader}, three, ErrNoLeader},
		{Event{Kind: KindPartition, Shape: ShapeOneWayInLeader}, three, ErrNoLeader},
		{Event{Kind: KindPause, Role: RoleLeader}, three, ErrNoLeader},
		{Event{Kind: KindPause, Role: RoleLeader}, all, ErrNoHost},
		{Event{Kind: KindKill, Role: RoleAny}, all, ErrNoHost},
		{Event{Kind: KindPartition, Shape: ShapeIsolateFollower}, all, ErrNoHost},
		{Event{Kind: KindPartition, Shape: ShapeHalves}, three, nil},
		{Event{Kind: KindPause, Role: "boss"}, all, nil},
	} {
		_, err := Bind(c.event, c.view, 1)
		passes := errors.Is(err, ErrNoLeader) || errors.Is(err, ErrNoHost)
		if err == nil || c.want != nil && !errors.Is(err, c.want) || c.want == nil && passes {
			t.Errorf("%+v: error %v, want %v", c.event, err, c.want)
		}
	}
}
