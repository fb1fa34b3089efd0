package nemesis

import (
	"errors"
	"slices"
	"testing"
)

// Goal: an operation is on whom it can be on, as the members are at that instant. Method: a cluster
// of which n4 is a learner, n5 was removed and n6 never was a member; every kind and role over many
// streams of chance.
func TestOperationsBind(t *testing.T) {
	view := View{
		Nodes: []string{"n1", "n2", "n3", "n4"}, Leader: "n1", Learners: []string{"n4"},
		Hosts: hosts(6),
	}
	for _, c := range []struct {
		kind Kind
		role Role
		want []string // each of them at times
	}{
		{KindAdd, RoleSpare, []string{"n5", "n6"}},
		{KindPromote, RoleLearner, []string{"n4"}},
		{KindRemove, RoleFollower, []string{"n2", "n3"}},
		{KindReplace, RoleAny, []string{"n1", "n2", "n3"}},
		{KindTransfer, RoleAny, []string{"n2", "n3"}},
		{KindTransfer, RoleFollower, []string{"n2", "n3"}},
		{KindSnapshot, RoleLearner, []string{"n4"}},
		{KindFill, RoleLeader, []string{"n1"}},
		{KindKill, RoleAny, []string{"n1", "n2", "n3"}},
	} {
		var met []string
		for stream := range uint64(60) {
			a, err := Bind(Event{ID: 1, Kind: c.kind, Role: c.role, Stream: stream}, view, 7)
			if err != nil || len(a.Hosts) != 1 {
				t.Fatalf("%s on %s: %v, %v", c.kind, c.role, a.Hosts, err)
			}
			met = append(met, a.Hosts[0])
		}
		slices.Sort(met)
		if met = slices.Compact(met); !slices.Equal(met, c.want) {
			t.Errorf("%s on %s: %v, want %v", c.kind, c.role, met, c.want)
		}
	}
	restart, err := Bind(Event{ID: 1, Kind: KindRestart, Role: RoleAll}, view, 7)
	if err != nil || !slices.Equal(restart.Hosts, []string{"n1", "n2", "n3"}) {
		t.Errorf("restart of all: %v, %v", restart.Hosts, err)
	}
}

// Goal: by name, an operation waits until its host is fit for it: a spare to be added, a learner to
// be promoted, a member to be removed, a follower to lead.
func TestOperationsByName(t *testing.T) {
	view := View{
		Nodes: []string{"n1", "n2", "n4"}, Leader: "n1", Learners: []string{"n4"}, Hosts: hosts(6),
	}
	for _, c := range []struct {
		kind Kind
		on   string
		fit  bool
	}{
		{KindAdd, "n6", true}, {KindAdd, "n3", true}, {KindAdd, "n2", false},
		{KindPromote, "n4", true}, {KindPromote, "n2", false}, {KindPromote, "n6", false},
		{KindRemove, "n2", true}, {KindRemove, "n6", false},
		{KindTransfer, "n2", true}, {KindTransfer, "n1", false}, {KindTransfer, "n4", false},
		{KindRestart, "n4", true}, {KindRestart, "n5", false}, {KindPause, "n2", true},
	} {
		a, err := Bind(Event{ID: 1, Kind: c.kind, On: []string{c.on}}, view, 7)
		if c.fit && (err != nil || !slices.Equal(a.Hosts, []string{c.on})) ||
			!c.fit && !errors.Is(err, ErrNoHost) {
			t.Errorf("%s on %s: %v, %v", c.kind, c.on, a.Hosts, err)
		}
	}
}

// Goal: a node has caught up once it has committed something, and nearly as much as the foremost.
func TestCaughtUp(t *testing.T) {
	for _, c := range []struct {
		own, most uint64
		holds     bool
	}{{0, 0, false}, {0, 100, false}, {1, 100, true}, {1, 502, false}, {2, 502, true}} {
		view := View{Nodes: hosts(2), Progress: map[string]Progress{
			"n1": {Commit: c.most}, "n2": {Commit: c.own}}}
		if (Condition{CaughtUp: "n2"}).Holds(view) != c.holds {
			t.Errorf("%d of %d: want %v", c.own, c.most, c.holds)
		}
	}
}
