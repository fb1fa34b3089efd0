package checker

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/history"
)

// silent takes the answers of a stretch away.
func silent(h *history.History, from, to time.Duration) *history.History {
	h.Operations = slices.DeleteFunc(h.Operations, func(op history.Operation) bool {
		return op.Return > from && op.Return < to
	})
	return h
}

// Goal: a gap in what clients were told is missed beyond what is granted, and more is granted only
// where a leader was taken away by force, right before it. Method: gaps of 0.3 s and 1 s around
// each sort of fault, with 0.2 s and 0.8 s granted.
func TestGaps(t *testing.T) {
	fault := func(kind string, hosts ...string) history.Fault {
		return history.Fault{ID: 1, Kind: kind, Hosts: hosts, Leader: "n1", PlannedStart: 4000 * ms,
			Start: 4050 * ms, Stop: 4900 * ms, Stage: history.StageHealed}
	}
	cut := func(from, to string) history.Fault {
		f := fault("partition", from)
		f.Cuts = []history.Cut{{From: from, To: to, Mode: history.CutPackets}}
		return f
	}
	for _, c := range []struct {
		name   string
		fault  history.Fault
		at     time.Duration // when the gap begins
		length time.Duration
		want   Verdict
	}{
		{"no gap", fault("pause", "n2"), 4000 * ms, 0, Valid},
		{"no fault", history.Fault{}, 4000 * ms, 300 * ms, Invalid},
		{"leader killed", fault("kill", "n1"), 4000 * ms, 300 * ms, Valid},
		{"leader killed, too long", fault("kill", "n1"), 4000 * ms, 1000 * ms, Invalid},
		{"leader killed, long ago", fault("kill", "n1"), 4700 * ms, 300 * ms, Invalid},
		{"leader cut off", cut("n1", "n2"), 4000 * ms, 300 * ms, Valid},
		{"follower cut off", cut("n2", "n1"), 4000 * ms, 300 * ms, Invalid},
		{"follower killed", fault("kill", "n2"), 4000 * ms, 300 * ms, Invalid},
		{"leader removed, at last", fault("remove", "n1"), 4800 * ms, 300 * ms, Valid},
		{"follower removed", fault("remove", "n3"), 4100 * ms, 300 * ms, Invalid},
		{"leader hands over", fault("transfer", "n2"), 4100 * ms, 300 * ms, Invalid},
		{"leader restarted", fault("restart", "n1", "n2"), 4100 * ms, 300 * ms, Invalid},
	} {
		h := silent(steady(), c.at, c.at+c.length)
		if c.fault.Kind != "" {
			h.Faults = []history.Fault{c.fault}
		}
		got := gaps(h, Require{Gap: 200 * ms, GapLeaderLost: 800 * ms})
		if got.Verdict != c.want {
			t.Errorf("%s: %v, %s", c.name, got.Verdict, got.Reason)
		}
		if c.want == Invalid && !strings.Contains(got.Reason, "longer than") {
			t.Errorf("%s: %s", c.name, got.Reason)
		}
	}
	h := &history.History{}
	if got := gaps(h, Require{Gap: 1}); got.Verdict != Unknown {
		t.Errorf("a run without a load: %+v", got)
	}
}

// Goal: a majority is one of the members as they were then: not of spares, not of who was removed.
// Method: three members and two spares; two of the members killed for good after two were added.
func TestMajorityOfMembers(t *testing.T) {
	h := steady()
	h.Header.Spares = []string{"n4", "n5"}
	kill := func(id int, host string, at time.Duration) history.Fault {
		return history.Fault{ID: id, Kind: "kill", Hosts: []string{host}, Start: at, Stop: at + 500*ms}
	}
	h.Faults = []history.Fault{
		kill(1, "n1", 2000*ms), kill(2, "n2", 2100*ms), // two of three
		{ID: 3, Kind: "add", Hosts: []string{"n4"}, Start: 3000 * ms, Stop: 3100 * ms,
			After: &history.Membership{Voters: []string{"n1", "n2", "n3"}, Learners: []string{"n4"}}},
		{ID: 4, Kind: "promote", Hosts: []string{"n4"}, Start: 3200 * ms, Stop: 3300 * ms,
			After: &history.Membership{Voters: []string{"n1", "n2", "n3", "n4"}}},
		{ID: 5, Kind: "promote", Hosts: []string{"n5"}, Start: 3400 * ms, Stop: 3500 * ms,
			After: &history.Membership{Voters: []string{"n1", "n2", "n3", "n4", "n5"}}},
		kill(6, "n1", 4000*ms), kill(7, "n2", 4100*ms), // two of five
	}
	spans := quorate(h)
	for _, c := range []struct {
		at   time.Duration
		want bool
	}{{2050 * ms, true}, {2200 * ms, false}, {2900 * ms, true}, {3050 * ms, false},
		{3150 * ms, true}, {4200 * ms, true}} {
		got := slices.ContainsFunc(spans, func(s span) bool { return s.from <= c.at && c.at < s.to })
		if got != c.want {
			t.Errorf("at %v quorate is %v, want %v", c.at, got, c.want)
		}
	}
}
