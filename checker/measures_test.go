package checker

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gauntlet/history"
)

// measured is Measure without any cleverness: it looks at every nanosecond and every slice, and
// counts percentiles by asking how many operations took no longer.
func measured(h *history.History, from, to, slice time.Duration) Measures {
	m := Measures{Window: to - from}
	at := func(t time.Duration) (found int) {
		for _, op := range h.Operations {
			if op.Outcome == history.OutcomeOK && op.Return == t {
				found++
			}
		}
		return found
	}
	gap := time.Duration(0)
	for t := from; t < to; t++ {
		if n := at(t); n > 0 {
			m.OK, gap = m.OK+n, 0
		}
		gap++
		m.LongestGap = max(m.LongestGap, gap)
	}
	if m.Window > 0 {
		m.Throughput = float64(m.OK) / m.Window.Seconds()
		all, served := 1, 0
		for ; from+time.Duration(all+1)*slice <= to; all++ {
		}
		for i := range all {
			last := from + time.Duration(i+1)*slice
			if i == all-1 {
				last = to
			}
			for t := from + time.Duration(i)*slice; t < last; t++ {
				if at(t) > 0 {
					served++
					break
				}
			}
		}
		m.Available = served * 1000 / all
	}
	for _, kind := range []string{"cas", "read", "write"} {
		if l := latencyOf(h, kind, from, to); l.OK > 0 {
			m.Latency = append(m.Latency, l)
		}
	}
	m.Terms, m.Leaders = reigned(h, from, to)
	return m
}

func latencyOf(h *history.History, kind string, from, to time.Duration) Latency {
	l := Latency{Kind: kind}
	var took []time.Duration
	for _, op := range h.Operations {
		if op.Kind == kind && op.Outcome == history.OutcomeOK && op.Return >= from && op.Return < to {
			took = append(took, op.Return-op.Call)
		}
	}
	l.OK = len(took)
	least := func(percent int) time.Duration {
		best := time.Duration(-1)
		for _, candidate := range took {
			within := 0
			for _, other := range took {
				if other <= candidate {
					within++
				}
			}
			if 100*within >= percent*len(took) && (best < 0 || candidate < best) {
				best = candidate
			}
		}
		return best
	}
	if l.OK > 0 {
		l.P50, l.P99, l.Max = least(50), least(99), slices.Max(took)
	}
	return l
}

// reigned plays the observations through, one after the other.
func reigned(h *history.History, from, to time.Duration) (terms, leaders int) {
	var before, within []history.Observation
	for _, o := range h.Observations {
		switch {
		case o.At < from:
			before = append(before, o)
		case o.At < to:
			within = append(within, o)
		}
	}
	byTerm := func(a, b history.Observation) int { return cmp.Compare(a.Term, b.Term) }
	if len(within) > 0 {
		base := slices.MinFunc(within, byTerm).Term
		if len(before) > 0 {
			base = slices.MaxFunc(before, byTerm).Term
		}
		terms = max(int(slices.MaxFunc(within, byTerm).Term)-int(base), 0)
	}
	led := make(map[string]bool)
	for _, o := range within {
		led[o.Node] = led[o.Node] || o.Role == history.RoleLeader
	}
	var reigning string
	var term uint64
	for _, o := range before { // in order
		switch {
		case o.Role == history.RoleLeader && o.Term >= term:
			reigning, term = o.Node, o.Term
		case o.Role != history.RoleLeader && o.Node == reigning:
			reigning = ""
		}
	}
	if to > from && reigning != "" {
		led[reigning] = true
	}
	for _, was := range led {
		if was {
			leaders++
		}
	}
	return terms, leaders
}

