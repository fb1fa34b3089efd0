package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/sim/schedule"
	"gauntlet/sim/trace"
)

var timelineCast = nemesis.Cast{{Name: "old", Role: nemesis.RoleLeader},
	{Name: "near", Role: nemesis.RoleFollower}, {Name: "far", Role: nemesis.RoleFollower}}

// timed is a healthy cluster of five with a timeline.
func timed(seed uint64, events ...nemesis.Event) *schedule.Schedule {
	s := healthy(seed, 5)
	s.Cast, s.Faults = timelineCast, events
	for i := range s.Faults {
		e := &s.Faults[i]
		e.ID, e.Stream = i+1, uint64(i)
		if e.For == 0 {
			e.For = time.Second
		}
	}
	return s
}

// play runs a timeline that is valid, and in which nothing breaks.
func play(t *testing.T, s *schedule.Schedule) (*World, *Outcome) {
	t.Helper()
	if err := s.Valid(); err != nil {
		t.Fatal(err)
	}
	w := NewWorld()
	o := w.Run(s, Options{Trace: true, History: true})
	if o.Failure != nil {
		t.Fatalf("seed %d: %+v", s.Seed, *o.Failure)
	}
	if err := o.History.Valid(); err != nil {
		t.Error(err)
	}
	return w, o
}

// Goal: an event begins at the very instant at which its condition comes to hold, or at its time if
// it holds already. Method: each condition, and what the account says of the instant before.
func TestConditions(t *testing.T) {
	paused := nemesis.Event{At: time.Second, For: 3 * time.Second, Kind: nemesis.KindPause,
		On: []string{"far"}}
	for name, when := range map[string]nemesis.Condition{
		"leader":       {Leader: true},
		"term":         {Term: 1},
		"acknowledged": {Acknowledged: 60},
		"behind":       {Behind: "far", Lag: 10},
		"both":         {Term: 1, Acknowledged: 30},
	} {
		struck := nemesis.Event{At: time.Second, Kind: nemesis.KindKill, On: []string{"near"},
			When: &when}
		w, o := play(t, timed(7, paused, struck))
		f := &w.faults[1]
		start := f.start
		if !f.struck || w.faults[1].stop != start+f.event.For || o.Coverage[conditionMet] != 1 {
			t.Fatalf("%s: %+v", name, f)
		}
		ok := 0
		for _, op := range o.History.Operations {
			if op.Outcome == history.OutcomeOK && op.Return <= start {
				ok++
			}
		}
		lag := lagOf(w, o, w.cast["far"], start)
		switch late := start > time.Second; {
		case when.Acknowledged > 0 && ok != when.Acknowledged:
			t.Errorf("%s: began at %v, with %d acknowledged", name, start, ok)
		case when.Behind != "" && (lag != int(when.Lag) || !committedAt(o, start)):
			t.Errorf("%s: began at %v, with %d entries behind", name, start, lag)
		case when.Acknowledged == 0 && when.Behind == "" && late && start > 3*time.Second:
			t.Errorf("%s: began at %v", name, start)
		}
	}
}

// committedAt tells whether somebody committed something at that very instant.
func committedAt(o *Outcome, at time.Duration) bool {
	return slices.ContainsFunc(o.Trace.Records, func(r trace.Record) bool {
		return r.Kind == trace.Commit && r.At == at
	})
}

// lagOf is how far a member is behind at an instant, by the account.
func lagOf(w *World, o *Outcome, name string, at time.Duration) int {
	commits := map[int]uint64{}
	var most uint64
	for _, r := range o.Trace.Records {
		if r.Kind == trace.Commit && r.At <= at {
			commits[r.Node], most = r.Index, max(most, r.Index)
		}
	}
	return int(most - commits[slices.Index(w.names, name)])
}

// Goal: a condition need hold once: an event that then finds nobody to strike waits for somebody,
// not for the condition again. Method: a node is down while somebody leads, and back when nobody
// does.
func TestConditionHoldsOnce(t *testing.T) {
	w, _ := play(t, timed(7,
		nemesis.Event{At: time.Second, For: 3 * time.Second, Kind: nemesis.KindKill,
			On: []string{"near"}},
		nemesis.Event{At: 1500 * time.Millisecond, Kind: nemesis.KindPause, On: []string{"near"},
			When: &nemesis.Condition{Leader: true}},
		nemesis.Event{At: 2 * time.Second, For: 6 * time.Second, Kind: nemesis.KindPartition,
			Shape: nemesis.ShapeAll},
	))
	if at := w.faults[1].start; at < 4*time.Second || at > 5*time.Second {
		t.Errorf("it began at %v", at)
	}
}

