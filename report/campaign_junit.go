package report

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"gauntlet/checker"
)

// JUnit renders a campaign as JUnit XML: one test case a cell, and one for the campaign itself.
// What the target did wrong (exit codes 1 and 2) is a failure, what kept us from knowing, or from
// leaving the hosts as they were (3 to 6), an error, and what the place lacks skips a case.
func (c *Campaign) JUnit() ([]byte, error) {
	s := junitSuite{
		Name: c.Name, Time: inSeconds(c.Took),
		Properties: []junitProperty{
			{"night", c.Night}, {"place", c.Place}, {"seed", fmt.Sprint(c.Seed)},
			{"exit", fmt.Sprint(c.Exit)}, {"flaky", fmt.Sprint(c.Flaky)},
		},
	}
	for _, cell := range c.Cells {
		s.cell(cell)
	}
	for _, skip := range c.Skipped {
		s.take(junitCase{Class: s.Name + "." + skip.Label, Name: "skipped", Time: inSeconds(0),
			Skipped: &junitSkipped{"the place lacks " + strings.Join(skip.Missing, ", ")}})
	}
	for _, gap := range c.NotRun {
		if name := "never run"; gap.Never || gap.Cells > 0 {
			if !gap.Never {
				name = "not run under " + plural(gap.Cells, "more seed")
			}
			text := name + ": " + c.Stopped
			s.take(junitCase{Class: s.Name + "." + gap.Label, Name: name, Time: inSeconds(0),
				Error: &junitTrouble{Message: text, Type: "inconclusive", Text: text}})
		}
	}
	whole := junitCase{Class: s.Name, Name: "campaign", Time: inSeconds(c.Took),
		Output: strings.Join(append(slices.Clone(c.Shows), c.Warnings...), "\n")}
	if c.GoOn != "" {
		text := c.Stopped + "\ngo on with it: " + c.GoOn
		whole.Error = &junitTrouble{Message: c.Stopped, Type: "unfinished", Text: text}
	}
	s.take(whole)
	out, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{s}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("junit: %w", err)
	}
	return append([]byte(xml.Header), append(out, '\n')...), nil
}

// cell adds the case of one cell. All that its runs have to say stands in it, also where the last
// was valid.
func (s *junitSuite) cell(cell CampaignCell) {
	one := junitCase{Class: s.Name + "." + cell.Label, Name: fmt.Sprintf("%s seed %d", cell.ID,
		cell.Seed)}
	var lines []string
	var took float64
	message := ClassName(cell.Class)
	for _, a := range cell.Attempts {
		took += a.Took.Seconds()
		if a.Class == cell.Class && a.Lost == "" && len(a.Reasons) > 0 && message == ClassName(a.Class) {
			message = a.Reasons[0]
		}
		if cell.Clean {
			continue
		}
		lines = append(lines, fmt.Sprintf("run %d: %s", a.Number, a.words()))
		if a.Directory != "" {
			lines = append(lines, "  "+a.Directory)
		}
	}
	one.Time = fmt.Sprintf("%.3f", took)
	if !cell.Clean {
		lines = append([]string{cell.Verdict()}, append(lines, "again: "+cell.Again)...)
	}
	text := strings.Join(lines, "\n")
	trouble := &junitTrouble{Message: message, Type: ClassName(cell.Class), Text: text}
	switch {
	case len(cell.Skipped) > 0:
		one.Skipped = &junitSkipped{"the place lacks " + strings.Join(cell.Skipped, ", ")}
	case len(cell.counted()) == 0:
		trouble.Message, trouble.Type = "not run", "inconclusive"
		one.Error = trouble
	case cell.Class == checker.ExitValid:
		one.Output = text
	case cell.Class == checker.ExitViolation || cell.Class == checker.ExitGate:
		one.Failure = trouble
	default:
		one.Error = trouble
	}
	s.take(one)
}

func (s *junitSuite) take(c junitCase) {
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}
