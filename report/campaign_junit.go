package report

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"gauntlet/checker"
)

// The parts of JUnit XML that a campaign writes: as those of one run, and what was skipped.
type (
	campaignSuites struct {
		XMLName xml.Name      `xml:"testsuites"`
		Suite   campaignSuite `xml:"testsuite"`
	}
	campaignSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"` // seconds
		Properties []junitProperty `xml:"properties>property"`
		Cases      []campaignCase  `xml:"testcase"`
	}
	campaignCase struct {
		Class   string           `xml:"classname,attr"`
		Name    string           `xml:"name,attr"`
		Time    string           `xml:"time,attr"` // seconds
		Failure *junitTrouble    `xml:"failure"`
		Error   *junitTrouble    `xml:"error"`
		Skipped *campaignSkipped `xml:"skipped"`
		Output  string           `xml:"system-out,omitempty"`
	}
	campaignSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit renders a campaign as JUnit XML: one test case a cell, and one for the campaign itself.
// What the target did wrong (exit codes 1 and 2) is a failure, what kept us from knowing, or from
// leaving the hosts as they were (3 to 6), an error, and what the place lacks skips a case.
func (c *Campaign) JUnit() ([]byte, error) {
	s := campaignSuite{
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
		s.take(campaignCase{Class: s.Name + "." + skip.Label, Name: "skipped", Time: inSeconds(0),
			Skipped: &campaignSkipped{"the place lacks " + strings.Join(skip.Missing, ", ")}})
	}
	for _, gap := range c.NotRun {
		if name := "never run"; gap.Never || gap.Cells > 0 {
			if !gap.Never {
				name = "not run under " + plural(gap.Cells, "more seed")
			}
			text := name + ": " + c.Stopped
			s.take(campaignCase{Class: s.Name + "." + gap.Label, Name: name, Time: inSeconds(0),
				Error: &junitTrouble{Message: text, Type: "inconclusive", Text: text}})
		}
	}
	whole := campaignCase{Class: s.Name, Name: "campaign", Time: inSeconds(c.Took),
		Output: strings.Join(append(slices.Clone(c.Shows), c.Warnings...), "\n")}
	if c.GoOn != "" {
		text := c.Stopped + "\ngo on with it: " + c.GoOn
		whole.Error = &junitTrouble{Message: c.Stopped, Type: "unfinished", Text: text}
	}
	s.take(whole)
	out, err := xml.MarshalIndent(campaignSuites{Suite: s}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("junit: %w", err)
	}
	return append([]byte(xml.Header), append(out, '\n')...), nil
}

// cell adds the case of one cell. All that its runs have to say stands in it, also where the last
// was valid.
func (s *campaignSuite) cell(cell CampaignCell) {
	one := campaignCase{Class: s.Name + "." + cell.Label, Name: fmt.Sprintf("%s seed %d", cell.ID,
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
		one.Skipped = &campaignSkipped{"the place lacks " + strings.Join(cell.Skipped, ", ")}
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

func (s *campaignSuite) take(c campaignCase) {
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