// Goal: what never began is told, and why: its condition never held, or nobody was there. Method: a
// term that nobody reaches, a node that is dead already, and an event that begins.
func TestWhatNeverBegan(t *testing.T) {
	_, o := play(t, timed(7,
		nemesis.Event{At: time.Second, Kind: nemesis.KindKill, On: []string{"old"},
			For: 8 * time.Second},
		nemesis.Event{At: 2 * time.Second, Kind: nemesis.KindKill, On: []string{"near"},
			When: &nemesis.Condition{Term: 900, Behind: "far", Lag: 3}},
		nemesis.Event{At: 3 * time.Second, Kind: nemesis.KindPause, On: []string{"old", "near"}},
	))
	want := []string{"",
		"its condition never held: term 900 is reached and far is 3 entries behind",
		"bind fault 3: " + nemesis.ErrNoHost.Error()}
	for i, f := range o.History.Faults {
		if f.Error != want[i] || (f.Stage == history.StageFailed) != (want[i] != "") ||
			f.Bit() != (want[i] == "") || f.PlannedStart != time.Duration(i+1)*time.Second {
			t.Errorf("%+v\n\twant %q", f, want[i])
		}
	}
	if len(o.History.Faults) != len(want) {
		t.Errorf("%d faults", len(o.History.Faults))
	}
}

// Goal: a name means one node from the first event that speaks of it to the last, whoever leads
// meanwhile; and no event before that binds it. Method: the leader is killed before anybody is
// named, and again by name; links of the one it became are cut when it leads no more.
func TestNamesAreBoundOnce(t *testing.T) {
	w, o := play(t, timed(3,
		nemesis.Event{At: time.Second, Kind: nemesis.KindKill, Role: nemesis.RoleLeader},
		nemesis.Event{At: 4 * time.Second, Kind: nemesis.KindKill, On: []string{"old"}},
		nemesis.Event{At: 7 * time.Second, Kind: nemesis.KindPartition, Shape: nemesis.ShapeCut,
			Links: []nemesis.Link{{From: "old", To: "near"}, {From: "far", To: "old", OneWay: true}}},
	))
	faults := o.History.Faults
	first, old := faults[0].Hosts[0], faults[1].Hosts[0]
	if old == first || old != faults[1].Leader || old == faults[2].Leader || old != w.cast["old"] {
		t.Fatalf("%+v", faults)
	}
	near, far := w.cast["near"], w.cast["far"]
	for _, want := range []history.Cut{{From: old, To: near, Mode: history.CutPackets},
		{From: near, To: old, Mode: history.CutPackets},
		{From: far, To: old, Mode: history.CutPayload}} {
		if !slices.Contains(faults[2].Cuts, want) || len(faults[2].Cuts) != 3 {
			t.Errorf("%+v is not among %+v", want, faults[2].Cuts)
		}
	}
}

// Goal: a mode decides what becomes of the other direction: by payload it stays whole, by packets
// it stalls after a moment, by reject it dies at once. Method: what the leader sends to one
// follower is cut in each way, and the account of what that follower sends.
func TestModes(t *testing.T) {
	for mode, want := range map[history.CutMode]func(whole, late int) bool{
		history.CutPayload: func(whole, late int) bool { return whole > 0 && late > 0 },
		history.CutPackets: func(whole, late int) bool { return whole > 0 && late == 0 },
		history.CutReject:  func(whole, late int) bool { return whole == 0 && late == 0 },
	} {
		w, o := play(t, timed(5, nemesis.Event{At: 3 * time.Second, For: 4 * time.Second,
			Kind: nemesis.KindPartition, Shape: nemesis.ShapeCut, Mode: mode,
			Links: []nemesis.Link{{From: "old", To: "near", OneWay: true}}}))
		f := &w.faults[0]
		old, near := slices.Index(w.names, w.cast["old"]), slices.Index(w.names, w.cast["near"])
		var there, whole, late int
		for _, r := range o.Trace.Records {
			switch {
			case r.Kind != trace.Deliver || r.At < f.start || r.At >= f.stop:
			case r.Node == near && r.Peer == old:
				there++
			case r.Node == old && r.Peer == near && r.At < f.start+tcpPatience:
				whole++
			case r.Node == old && r.Peer == near:
				late++
			}
		}
		if !want(whole, late) || there > 0 || f.effect == 0 || len(o.History.Faults[0].Cuts) != 1 {
			t.Errorf("%s: %d arrived, %d came back at once, %d later; %d dropped", mode, there, whole,
				late, f.effect)
		}
	}
}

