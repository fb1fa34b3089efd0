package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"gauntlet/checker"
)

// Text writes the results as a person wants them at the end of a run: the verdict, why, and
// what happened.
func Text(w io.Writer, results *checker.Results) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s   %s on %s, seed %d, run %s\n", strings.ToUpper(title(results)),
		results.Suite, results.Place, results.Seed, results.Run)
	if results.Exit != checker.ExitValid {
		for _, reason := range results.Reasons {
			fmt.Fprintf(&b, "  %s\n", reason)
		}
	}
	b.WriteByte('\n')
	row := func(name, format string, arguments ...any) {
		line := fmt.Sprintf("  %-24s%s", name, fmt.Sprintf(format, arguments...))
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	for _, check := range results.Checks {
		row(check.Check, "%-9s%s", check.Verdict, detail(check))
	}
	for _, gate := range results.Gates {
		row(gate.Check, "%-9s%s", gateWord(gate.Verdict), detail(gate))
	}
	if len(results.Skipped) == 0 {
		writeSummary(row, &results.Summary)
		writeMeasures(row, &results.Summary)
	}
	if r := results.Reproduced; r != nil {
		row("incident", "%s: %s", reproducedWord(r), r.Title)
		row("", "%s", r.Why)
	}
	for _, warning := range results.Warnings {
		row("warning", "%s", warning)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// detail is the reason of a result that passed; the others have been told already.
func detail(r checker.Result) string {
	if r.Verdict == checker.Valid {
		return r.Reason
	}
	return ""
}

func writeSummary(row func(name, format string, arguments ...any), s *checker.Summary) {
	var kinds, faults, leaders []string
	var fail, info int
	for _, kind := range s.Kinds {
		kinds = append(kinds, fmt.Sprintf("%s %s", thousands(kind.OK), kind.Kind))
		fail, info = fail+kind.Fail, info+kind.Info
	}
	for _, f := range s.Faults {
		faults = append(faults, fmt.Sprintf("%s %d of %d proven", f.Kind, f.Proven, f.Injected))
	}
	for _, l := range s.Leaders {
		leaders = append(leaders, fmt.Sprintf("%s (term %d)", l.Node, l.Term))
	}
	row("operations", "%s ok of %s: %s; %s fail, %s unknown", thousands(s.OK),
		thousands(s.Operations), list(kinds), thousands(fail), thousands(info))
	row("faults", "%s", list(faults))
	row("leaders", "%s", list(leaders))
	if len(s.Versions) > 0 {
		row("versions", "%s", versionText(s.Versions))
	}
	row("longest unavailability", "%s", gapText(s.LongestGap))
}

// writeMeasures tells what clients saw, as far as the results know it: older ones do not.
func writeMeasures(row func(name, format string, arguments ...any), s *checker.Summary) {
	if s.Load.Window > 0 {
		row("availability", "%s", availabilityText(s.Load))
	}
	for _, l := range s.Load.Latency {
		row("latency of "+l.Kind, "%s", latencyText(*s, l))
	}
	if heal := slowest(s.Heals); heal != nil {
		row("slowest recovery", "%s", recoveryText(heal))
	}
}

// versionText tells which nodes went through the same builds: "n1 n2: old, new; n3: old".
func versionText(versions []checker.NodeVersion) string {
	var order, histories []string
	of := make(map[string][]string) // nodes, by what they went through
	for i := 0; i < len(versions); {
		node, through := versions[i].Node, []string{}
		for ; i < len(versions) && versions[i].Node == node; i++ {
			through = append(through, versions[i].Version)
		}
		text := strings.Join(through, ", then ")
		if of[text] == nil {
			order = append(order, text)
		}
		of[text] = append(of[text], node)
	}
	for _, text := range order {
		histories = append(histories, strings.Join(of[text], " ")+": "+text)
	}
	return strings.Join(histories, "; ")
}

// gapText tells the longest unavailability in words.
func gapText(gap checker.Gap) string {
	text := fmt.Sprintf("%s, from %s to %s",
		seconds(gap.Length()), seconds(gap.From), seconds(gap.To))
	var during []string
	for _, id := range gap.Faults {
		during = append(during, fmt.Sprint(id))
	}
	switch len(during) {
	case 0:
		return text + ", outside any fault"
	case 1:
		return text + ", with fault " + during[0]
	}
	return text + ", with faults " + strings.Join(during, ", ")
}

func list(items []string) string {
	const most = 8
	if len(items) == 0 {
		return "none"
	}
	if more := len(items) - most; more > 0 {
		items = append(items[:most:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(items, ", ")
}
