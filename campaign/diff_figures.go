package campaign

import (
	"slices"
	"time"

	"gauntlet/checker"
)

// Figure is one measure of two runs. Both were taken anew from the histories, by this build, so
// that an older one is comparable.
type Figure struct {
	Name  string   `json:"name"`
	Unit  string   `json:"unit"` // UnitCount, UnitRate, UnitShare or UnitTime
	Then  *float64 `json:"then"` // null: that run has none
	Now   *float64 `json:"now"`
	Ratio *float64 `json:"ratio"` // now to then; null where either is missing, or then is 0
}

// The units of figures.
const (
	UnitCount = "count"
	UnitRate  = "per second"
	UnitShare = "permille"
	UnitTime  = "nanoseconds"
)

// sideBySide are the measures of both runs, in the order in which a person asks for them.
func sideBySide(then, now *Run) []Figure {
	before, after := measured(then), measured(now)
	var all []Figure
	for _, name := range before.names(after) {
		f := Figure{Name: name, Unit: before.unit(after, name), Then: before.value(name),
			Now: after.value(name)}
		if f.Then != nil && f.Now != nil && *f.Then != 0 {
			ratio := *f.Now / *f.Then
			f.Ratio = &ratio
		}
		all = append(all, f)
	}
	return all
}

// measurement is the figures of one run.
type measurement []struct {
	name, unit string
	value      float64
}

func (m *measurement) add(name, unit string, value float64) {
	*m = append(*m, struct {
		name, unit string
		value      float64
	}{name, unit, value})
}

func (m measurement) value(name string) *float64 {
	for _, one := range m {
		if one.name == name {
			return &one.value
		}
	}
	return nil
}

func (m measurement) unit(other measurement, name string) string {
	for _, one := range slices.Concat(m, other) {
		if one.name == name {
			return one.unit
		}
	}
	return ""
}

// names lists what either run has: what only the second one has comes where it stands there.
func (m measurement) names(other measurement) []string {
	var all []string
	for _, one := range m {
		all = append(all, one.name)
	}
	at := 0
	for _, one := range other {
		if i := slices.Index(all, one.name); i >= 0 {
			at = i + 1
			continue
		}
		all = slices.Insert(all, at, one.name)
		at++
	}
	return all
}

// measured takes the figures of a run's load.
func measured(r *Run) measurement {
	from, to := loadSpan(r.History)
	timeout := time.Duration(0)
	if r.Suite != nil {
		timeout = slice(r.Suite)
	}
	load, summary := checker.Measure(r.History, from, to, timeout), checker.Summarise(r.History)
	var m measurement
	m.add("load", UnitTime, float64(load.Window))
	m.add("acknowledged", UnitCount, float64(load.OK))
	m.add("throughput", UnitRate, load.Throughput)
	m.add("availability", UnitShare, float64(load.Available))
	m.add("longest gap", UnitTime, float64(load.LongestGap))
	for _, kind := range load.Latency {
		m.add(kind.Kind+" p50", UnitTime, float64(kind.P50))
		m.add(kind.Kind+" p99", UnitTime, float64(kind.P99))
		m.add(kind.Kind+" max", UnitTime, float64(kind.Max))
	}
	m.recoveries(summary.Heals)
	m.add("terms", UnitCount, float64(load.Terms))
	m.add("leaders", UnitCount, float64(load.Leaders))
	fail, info := 0, 0
	for _, kind := range summary.Kinds {
		fail, info = fail+kind.Fail, info+kind.Info
	}
	m.add("failed", UnitCount, float64(fail))
	m.add("unanswered", UnitCount, float64(info))
	return m
}

// recoveries adds how soon the target was available after heals that no other fault disturbed.
func (m *measurement) recoveries(heals []checker.Heal) {
	var after []time.Duration
	never := 0
	for _, heal := range heals {
		switch {
		case heal.Interrupted:
		case heal.Available:
			after = append(after, heal.After)
		default:
			never++
		}
	}
	if len(after) > 0 {
		slices.Sort(after)
		m.add("recovery p50", UnitTime, float64(after[len(after)/2]))
		m.add("recovery max", UnitTime, float64(after[len(after)-1]))
	}
	if never > 0 {
		m.add("heals without recovery", UnitCount, float64(never))
	}
}