// Goal: what is measured of a stretch is exact: gaps, slices, percentiles, terms, leaders. Method:
// random small histories on a grid of nanoseconds, against a twin that looks at each.
func TestMeasureAgainstTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := &history.History{}
		instant := func(name string, least, most int) time.Duration {
			return time.Duration(rapid.IntRange(least, most).Draw(t, name))
		}
		for i := range rapid.IntRange(0, 12).Draw(t, "operations") {
			op := history.Operation{ID: int64(i), Process: i, Call: instant("call", 0, 60),
				Kind:    rapid.SampledFrom([]string{"read", "write", "cas"}).Draw(t, "kind"),
				Outcome: rapid.SampledFrom([]history.Outcome{"ok", "ok", "fail", "info", ""}).Draw(t, "is")}
			op.Return = op.Call + instant("took", 0, 9)
			h.Operations = append(h.Operations, op)
		}
		for i, term := 0, uint64(1); i < 6; i++ {
			term += rapid.Uint64Range(0, 2).Draw(t, "terms")
			h.Observations = append(h.Observations, history.Observation{
				At: time.Duration(i*10) + instant("at", 0, 9), Term: term,
				Node: rapid.SampledFrom([]string{"n1", "n2", "n3"}).Draw(t, "node"),
				Role: rapid.SampledFrom([]history.Role{"leader", "follower"}).Draw(t, "role")})
		}
		from := instant("from", 0, 60)
		to, slice := from+instant("length", 0, 40), instant("slice", 1, 15)
		want, got := measured(h, from, to, slice), Measure(h, from, to, slice)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("of %v to %v in slices of %v (-want +got):\n%s", from, to, slice, diff)
		}
	})
}

// Goal: the edges of a window are what the comment says. Method: a run of a hundred seconds that
// answers once a second, in windows of all sorts.
func TestMeasureEdges(t *testing.T) {
	h := &history.History{}
	for i := range 100 {
		at := time.Duration(i) * time.Second
		h.Operations = append(h.Operations, history.Operation{ID: int64(i + 1), Kind: "read",
			Call: at, Return: at, Outcome: history.OutcomeOK})
	}
	for _, test := range []struct {
		name                 string
		from, to, slice      time.Duration
		ok, available, terms int
		gap                  time.Duration
		throughput           float64
	}{
		{"nothing", 5 * time.Second, 5 * time.Second, time.Second, 0, 0, 0, 0, 0},
		{"backwards", 5 * time.Second, 4 * time.Second, time.Second, 0, 0, 0, 0, 0},
		{"the last instant is not in it", 0, 10 * time.Second, time.Second, 10, 1000, 0,
			time.Second, 1},
		{"half the slices", 0, 10 * time.Second, time.Second / 2, 10, 500, 0, time.Second, 1},
		{"slices longer than the window", 0, time.Second, time.Minute, 1, 1000, 0, time.Second, 1},
		{"unknown slices are a second", 0, 4 * time.Second, 0, 4, 1000, 0, time.Second, 1},
		{"what is left over belongs to the last slice", 98 * time.Second, 101900 * ms,
			time.Second, 2, 666, 0, 2900 * ms, 2 / 3.9},
		{"after everything", 200 * time.Second, 210 * time.Second, time.Second, 0, 0, 0,
			10 * time.Second, 0},
	} {
		m := Measure(h, test.from, test.to, test.slice)
		got := fmt.Sprintf("%d %d %d %v %.3f", m.OK, m.Available, m.Terms, m.LongestGap, m.Throughput)
		want := fmt.Sprintf("%d %d %d %v %.3f", test.ok, test.available, test.terms, test.gap,
			test.throughput)
		if got != want {
			t.Errorf("%s: %s, want %s", test.name, got, want)
		}
	}
}

// Goal: measuring a long run takes no longer than sorting it. Method: a run of a million answers
// is measured in a million slices while a person waits.
func TestMeasureIsFast(t *testing.T) {
	h := &history.History{Operations: make([]history.Operation, 1_000_000)}
	for i := range h.Operations {
		at := time.Duration(i*7919%len(h.Operations)) * ms
		h.Operations[i] = history.Operation{ID: int64(i), Kind: "read", Call: at,
			Return: at + time.Duration(i%97)*ms, Outcome: history.OutcomeOK}
	}
	begin := time.Now()
	if m := Measure(h, 0, 1000*time.Second, ms); m.OK < 990_000 {
		t.Errorf("%+v", m)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("a million operations took %v", took)
	}
}

// Goal: the fault window spans what is proven, and nothing else. Method: proven faults among
// unproven ones.
func TestFaultWindow(t *testing.T) {
	h := steady()
	if _, _, ok := FaultWindow(h); ok {
		t.Error("a window without a fault")
	}
	isolate(h, 3000*ms, 9000*ms, "n1").Evidence = nil
	if _, _, ok := FaultWindow(h); ok {
		t.Error("a window without a proven fault")
	}
	isolate(h, 5000*ms, 6000*ms, "n2")
	isolate(h, 4000*ms, 4500*ms, "n3")
	from, to, ok := FaultWindow(h)
	if from != 4000*ms || to != 6000*ms || !ok {
		t.Errorf("from %v to %v, %v", from, to, ok)
	}
}
