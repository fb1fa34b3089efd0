package inject

import (
	"fmt"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
)

// Goal: a cut of all packets must be seen on every host, a partial one on any; rules that were gone
// prove nothing either way, and a moment says nothing of the other. Method: written out.
func TestShare(t *testing.T) {
	whole := []history.Cut{{Mode: history.CutPackets}}
	lossy := []history.Cut{{Mode: history.CutPackets}, {Mode: history.CutPackets, Rate: 1}}
	large := []history.Cut{{Mode: history.CutPayload, Size: 1400}}
	for _, c := range []struct {
		cuts     []history.Cut
		one, two string // what two hosts say
		want     string
	}{
		{whole, "3", "0", "3 true, 0 false"},
		{lossy, "3", "0", "3 true, 0, but others some true"},
		{large, "0", "12", "0, but others some true, 12 true"},
		{large, "0", "0", "0 false, 0 false"},
		{lossy, "rules gone", "4", "rules gone false, 4 true"},
	} {
		f := history.Fault{Cuts: c.cuts}
		for _, moment := range []string{"start", "end"} {
			for _, value := range []string{c.one, c.two} {
				f.Evidence = append(f.Evidence, history.Evidence{Moment: moment, Value: value,
					Bit: value > "0" && value < "99"})
			}
		}
		share(&f, "start")
		say := func(e []history.Evidence) string {
			return fmt.Sprintf("%s %v, %s %v", e[0].Value, e[0].Bit, e[1].Value, e[1].Bit)
		}
		if got := say(f.Evidence[:2]); got != c.want {
			t.Errorf("%+v: %s, want %s", c.cuts, got, c.want)
		}
		if end := f.Evidence[2:]; end[0].Value != c.one || end[1].Value != c.two {
			t.Errorf("%+v: the start has changed the end: %+v", c.cuts, end)
		}
	}
}

// Goal: what meets few packets is given longer, but no longer than half of what it lasts, nor
// without bound.
func TestPatience(t *testing.T) {
	for _, c := range []struct {
		cut   history.Cut
		lasts time.Duration
		want  time.Duration
	}{
		{history.Cut{}, time.Minute, evidenceTimeout},
		{history.Cut{Rate: 1}, time.Second, evidenceTimeout},
		{history.Cut{Rate: 1}, 8 * time.Second, 4 * time.Second},
		{history.Cut{Size: 1}, time.Hour, evidenceLonger},
	} {
		f := history.Fault{Cuts: []history.Cut{c.cut}, PlannedStart: 5, PlannedStop: 5 + c.lasts}
		if got := patience(&f); got != c.want {
			t.Errorf("%+v for %v: %v, want %v", c.cut, c.lasts, got, c.want)
		}
	}
}

// Goal: only faults that stop or end a process count as that. Method: every kind carried out here.
func TestStrikes(t *testing.T) {
	for kind, want := range map[nemesis.Kind]bool{
		nemesis.KindPartition: false, nemesis.KindLoss: false, nemesis.KindMTU: false,
		nemesis.KindClientCut: false, nemesis.KindPause: true, nemesis.KindKill: true,
		nemesis.KindVersion: true,
	} {
		if got := strikes(history.Fault{Kind: string(kind)}); got != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
}
