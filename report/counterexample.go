package report

import (
	"bytes"
	"fmt"
	"html/template"

	"gauntlet/checker"
	"gauntlet/history"
)

// Counterexample is one violation of a history that no run made: what a person wants to see of it.
type Counterexample struct {
	Title     string // what was judged
	Facts     []string
	Violation *checker.Violation
	History   *history.History
	// Words puts an operation into words: what it asked, and what it was answered.
	Words func(history.Operation) (asked, answered string)
}

// counterexamplePage is what counterexample.gohtml shows.
type counterexamplePage struct {
	Style         template.CSS
	Title         string
	Class         string
	Facts         []string
	Contradiction *contradiction
}

// HTML draws a counterexample as one self-contained page, without script and without a link to
// anywhere. Only the operations that contradict each other are drawn, however long the history is.
func (c Counterexample) HTML() ([]byte, error) {
	if c.Violation == nil {
		return nil, fmt.Errorf("report: %s shows no violation to draw", c.Title)
	}
	style, _ := files.ReadFile("style.css") // embedded: cannot be missing
	v := &view{Results: new(checker.Results), history: c.History, words: c.Words}
	page := counterexamplePage{
		Style: template.CSS(style), Title: c.Title, Class: string(c.Violation.Class),
		Facts: c.Facts, Contradiction: newContradiction(v, c.Violation),
	}
	var b bytes.Buffer
	if err := pageTemplate.ExecuteTemplate(&b, "counterexample.gohtml", page); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return b.Bytes(), nil
}
