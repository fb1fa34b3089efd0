package report

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"gauntlet/checker"
)

// The part of JUnit XML that every reader of it knows.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"` // seconds
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"` // seconds
		Failure *junitTrouble `xml:"failure"`
		Error   *junitTrouble `xml:"error"`
		Skipped *junitSkipped `xml:"skipped"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitTrouble struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit renders results as JUnit XML: one test case a check and a gate, and one each for the guard,
// the harness and the clean-up. What the target did wrong (exit codes 1 and 2) is a failure; what
// kept us from knowing, or from leaving the hosts as they were (3 to 6), is an error. Where there
// was no run, for lack of capabilities, each of them is a skipped case. What clients saw, and
// whether an incident was seen again, is told by properties.
func JUnit(results *checker.Results) ([]byte, error) {
	suite := junitSuite{
		Name: results.Suite,
		Time: inSeconds(results.Summary.Duration),
		Properties: []junitProperty{
			{"run", results.Run}, {"place", results.Place}, {"seed", fmt.Sprint(results.Seed)},
			{"verdict", results.Verdict.String()}, {"exit", fmt.Sprint(results.Exit)},
		},
	}
	suite.Properties = append(suite.Properties, measured(&results.Summary)...)
	if r := results.Reproduced; r != nil {
		suite.Properties = append(suite.Properties, junitProperty{"incident", r.Title},
			junitProperty{"reproduced", fmt.Sprint(r.Matched)}, junitProperty{"reproduced-why", r.Why})
	}
	for _, capability := range results.Skipped {
		suite.Tests, suite.Skipped = suite.Tests+1, suite.Skipped+1
		suite.Cases = append(suite.Cases, junitCase{Class: suite.Name + ".capability",
			Name: capability, Time: inSeconds(0),
			Skipped: &junitSkipped{"the place lacks " + capability}})
	}
	for _, check := range results.Checks {
		suite.add("check", check, "violation")
	}
	for _, gate := range results.Gates {
		suite.add("gate", gate, "missed")
	}
	suite.trouble("guard", results.Refused)
	suite.trouble("harness", results.Harness)
	suite.trouble("clean-up", results.Cleanup)
	out, err := xml.MarshalIndent(junitSuites{Suites: []junitSuite{suite}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("junit: %w", err)
	}
	return append([]byte(xml.Header), append(out, '\n')...), nil
}

// measured is what clients saw, in seconds, as far as the results know it: older ones do not.
func measured(s *checker.Summary) []junitProperty {
	var all []junitProperty
	add := func(name, value string) { all = append(all, junitProperty{name, value}) }
	if load := s.Load; load.Window > 0 {
		add("load.available-permille", fmt.Sprint(load.Available))
		add("load.longest-gap", inSeconds(load.LongestGap))
		add("load.ok-per-second", fmt.Sprintf("%.3f", load.Throughput))
		for _, l := range load.Latency {
			add("load."+l.Kind+".p50", inMicros(l.P50))
			add("load."+l.Kind+".p99", inMicros(l.P99))
			add("load."+l.Kind+".max", inMicros(l.Max))
		}
	}
	if heal := slowest(s.Heals); heal != nil && heal.Available {
		add("recovery.slowest", inMicros(heal.After))
		if heal.Heard {
			add("recovery.transport", inMicros(heal.Transport))
			add("recovery.protocol", inMicros(heal.Protocol))
		}
	}
	return all
}

func (s *junitSuite) add(class string, r checker.Result, failure string) {
	var elapsed time.Duration
	for _, key := range r.Keys {
		elapsed += key.Elapsed
	}
	c := junitCase{Class: s.Name + "." + class, Name: r.Check, Time: inSeconds(elapsed)}
	switch r.Verdict {
	case checker.Valid:
		c.Output = r.Reason
	case checker.Invalid:
		c.Failure = &junitTrouble{Message: r.Reason, Type: failure, Text: r.Reason}
		s.Failures++
	default:
		c.Error = &junitTrouble{Message: r.Reason, Type: "unknown", Text: r.Reason}
		s.Errors++
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}

func (s *junitSuite) trouble(name string, troubles []string) {
	c := junitCase{Class: s.Name + ".run", Name: name, Time: inSeconds(0)}
	if len(troubles) > 0 {
		c.Error = &junitTrouble{
			Message: troubles[0], Type: name, Text: strings.Join(troubles, "\n"),
		}
		s.Errors++
	}
	s.Tests++
	s.Cases = append(s.Cases, c)
}

func inSeconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// inMicros are seconds of what may be shorter than a millisecond.
func inMicros(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
