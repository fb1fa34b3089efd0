package inject

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ruleset is what iptables-save and ip6tables-save say, without what changes by itself: comment
// lines (they hold dates), counters, and tables that are empty with all policies ACCEPT (the first
// use of nft creates one). Lines keep their order: it is the order in which rules match.
type ruleset struct {
	lines []string // "ip4 filter -A INPUT -j DROP"
}

var (
	counters = regexp.MustCompile(`^\[\d+:\d+\] | \[\d+:\d+\]$`)
	open     = regexp.MustCompile(`^:(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) ACCEPT$`)
)

// parseRuleset reads the sections "== iptables" and "== ip6tables". Text that is no complete
// ruleset is an error: a snapshot that was cut short would make any host look clean.
func parseRuleset(text string) (*ruleset, error) {
	r := &ruleset{}
	family, table := "", ""
	var lines []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, isTable := strings.CutPrefix(line, "*")
		section, isSection := strings.CutPrefix(line, "== ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case isSection && table == "":
			family = section
		case isTable && name != "" && table == "" && family != "":
			table, lines = name, nil
		case line == "COMMIT" && table != "":
			r.add(family, table, lines)
			table = ""
		case table != "" && !isTable && !isSection:
			lines = append(lines, counters.ReplaceAllString(line, ""))
		default:
			return nil, fmt.Errorf("unexpected line %q", line)
		}
	}
	if table != "" || family != "ip6tables" {
		return nil, errors.New("the ruleset ends too early")
	}
	return r, nil
}

// add takes in one table. Tables come in any order, so each line carries its table's name.
func (r *ruleset) add(family, table string, lines []string) {
	if !slices.ContainsFunc(lines, func(l string) bool { return !open.MatchString(l) }) {
		return
	}
	for _, line := range lines {
		r.lines = append(r.lines, family+" "+table+" "+line)
	}
}

// leftovers returns the chains that belong to any run of ours.
func (r *ruleset) leftovers() []string {
	var found []string
	for _, line := range r.lines {
		if strings.Contains(line, " :GNT-") {
			found = append(found, line)
		}
	}
	return found
}

// differences lists what is gone ("-") and what is new ("+") in now, or that the order changed.
func (r *ruleset) differences(now *ruleset) []string {
	if slices.Equal(r.lines, now.lines) {
		return nil
	}
	var found []string
	for _, line := range surplus(r.lines, now.lines) {
		found = append(found, "- "+line)
	}
	for _, line := range surplus(now.lines, r.lines) {
		found = append(found, "+ "+line)
	}
	if len(found) == 0 {
		found = r.moved(now)
	}
	return found
}

// moved reports a change of nothing but order: harmless between tables, not between rules.
func (r *ruleset) moved(now *ruleset) []string {
	for _, of := range r.tables() {
		if was, is := r.table(of), now.table(of); !slices.Equal(was, is) {
			return []string{"order of the rules of " + strings.TrimSpace(of)}
		}
	}
	return nil
}

func (r *ruleset) tables() []string {
	var names []string
	for _, line := range r.lines {
		fields := strings.SplitN(line, " ", 3)
		names = append(names, fields[0]+" "+fields[1]+" ")
	}
	return slices.Compact(names)
}

func (r *ruleset) table(prefix string) []string {
	return slices.DeleteFunc(slices.Clone(r.lines),
		func(l string) bool { return !strings.HasPrefix(l, prefix) })
}

// surplus returns the lines of a that b has not, or has not as often.
func surplus(a, b []string) []string {
	have := map[string]int{}
	for _, line := range b {
		have[line]++
	}
	var rest []string
	for _, line := range a {
		if have[line]--; have[line] < 0 {
			rest = append(rest, line)
		}
	}
	return rest
}
