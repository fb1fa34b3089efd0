package night

import (
	"slices"

	"gauntlet/report"
)

// A night is compared with so many before it, and only if there are enough to know what is usual.
const (
	mostNights  = 30
	leastNights = 5
)

// figure is one of the figures that nights are compared by, as report.CampaignFigures names them.
type figure struct {
	name   string
	better int // 1: more is better, -1: less is
	of     func(Medians) *float64
	run    func(Figures) (value float64, measured bool)
}

var compared = []figure{
	{"availability", 1, func(m Medians) *float64 { return m.Available },
		func(f Figures) (float64, bool) { return float64(f.Available), !f.Unavailable }},
	{"longest gap", -1, func(m Medians) *float64 { return m.LongestGap },
		func(f Figures) (float64, bool) { return float64(f.LongestGap), !f.Unavailable }},
	{"recovery", -1, func(m Medians) *float64 { return m.Recovery },
		func(f Figures) (float64, bool) { return float64(f.Recovery), f.recovered() }},
	{"p99", -1, func(m Medians) *float64 { return m.P99 },
		func(f Figures) (float64, bool) { return float64(f.P99), !f.Unavailable && f.P99 > 0 }},
	{"ok/s", 1, func(m Medians) *float64 { return m.Throughput },
		func(f Figures) (float64, bool) { return f.Throughput, !f.Unavailable }},
}

// recovered tells whether the recovery was measured. Older journals do not count heals.
func (f Figures) recovered() bool { return f.Heals > 0 || f.Recovery > 0 }

// transported is how much of the recovery nodes needed to hear each other again at all.
func transported(f Figures) (float64, bool) { return float64(f.Transport), f.recovered() }

// medians are those of runs.
func medians(runs []Figures) Medians {
	of := func(take func(Figures) (float64, bool)) *float64 {
		var values []float64
		for _, f := range runs {
			if value, measured := take(f); measured {
				values = append(values, value)
			}
		}
		if len(values) == 0 {
			return nil
		}
		median := quantile(values, 0.5)
		return &median
	}
	return Medians{
		Available: of(compared[0].run), LongestGap: of(compared[1].run),
		Recovery: of(compared[2].run), Transport: of(transported),
		P99: of(compared[3].run), Throughput: of(compared[4].run),
	}
}

// quantile is the value below which such a part of all lies, between neighbours by proportion.
// There must be one value at least.
func quantile(values []float64, part float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := part * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// trends compare the medians of a night with those of the nights before it, the oldest first. What
// lies outside their quartiles by more than one and a half times the distance of these (J. Tukey,
// Exploratory Data Analysis, 1977), and by more than a hundredth of the median, is unusual.
func trends(before []Record, now Medians) []report.CampaignTrend {
	before = before[max(len(before)-mostNights, 0):]
	var list []report.CampaignTrend
	for _, one := range compared {
		median := one.of(now)
		if median == nil {
			continue
		}
		value := *median
		var earlier []float64
		for _, r := range before {
			if v := one.of(r.Medians); v != nil {
				earlier = append(earlier, *v)
			}
		}
		t := report.CampaignTrend{Name: one.name, Now: report.Figure(one.name, value),
			Nights: len(earlier), Values: append(slices.Clone(earlier), value)}
		if len(earlier) >= leastNights {
			usual := quantile(earlier, 0.5)
			first, third := quantile(earlier, 0.25), quantile(earlier, 0.75)
			reach := max(1.5*(third-first), usual/100)
			low, high := max(first-reach, 0), third+reach
			t.Usual, t.Low, t.High = report.Figure(one.name, usual), report.Figure(one.name, low),
				report.Figure(one.name, high)
			t.Outside = value < low || value > high
			t.Worse = t.Outside && (value > high) != (one.better > 0)
		}
		list = append(list, t)
	}
	return list
}
