package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/nemesis"
)

// share writes a permille for people: "97.3 %".
func share(permille int) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(permille)/10), ".0") + " %"
}

// aSecond writes a rate for people: "245 ok/s", "0.8 ok/s".
func aSecond(rate float64) string {
	if rate < 10 {
		return fmt.Sprintf("%.1f ok/s", rate)
	}
	return thousands(int(rate+0.5)) + " ok/s"
}

// figure is a length for people who compare lengths: to the microsecond, then the millisecond.
func figure(d time.Duration) string {
	if d < 10*time.Millisecond {
		return seconds(d.Round(time.Microsecond))
	}
	return seconds(d.Round(100 * time.Microsecond))
}

// availabilityText tells how much of the load the target served.
func availabilityText(m checker.Measures) string {
	return fmt.Sprintf("%s of the load, longest gap %s, %s", share(m.Available),
		seconds(m.LongestGap.Round(time.Millisecond)), aSecond(m.Throughput))
}

// latencyText tells how many operations of a kind were acknowledged, and how long they took.
func latencyText(s checker.Summary, l checker.Latency) string {
	return fmt.Sprintf("%s, p50 %s, p99 %s, max %s", rateOf(s, l), figure(l.P50), figure(l.P99),
		figure(l.Max))
}

// latencyOf is how long operations of a kind took during the load; nil: none was acknowledged then.
func latencyOf(s checker.Summary, kind string) *checker.Latency {
	i := slices.IndexFunc(s.Load.Latency, func(l checker.Latency) bool { return l.Kind == kind })
	if i < 0 {
		return nil
	}
	return &s.Load.Latency[i]
}

// rateOf is how many operations of a kind were acknowledged a second during the load.
func rateOf(s checker.Summary, l checker.Latency) string {
	return aSecond(float64(l.OK) / s.Load.Window.Seconds())
}

// slowest is the heal after which the target took longest to be available, of those after which no
// other fault was in the way; an endless one is the longest of all. Nil: there is none.
func slowest(heals []checker.Heal) *checker.Heal {
	var worst *checker.Heal
	for i := range heals {
		heal := &heals[i]
		switch {
		case heal.Interrupted:
		case worst == nil, worst.Available && !heal.Available,
			worst.Available == heal.Available && heal.After > worst.After:
			worst = heal
		}
	}
	return worst
}

// recoveryText tells how long a heal took: "2.310 s after fault 3 (transport 2.000 s, ...)".
func recoveryText(heal *checker.Heal) string {
	if !heal.Available {
		return fmt.Sprintf("not seen after fault %d", heal.Fault)
	}
	text := fmt.Sprintf("%s after fault %d", figure(heal.After), heal.Fault)
	if split := splitText(heal); split != "" {
		text += " (" + split + ")"
	}
	return text
}

// splitText tells how much of a recovery was the transport's; "" if that is not known. Where a
// target served before the transport did, it did not wait for it.
func splitText(heal *checker.Heal) string {
	switch {
	case !heal.Heard:
		return ""
	case heal.Available && heal.Transport > heal.After:
		return fmt.Sprintf("transport %s, not waited for", figure(heal.Transport))
	case !heal.Available:
		return "transport " + figure(heal.Transport)
	}
	return fmt.Sprintf("transport %s, protocol %s", figure(heal.Transport), figure(heal.Protocol))
}

// reproducedWord says in a word or two whether an incident was seen again.
func reproducedWord(r *checker.Reproduction) string {
	if r.Matched {
		return "reproduced"
	}
	return "not reproduced"
}

// faultName is what a person calls it: "isolate-leader", "loss isolate-leader", "pause leader".
func faultName(f history.Fault) string {
	switch {
	case f.Shape != "" && (f.Kind == string(nemesis.KindPartition) ||
		f.Kind == string(nemesis.KindVersion)):
		return f.Shape
	case f.Shape != "":
		return f.Kind + " " + f.Shape
	case f.Role != "":
		return f.Kind + " " + f.Role
	}
	return f.Kind
}

// began tells whether a fault was ever in force.
func began(f history.Fault) bool { return f.Start > 0 || f.Stage != history.StageFailed }

// faultDetails is what a fault's name leaves open: the links that a timeline names, what became of
// their packets, who takes part after an operation, and whom the names mean.
func faultDetails(f history.Fault) []string {
	var details []string
	shape := nemesis.Shape(f.Shape)
	named := shape == nemesis.ShapeCut || shape == nemesis.ShapeOnly
	if named && len(f.Cuts) > 0 {
		details = append(details, list(linkNames(f.Cuts)))
	}
	for _, text := range []func(history.Cut) string{rateText, sizeText, modeText} {
		if said := uniform(f.Cuts, text); said != "" {
			details = append(details, said)
		}
	}
	if f.Before != nil && f.After != nil && f.Before.String() != f.After.String() {
		details = append(details, "then "+f.After.String())
	}
	for _, name := range slices.Sorted(maps.Keys(f.Cast)) {
		details = append(details, name+" is "+f.Cast[name])
	}
	return details
}

// linkNames lists what is struck, a link of both directions once: "n1–n2", "n1→n3".
func linkNames(cuts []history.Cut) []string {
	var names []string
	for i, c := range cuts {
		back := c
		back.From, back.To = c.To, c.From
		if slices.Contains(cuts[:i], back) {
			continue
		}
		mark := "→"
		if slices.Contains(cuts, back) {
			mark = "–"
		}
		names = append(names, c.From+mark+c.To)
	}
	return names
}

// uniform is what is said of all cuts alike, or nothing.
func uniform(cuts []history.Cut, text func(history.Cut) string) string {
	var all []string
	for _, c := range cuts {
		all = append(all, text(c))
	}
	if all = slices.Compact(all); len(all) != 1 {
		return ""
	}
	return all[0]
}

func rateText(c history.Cut) string {
	if c.Rate == 0 {
		return ""
	}
	return share(c.Rate) + " lost"
}

func sizeText(c history.Cut) string {
	if c.Size == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes or more", c.Size)
}

func modeText(c history.Cut) string {
	switch c.Mode {
	case history.CutPayload:
		return "payload only"
	case history.CutReject:
		return "rejected"
	}
	return ""
}
