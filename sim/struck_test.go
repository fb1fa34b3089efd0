package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/sim/trace"
)

// Goal: where large messages are lost, small ones pass, and none of any size is lost elsewhere.
// Method: the account of a run whose leader's links carry heartbeats only.
func TestLargeMessagesAreLost(t *testing.T) {
	const size = 36
	s := struck(4, nemesis.Event{Kind: nemesis.KindMTU, Shape: nemesis.ShapeOneWayOutLeader,
		Size: size})
	w := NewWorld()
	o := w.Run(s, Options{Trace: true})
	var lost, beats int
	on := false
	for _, r := range o.Trace.Records {
		leader := slices.Index(w.names, w.faults[0].action.Leader)
		switch {
		case r.Kind == trace.FaultStart || r.Kind == trace.FaultStop:
			on = r.Kind == trace.FaultStart
		case r.Kind == trace.Drop && r.Label == "too large":
			if lost++; r.Peer != leader || !on {
				t.Errorf("lost, though no fault is there: %+v", r)
			}
		case r.Kind == trace.Deliver && on && r.Peer == leader:
			if strings.Contains(r.Label, " entries ") {
				t.Errorf("entries passed: %+v", r)
			}
			beats++
		}
	}
	if o.Failure != nil || lost == 0 || beats == 0 || o.Coverage[appendTooLarge] == 0 {
		t.Errorf("%d lost, %d passed, failure %v", lost, beats, o.Failure)
	}
}

// Goal: of clients that are cut off nothing arrives, so they time out, and that touches nobody
// else. Method: a run in which the leader's clients are cut off for a while.
func TestClientsAreCutOff(t *testing.T) {
	s := struck(4, nemesis.Event{Kind: nemesis.KindClientCut, Role: nemesis.RoleLeader})
	o := NewWorld().Run(s, Options{History: true})
	f := o.History.Faults[0]
	if o.Failure != nil || !f.Bit() || len(f.Cuts) != 1 || f.Cuts[0].From != history.Clients {
		t.Fatalf("%v, %+v", o.Failure, f)
	}
	var waited, others int
	for _, op := range o.History.Operations {
		if op.Call < f.Start || op.Call > f.Stop-10*time.Millisecond {
			continue
		}
		switch {
		case op.Node != f.Hosts[0] && op.Outcome == history.OutcomeOK:
			others++
		case op.Node == f.Hosts[0] && op.Error != "no answer in time":
			t.Errorf("a request got through: %+v", op)
		case op.Node == f.Hosts[0]:
			waited++
		}
	}
	if waited == 0 || others < 10 || o.Coverage[unaskedLeader] == 0 {
		t.Errorf("%d requests timed out, %d of others were done", waited, others)
	}
}

// Goal: a process that is killed comes back when that fault is over, also on the wrong side of a
// cut that lasts. Method: the leader is cut off, and everybody is killed while it is.
func TestFaultsOverlap(t *testing.T) {
	s := struck(4, nemesis.Event{Kind: nemesis.KindPartition, Shape: nemesis.ShapeIsolateLeader,
		For: 5 * time.Second})
	s.Faults = append(s.Faults, nemesis.Event{ID: 2, At: 4 * time.Second, For: time.Second,
		Kind: nemesis.KindKill, Role: nemesis.RoleAll})
	w := NewWorld()
	o := w.Run(s, Options{Trace: true})
	healed := w.faults[0].stop
	var back []int
	for _, r := range o.Trace.Records {
		if r.Kind == trace.Start && r.At > 4*time.Second && r.At < healed {
			back = append(back, r.Node)
		}
	}
	if o.Failure != nil || len(back) != 5 {
		t.Errorf("came back before the cut was healed: %v, failure %v", back, o.Failure)
	}
}

// Goal: each fault is proven by what it did itself. Method: two cuts at once, of links that both
// have traffic and that only one of them severs.
func TestEvidenceIsOfEachFault(t *testing.T) {
	s := struck(4, nemesis.Event{Kind: nemesis.KindPartition, Shape: nemesis.ShapeOneWayInLeader,
		For: 500 * time.Millisecond})
	s.Faults = append(s.Faults, nemesis.Event{ID: 2, At: s.Faults[0].At,
		For: 250 * time.Millisecond, Kind: nemesis.KindPartition,
		Shape: nemesis.ShapeOneWayOutLeader}, nemesis.Event{ID: 3, At: s.Faults[0].At,
		For: 250 * time.Millisecond, Kind: nemesis.KindMTU, Size: 65535, Shape: nemesis.ShapeAll})
	w := NewWorld()
	o := w.Run(s, Options{Trace: true, History: true})
	leader := slices.Index(w.names, w.faults[0].action.Leader)
	var in, out int
	for _, r := range o.Trace.Records {
		if r.Kind == trace.Drop && r.Label == "cut" {
			if r.Node == leader {
				in++
			} else {
				out++
			}
		}
	}
	got := []int{w.faults[0].effect, w.faults[1].effect, w.faults[2].effect}
	if !slices.Equal(got, []int{in, out, 0}) || in == 0 || out == 0 ||
		o.Effects[0] != uint32(in+out) {
		t.Errorf("%v dropped by each fault, want %d, %d and 0", got, in, out)
	}
}