// Goal: a reset kills what is under way, and a mere cut of an instant does not. Method: many cuts
// that are shorter than a message takes, and whether anything was lost that arrived after them.
func TestResetKillsWhatIsUnderWay(t *testing.T) {
	for _, mode := range []history.CutMode{history.CutPackets, history.CutReject} {
		var events []nemesis.Event
		for at := 2 * time.Second; at < 9*time.Second; at += 50 * time.Millisecond {
			events = append(events, nemesis.Event{At: at, For: time.Microsecond, Mode: mode,
				Kind: nemesis.KindPartition, Shape: nemesis.ShapeAll})
		}
		_, o := play(t, timed(5, events...))
		lost := 0
		for _, r := range o.Trace.Records {
			if r.Kind == trace.Drop && r.Label == "reset" {
				lost++
			}
		}
		if (lost > 10) != (mode == history.CutReject) || int(o.Coverage[connectionReset]) != lost {
			t.Errorf("%s: %d messages died with their connections", mode, lost)
		}
	}
}

// Goal: who is turned away knows at once. Method: the leader's clients are cut off by resets.
func TestClientsAreTurnedAway(t *testing.T) {
	_, o := play(t, timed(4, nemesis.Event{At: 3 * time.Second, For: 3 * time.Second,
		Kind: nemesis.KindClientCut, Role: nemesis.RoleLeader, Mode: history.CutReject}))
	f, turned := o.History.Faults[0], 0
	for _, op := range o.History.Operations {
		if op.Node != f.Hosts[0] || op.Call < f.Start || op.Return > f.Stop {
			continue
		}
		turned++
		if op.Error != "connection lost" || op.Return-op.Call > 10*time.Millisecond {
			t.Errorf("%+v", op)
		}
	}
	if turned < 10 || !f.Bit() {
		t.Errorf("%d requests turned away: %+v", turned, f)
	}
}

// Goal: when faults are to be over, they are, while clients work on, and none begins any more.
// Method: a fault that would last, and one whose condition comes to hold afterwards.
func TestHeal(t *testing.T) {
	s := timed(6,
		nemesis.Event{At: time.Second, For: 9 * time.Second, Kind: nemesis.KindPartition,
			Shape: nemesis.ShapeIsolateFollower},
		nemesis.Event{At: time.Second, Kind: nemesis.KindKill, On: []string{"old"},
			When: &nemesis.Condition{Acknowledged: 150}})
	s.Options.Heal = 4 * time.Second
	_, o := play(t, s)
	late := 0
	for _, op := range o.History.Operations {
		if op.Outcome == history.OutcomeOK && op.Call > s.Options.Heal {
			late++
		}
	}
	if f := o.History.Faults[0]; f.Stop != s.Options.Heal || late < 50 {
		t.Errorf("healed at %v; then %d operations", f.Stop, late)
	}
	if f := o.History.Faults[1]; !strings.HasPrefix(f.Error, errNeverHeld.Error()) {
		t.Errorf("it began: %+v", f)
	}
}

// Goal: what a history says of a heal is what happened: messages cross the links again, and then
// all members agree and have caught up. Method: a follower is cut off while others work, and the
// account of that.
func TestHeardAndResumed(t *testing.T) {
	for seed := range uint64(10) {
		w, o := play(t, timed(seed, nemesis.Event{At: 3 * time.Second, For: 3 * time.Second,
			Kind: nemesis.KindPartition, Shape: nemesis.ShapeIsolateFollower}))
		f := o.History.Faults[0]
		cut := slices.Index(w.names, f.Hosts[0])
		commits, before := make([]uint64, 5), make([]uint64, 5)
		var mark uint64
		into := map[int]bool{}
		for _, r := range o.Trace.Records {
			if r.At < f.Stop && r.Kind == trace.Commit {
				mark = max(mark, r.Index)
			}
			if r.Kind == trace.Commit && r.At <= f.Resumed {
				commits[r.Node] = r.Index
			}
			if r.Kind == trace.Commit && r.At < f.Resumed {
				before[r.Node] = r.Index
			}
			if r.Kind == trace.Deliver && r.At >= f.Stop && r.At <= f.Heard &&
				(r.Node == cut || r.Peer == cut) {
				into[r.Node] = true
			}
		}
		if f.Stage != history.StageResumed || f.Heard < f.Stop || f.Heard > f.Resumed ||
			slices.Min(commits) < mark || slices.Min(before) >= mark {
			t.Errorf("seed %d: stop %v, heard %v, resumed %v; commits %v, then %v of %d", seed, f.Stop,
				f.Heard, f.Resumed, before, commits, mark)
		}
		if f.Heard < f.Resumed && len(into) != 5 {
			t.Errorf("seed %d: heard at %v by %v only", seed, f.Heard, into)
		}
	}
}

