package campaign

import (
	"fmt"
	"io"
	"strings"

	"gauntlet/checker"
)

// Text writes what came of a reproduction, for a person.
func (r *Reproduction) Text(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s, seed %d\n", r.Suite, r.Place, r.Seed)
	if r.Title != "" {
		fmt.Fprintf(&b, "%s\n", r.Title)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	if r.Stopped != "" {
		fmt.Fprintf(&b, "stopped early: %s\n", r.Stopped)
	}
	for i := range r.Sets {
		b.WriteString("\n")
		r.Sets[i].text(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// row writes one line of a side, under its answer.
func row(b *strings.Builder, name, format string, args ...any) {
	fmt.Fprintf(b, "    %-17s  %s\n", name, fmt.Sprintf(format, args...))
}

func (s *SetResult) text(b *strings.Builder) {
	if s.Options != "" {
		fmt.Fprintf(b, "%s\n", s.Options)
	}
	early := false
	for i := range s.Sides {
		side := &s.Sides[i]
		early = early || side.Early
		line := side.Headline()
		if side.Early && side.Counted > 0 {
			line += ", stopped early"
		}
		if len(s.Sides) > 1 {
			line = fmt.Sprintf("%c %s: %s", 'A'+i, side.Build, line)
		}
		fmt.Fprintf(b, "  %s\n", line)
		side.text(b)
	}
	switch {
	case s.Comparison != nil:
		fmt.Fprintf(b, "  B less A: %+.1f points, p = %.2g by Fisher's exact test\n",
			100*s.Comparison.Difference, s.Comparison.P)
		if early {
			fmt.Fprintf(b, "  p is for a number of runs fixed before: these were stopped early\n")
		}
	case len(s.Sides) > 1:
		fmt.Fprintf(b, "  B less A: not known, as one of them has no run that says anything\n")
	}
}

func (s *Side) text(b *strings.Builder) {
	if s.AsPromised != nil && *s.AsPromised {
		row(b, "as expected", "%s", s.Promised)
	} else if s.AsPromised != nil {
		row(b, "NOT AS EXPECTED", "%s", s.Promised)
	} else if s.Promised != "" {
		row(b, "expected", "%s: nobody can tell", s.Promised)
	}
	if s.Answer == NotReproduced {
		row(b, "to see it once", "at 95 %%: %d runs if it happens in 10 %% of them, %d if in 5 %%, "+
			"%d if in 1 %%", RunsToSee(0.1), RunsToSee(0.05), RunsToSee(0.01))
	}
	if s.Late > 0 {
		row(b, "recovered late", "in %d of %d", s.Late, s.Counted)
	}
	for _, outcome := range []Outcome{DifferentFailure, FaultNotEffective, HarnessError} {
		if count := s.outcomes(outcome); count > 0 {
			name := string(outcome)
			if !outcome.Counts() {
				name = "not counted"
			}
			row(b, name, "%s", s.named(outcome, count))
		}
	}
	if len(s.After) > 0 {
		row(b, "not counted", "%s under way when the set was done", plural(len(s.After), "run"))
	}
	if len(s.Trials) > 0 {
		row(b, "safety", "%s", s.safety())
	}
	for _, t := range s.all() {
		if len(t.Left) > 0 {
			row(b, "LEFT BEHIND", "run %d: %s", t.Run, strings.Join(t.Left, "; "))
		}
	}
	for _, outcome := range []Outcome{Reproduced, DifferentFailure, FaultNotEffective, HarnessError} {
		if t := s.shown(outcome); t != nil {
			row(b, "evidence", "run %d, seed %d, %s: %s", t.Run, t.Seed, outcome, t.Directory)
		}
	}
}

// named is how often an outcome came about, and why it first did.
func (s *Side) named(outcome Outcome, count int) string {
	line := plural(count, "run")
	if !outcome.Counts() {
		line += " of " + string(outcome)
	}
	for _, t := range s.Trials {
		if t.Outcome == outcome {
			return fmt.Sprintf("%s; run %d: %s", line, t.Run, t.Why)
		}
	}
	return line
}

// shown is the first run of an outcome that has left a directory.
func (s *Side) shown(outcome Outcome) *Trial {
	for _, t := range s.all() {
		if t.Outcome == outcome && t.Directory != "" {
			return &t
		}
	}
	return nil
}

// safety is what all runs together say of the promises that nothing excuses.
func (s *Side) safety() string {
	count := map[checker.Verdict]int{}
	all := s.all()
	for _, t := range all {
		count[t.Safety]++
	}
	line := ""
	if broken := count[checker.Invalid]; broken > 0 {
		line = fmt.Sprintf("VIOLATED in %d of %s", broken, plural(len(all), "run"))
		if unexpected := s.unexpected(); len(unexpected) > 0 {
			return line + "; " + unexpected[0]
		}
		return line + ", as the file says"
	}
	line = "valid in " + plural(count[checker.Valid], "run")
	if count[checker.Unknown] > 0 {
		line += fmt.Sprintf(", unknown in %d", count[checker.Unknown])
	}
	return line
}

func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
