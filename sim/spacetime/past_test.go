package spacetime

import (
	"slices"
	"strings"
	"testing"

	"gauntlet/sim/failure"
	"gauntlet/sim/trace"
)

// Goal: the causal past holds what could have influenced an event, and nothing that could not.
// Method: the stale read. The cut-off leader's answer cannot stem from anything that the others did
// after the cut; the new leader's rise stems from the votes for it, and not from the old leader's
// lost heartbeats.
func TestPast(t *testing.T) {
	run := staleRead()
	a := newAccount(run.log(), run.history(), run.failure)
	find := func(match func(r *trace.Record) bool) int {
		i := slices.IndexFunc(a.records, func(r trace.Record) bool { return match(&r) })
		if i < 0 {
			t.Fatal("no such record")
		}
		return i
	}
	stale := a.past(find(func(r *trace.Record) bool {
		return r.Kind == trace.Return && r.Operation == 5
	}))
	for i, r := range a.records {
		if stale[i] && r.Node != 0 && r.At > 410*ms {
			t.Errorf("the stale answer follows from %v: %s", r.At, sentence(a, &r))
		}
	}
	write := find(func(r *trace.Record) bool { return r.Kind == trace.Call && r.Operation == 1 })
	if !stale[write] {
		t.Error("the stale answer does not follow from the write that it read")
	}
	rise := a.past(find(func(r *trace.Record) bool {
		return r.Kind == trace.Role && r.Role == "leader" && r.Term == 2
	}))
	votes := 0
	for i, r := range a.records {
		if rise[i] && r.Kind == trace.Deliver && strings.HasPrefix(r.Label, "VoteAnswer 2") {
			votes++
		}
		if rise[i] && r.Kind == trace.Drop {
			t.Errorf("the new leader's rise follows from a message that nobody heard: %s", sentence(a, &r))
		}
	}
	if votes != 3 {
		t.Errorf("the new leader's rise follows from %d votes, want 3", votes)
	}
	seen := a.past(a.focus)
	for _, id := range run.failure.Operations {
		if i := find(func(r *trace.Record) bool {
			return r.Kind == trace.Return && r.Operation == id
		}); !seen[i] {
			t.Errorf("the violation does not follow from operation %d", id)
		}
	}
}

// Goal: the past is everything that causes reach.
// Method: a storm against a dumb twin that follows the causes one by one.
func TestPastIsTransitive(t *testing.T) {
	run := storm(2, 2000)
	a := newAccount(run.log(), run.history(), run.failure)
	for of := 0; of < len(a.records); of += 97 {
		want := make([]bool, len(a.records))
		var reach func(i int)
		reach = func(i int) {
			if i < 0 || want[i] {
				return
			}
			want[i] = true
			for _, cause := range a.causes[i] {
				reach(cause)
			}
		}
		reach(of)
		if !slices.Equal(a.past(of), want) {
			t.Fatalf("the past of record %d is not what its causes reach", of)
		}
	}
}

// Goal: a failure that the account does not hold becomes a record at its instant, and every other
// record still follows from the same one.
// Method: a message before the failure and one after; one record that claims to follow from a later
// one.
func TestViolationIsInserted(t *testing.T) {
	log := &trace.Log{Nodes: []string{"n1", "n2"}}
	log.Add(trace.Record{At: 1, Kind: trace.Send, Node: 0, Peer: 1, Cause: 3})
	log.Add(trace.Record{At: 2, Kind: trace.Deliver, Node: 1, Peer: 0, Cause: 0})
	log.Add(trace.Record{At: 4, Kind: trace.Send, Node: 1, Peer: 0, Cause: -1})
	log.Add(trace.Record{At: 5, Kind: trace.Deliver, Node: 0, Peer: 1, Cause: 2})
	a := newAccount(log, nil, &failure.Failure{At: 3, Nodes: []int{1}})
	var causes []int
	for _, r := range a.records {
		causes = append(causes, r.Cause)
	}
	if want := []int{-1, 0, -1, -1, 3}; a.focus != 2 || !slices.Equal(causes, want) {
		t.Errorf("the failure is record %d, causes %v; want 2, %v", a.focus, causes, want)
	}
	if past := a.past(a.focus); !past[0] || !past[1] || past[3] {
		t.Errorf("the past of the failure is %v", past)
	}
}

// Goal: what a member is at each instant is what its lane says, also before its first process.
// Method: one that starts a little late, leads and falls; one that is just there.
func TestConditions(t *testing.T) {
	log := &trace.Log{Nodes: []string{"n1", "n2"}}
	log.Add(trace.Record{At: 1, Kind: trace.Start, Node: 0, Peer: -1, Cause: -1})
	log.Add(trace.Record{At: 2, Kind: trace.Role, Node: 0, Peer: -1, Cause: -1, Term: 3,
		Role: "leader"})
	log.Add(trace.Record{At: 3, Kind: trace.Commit, Node: 1, Peer: -1, Cause: -1, Index: 8})
	log.Add(trace.Record{At: 4, Kind: trace.Crash, Node: 0, Peer: -1, Cause: -1})
	log.Add(trace.Record{At: 5, Kind: trace.Pause, Node: 1, Peer: -1, Cause: -1})
	a := newAccount(log, nil, nil)
	other := condition{Role: "follower"}
	for record, want := range [][2]condition{
		{{Role: "follower", Down: true}, other},
		{{Role: "follower"}, other},
		{{Role: "leader", Term: 3}, other},
		{{Role: "leader", Term: 3}, {Role: "follower", Commit: 8}},
		{{Role: "follower", Term: 3, Down: true}, {Role: "follower", Commit: 8}},
		{{Role: "follower", Term: 3, Down: true}, {Role: "follower", Commit: 8, Paused: true}},
	} {
		if got := a.conditions(record); !slices.Equal(got, want[:]) {
			t.Errorf("before record %d: %+v, want %+v", record, got, want)
		}
	}
}

// Goal: what a simulator leaves unsaid is filled in: a sync's write, and which arrival is the copy.
// Method: one write and one doubled message without those causes.
func TestMend(t *testing.T) {
	log := &trace.Log{Nodes: []string{"n1", "n2"}}
	log.Add(trace.Record{Kind: trace.Write, Node: 1, Peer: -1, Cause: -1})
	log.Add(trace.Record{Kind: trace.Send, Node: 0, Peer: 1, Cause: -1})
	log.Add(trace.Record{Kind: trace.Duplicate, Node: 0, Peer: 1, Cause: 1})
	log.Add(trace.Record{Kind: trace.Synced, Node: 1, Peer: -1, Cause: -1})
	log.Add(trace.Record{Kind: trace.Deliver, Node: 1, Peer: 0, Cause: 1})
	log.Add(trace.Record{Kind: trace.Deliver, Node: 1, Peer: 0, Cause: 1})
	a := newAccount(log, nil, nil)
	var causes []int
	for _, r := range a.records {
		causes = append(causes, r.Cause)
	}
	if want := []int{-1, -1, 1, 0, 1, 2}; !slices.Equal(causes, want) {
		t.Errorf("causes %v, want %v", causes, want)
	}
	if !a.isCopy(5) || a.isCopy(4) {
		t.Error("the wrong arrival is the copy")
	}
}