// Goal: who led for an instant is told too: the check of leaders hangs on it. Method: one batch of
// effects that holds a whole leadership.
func TestShortLeadershipIsTold(t *testing.T) {
	w := NewWorld()
	w.reset(healthy(1, 3), Options{})
	w.observe(w.members[1], &raft.Status{Term: 5, Role: raft.Follower, Leader: 1},
		[]replica.Event{{Kind: "role", Term: 4, Role: raft.Leader},
			{Kind: "role", Term: 5, Role: raft.Follower}})
	want := []history.Observation{
		{Node: "n2", Term: 4, Role: history.RoleLeader, Leader: "n2", Source: "log"},
		{Node: "n2", Term: 5, Role: history.RoleFollower, Leader: "n1", Source: "log"}}
	if !slices.Equal(w.claims, want) {
		t.Errorf("told %+v", w.claims)
	}
}

// Goal: nobody has caught up before all agree on a leader, though nobody has committed anything.
// Method: all are cut off from all.
func TestResumedIsAgreement(t *testing.T) {
	_, o := play(t, timed(3, nemesis.Event{At: 3 * time.Second, For: 3 * time.Second,
		Kind: nemesis.KindPartition, Shape: nemesis.ShapeAll}))
	f, led := o.History.Faults[0], time.Duration(0)
	for _, r := range o.Trace.Records {
		if led == 0 && r.At > f.Stop && r.Kind == trace.Role && r.Role == "leader" {
			led = r.At
		}
	}
	if led == 0 || f.Resumed <= led {
		t.Errorf("resumed at %v, and nobody led before %v", f.Resumed, led)
	}
}

// Goal: each heal has a recovery of its own. Method: a fault that ends while another keeps a member
// behind, which then comes back entry by entry.
func TestEachHealRecovers(t *testing.T) {
	s := timed(3,
		nemesis.Event{At: 2 * time.Second, For: 5 * time.Second, Kind: nemesis.KindPartition,
			Shape: nemesis.ShapeIsolateFollower},
		nemesis.Event{At: 3 * time.Second, For: time.Second, Kind: nemesis.KindClockRate, Rate: 1,
			Role: nemesis.RoleLeader})
	s.Options.Raft.MaxAppendBytes = 1
	_, o := play(t, s)
	long, short := o.History.Faults[0], o.History.Faults[1]
	if short.Resumed <= long.Stop || short.Resumed >= long.Resumed || short.Heard != 0 {
		t.Errorf("%+v\n%+v", short, long)
	}
}

// Goal: a history knows of every term that a member came to, as a status read on hosts would.
// Method: a run of a cluster without pre-vote whose leader cannot hear, against its account.
func TestObservationsKnowTerms(t *testing.T) {
	s := timed(2, nemesis.Event{At: time.Second, For: 8 * time.Second, Kind: nemesis.KindPartition,
		Shape: nemesis.ShapeOneWayIn})
	s.Options.Raft.PreVote = false
	_, o := play(t, s)
	seen, known := map[uint64]bool{}, map[uint64]bool{}
	for _, r := range o.Trace.Records {
		if r.Kind == trace.Role {
			seen[r.Term] = true
		}
	}
	for _, claim := range o.History.Observations {
		known[claim.Term] = true
		if claim.Role == history.RoleLeader && claim.Leader != claim.Node {
			t.Errorf("%+v", claim)
		}
	}
	for term := range seen {
		if !known[term] {
			t.Errorf("nobody said that it came to term %d", term)
		}
	}
	if len(known) < 3 {
		t.Errorf("only %d terms", len(known))
	}
}
