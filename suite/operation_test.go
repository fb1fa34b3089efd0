package suite

import (
	"strings"
	"testing"
	"time"

	"gauntlet/nemesis"
)

const operationHead = `
name: x
target: {raftd: {nodes: 5, spares: 2, options: {snapshot-entries: 5000}}}
workload: {register: {}}
`

// Goal: operations are read as they are written, in series and timelines, and survive being
// resolved. Method: one of each, against the values written out by hand.
func TestOperations(t *testing.T) {
	s, err := Parse("x", []byte(operationHead+`
faults:
  - transfer: {to: [follower, any], every: 10s, for: 2s}
  - snapshot: {on: [learner], every: 10s, for: 5s}
timeline:
  - {at: 1s, add: {on: n6}}
  - {at: 2s, when: {caught-up: n6}, promote: {on: n6}}
  - {at: 3s, for: 4s, remove: {on: leader}}
  - {at: 4s, replace: {on: follower}}
  - {at: 5s, transfer: {to: n2}}
  - {at: 6s, fill: {on: leader, entries: 100000}}
  - {at: 7s, restart: {on: all}}
  - {at: 8s, add: {on: spare}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []nemesis.Event{
		{Kind: nemesis.KindAdd, On: []string{"n6"}},
		{Kind: nemesis.KindPromote, On: []string{"n6"}, When: &nemesis.Condition{CaughtUp: "n6"}},
		{Kind: nemesis.KindRemove, Role: nemesis.RoleLeader},
		{Kind: nemesis.KindReplace, Role: nemesis.RoleFollower},
		{Kind: nemesis.KindTransfer, On: []string{"n2"}},
		{Kind: nemesis.KindFill, Role: nemesis.RoleLeader, Entries: 100000},
		{Kind: nemesis.KindRestart, Role: nemesis.RoleAll},
		{Kind: nemesis.KindAdd, Role: nemesis.RoleSpare},
	}
	if len(s.Timeline) != len(want) || s.Target.Hosts() != 7 {
		t.Fatalf("%d events on %d hosts", len(s.Timeline), s.Target.Hosts())
	}
	for i, w := range want {
		got := s.Timeline[i]
		w.At, w.For, w.Stream = time.Duration(i+1)*time.Second, got.For, uint64(i)
		if got.Kind != w.Kind || got.Role != w.Role || strings.Join(got.On, "") !=
			strings.Join(w.On, "") || got.Entries != w.Entries || got.At != w.At {
			t.Errorf("event %d: %+v, want %+v", i, got, w)
		}
		if w.When != nil && (got.When == nil || *got.When != *w.When) {
			t.Errorf("event %d waits for %+v, want %+v", i, got.When, w.When)
		}
	}
	if s.Timeline[2].For != 4*time.Second || s.Timeline[0].For != 29*time.Second {
		t.Error("an operation may not take as long as is written, or until the end of the load")
	}
	if s.Faults[0].On[0] != nemesis.RoleFollower || s.Target.Raftd.Options.SnapshotEntries != 5000 {
		t.Errorf("series %+v", s.Faults)
	}
	readBack(t, s)
}

// Goal: what cannot be done is refused by name when the suite is read, not in the middle of a run.
func TestOperationsRefused(t *testing.T) {
	const raftd = "{raftd: {nodes: 5}}"
	const command = "{command: {start: x, client: [c], client-port: 1}}"
	for _, c := range []struct{ target, event, want string }{
		{raftd, "add: {on: n6}", "nobody is called n6"},
		{raftd, "add: {on: spare}", "the target has no spares"},
		{raftd, "add: {on: leader}", "add cannot be on the role leader"},
		{raftd, "kill: {on: spare}", "kill cannot be on the role spare"},
		{raftd, "transfer: {on: follower}", `unknown key "on"`},
		{raftd, "transfer: {to: leader}", "transfer cannot be on the role leader"},
		{raftd, "remove: {on: all}", "strikes one host at a time"},
		{raftd, "restart: {on: majority}", "restart cannot be on the role majority"},
		{raftd, "fill: {on: leader}", "entries: is missing"},
		{"{raftd: {nodes: 1}}", "transfer: {to: any}", "transfer needs at least 2 nodes"},
		{"{etcd: {}}", "remove: {on: any}", "target etcd does not have it"},
		{command, "transfer: {to: any}", "target command does not have it"},
	} {
		_, err := Parse("x", []byte("name: x\ntarget: "+c.target+
			"\nworkload: {register: {}}\ntimeline:\n  - {at: 1s, "+c.event+"}\n"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %s: %v, want %q", c.target, c.event, err, c.want)
		}
	}
	for _, target := range []string{raftd, "{etcd: {}}", command} {
		if _, err := Parse("x", []byte("name: x\ntarget: "+target+
			"\nworkload: {register: {}}\ntimeline: [{at: 1s, restart: {on: all}}]\n")); err != nil {
			t.Errorf("%s: a rolling restart is refused: %v", target, err)
		}
	}
}
