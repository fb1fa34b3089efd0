package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gauntlet/checker"
	"gauntlet/exchange/jepsen"
	"gauntlet/history"
	"gauntlet/report"
	"gauntlet/workload"
)

// FileFlags are what a check of a history in a file can be told.
type FileFlags struct {
	Model            string        `placeholder:"M" help:"Judge a file, as a history of M."`
	Total            *int64        `placeholder:"N" help:"bank: what all balances sum to."`
	NegativeBalances bool          `help:"bank: balances may lie below 0."`
	Linearizable     bool          `help:"set, set-full: no element may be missed for a while."`
	Budget           time.Duration `default:"1m" help:"How long the check of a key may take."`
	Memory           uint64        `default:"4096" placeholder:"MiB" help:"How much it may take."`
	JSON             bool          `help:"Print the result as JSON."`
	Draw             string        `placeholder:"FILE" help:"Draw a violation, as a page."`
}

// judged is the answer about a history in a file, as --json prints it.
type judged struct {
	File     string          `json:"file"`
	Model    string          `json:"model"`
	Verdict  checker.Verdict `json:"verdict"`
	Exit     int             `json:"exit"`
	Result   checker.Result  `json:"result"`
	Evidence []evidence      `json:"evidence,omitempty"`
	Notes    []string        `json:"notes,omitempty"`    // what was assumed or counted on the way
	Warnings []string        `json:"warnings,omitempty"` // of the reader

	history *history.History
}

// evidence is one operation of a violation in words. Times are nanoseconds as in the history.
type evidence struct {
	ID       int64         `json:"id"`
	Process  int           `json:"process"`
	Key      string        `json:"key,omitempty"`
	Call     time.Duration `json:"call"`
	Return   time.Duration `json:"return"` // meaningless if it is open
	Open     bool          `json:"open,omitempty"`
	Asked    string        `json:"asked"`
	Answered string        `json:"answered"`
}

// judgeFile reads a history and checks it. Whatever is wrong with the file or the flags is the
// user's to know: exit 64. If the file's operations are of nobody, the answer is unknown.
func (f *FileFlags) judgeFile(path string) (*judged, error) {
	refuse := func(err error) (*judged, error) { return nil, &exitError{exitUsage, err} }
	model := checker.Foreign{
		Model: f.Model, Total: f.Total, Negative: f.NegativeBalances,
		Linearizable: f.Linearizable,
	}
	if err := model.Valid(); err != nil {
		return refuse(fmt.Errorf("--model: %w", err))
	}
	file, err := os.Open(path)
	if err != nil {
		return refuse(err)
	}
	defer file.Close()
	h, err := jepsen.Read(file, path, f.Model)
	var skipped *jepsen.SkippedError
	switch {
	case errors.As(err, &skipped):
		return &judged{
			File: path, Model: f.Model, Exit: checker.ExitInconclusive, history: &history.History{},
			Result: checker.Result{Reason: skipped.Error()},
		}, nil
	case err != nil:
		return refuse(err)
	}
	if err := h.Valid(); err != nil {
		return refuse(errors.New(visible(fmt.Sprintf("%s: %v", path, err))))
	}
	j := &judged{
		File: path, Model: f.Model, Warnings: h.Warnings, history: h,
	}
	err = fmt.Errorf("no answer within %d MiB", f.Memory)
	done := within(f.Memory<<20, func() func() {
		result, notes, problem := model.Check(h, f.Budget)
		return func() { j.Result, j.Notes, err = result, notes, problem }
	})
	switch {
	case !done:
		j.Result.Reason = err.Error()
	case err != nil:
		return refuse(errors.New(visible(fmt.Sprintf("%s: %v", path, err))))
	}
	j.Verdict = j.Result.Verdict
	j.Exit = map[checker.Verdict]int{
		checker.Valid: checker.ExitValid, checker.Invalid: checker.ExitViolation,
		checker.Unknown: checker.ExitInconclusive,
	}[j.Verdict]
	j.Evidence = evidenceOf(f.Model, h, j.Result.Violation)
	return j, nil
}

// within runs work, and then what work returns, which may keep the outcome. If the process comes to
// hold more than so many bytes, work is left alone and within is false. Work cannot be stopped, so
// the process should end soon.
func within(most uint64, work func() (keep func())) bool {
	done := make(chan func(), 1)
	go func() { done <- work() }()
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case keep := <-done:
			keep()
			return true
		case <-ticks.C:
			var stats runtime.MemStats
			if runtime.ReadMemStats(&stats); stats.HeapInuse > most {
				return false
			}
		}
	}
}

// evidenceOf puts the operations of a violation into words, in the order of their calls.
func evidenceOf(
	model string, h *history.History, violation *checker.Violation,
) []evidence {
	if violation == nil {
		return nil
	}
	var list []evidence
	for _, op := range h.Operations {
		if !slices.Contains(violation.Operations, op.ID) || op.Key != violation.Key {
			continue
		}
		e := evidence{
			ID: op.ID, Process: op.Process, Key: op.Key, Call: op.Call, Return: op.Return,
			Open: op.Outcome != history.OutcomeOK && op.Outcome != history.OutcomeFail,
		}
		e.Asked, e.Answered = words(model, op)
		list = append(list, e)
	}
	return list
}

// when is from when to when the operation took: in times, or in records where that is all that is
// known of them.
func (e evidence) when(untimed bool) string {
	stamp := func(t time.Duration) string {
		if untimed {
			return strconv.FormatInt(int64(t), 10)
		}
		return t.String()
	}
	from, until := stamp(e.Call), "..."
	if untimed {
		from = "record " + from
	}
	if !e.Open {
		until = stamp(e.Return)
	}
	return fmt.Sprintf("%12s to %-12s", from, until)
}

// visible shows what cannot be seen, and might move a terminal's cursor, as Go would quote it.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
	}
	return b.String()
}

// words puts an operation into words, by its workload if it is one of ours, or else as it stands.
func words(model string, op history.Operation) (asked, answered string) {
	name, _, _ := strings.Cut(strings.TrimPrefix(model, "cas-"), "(")
	if ours, err := workload.Find(name); err == nil && bytes.HasPrefix(op.Input, []byte("{")) {
		return ours.Describe(op)
	}
	asked, answered = workload.Model{}.Describe(op)
	asked = strings.TrimSuffix(asked, " null")
	if echo := string(op.Output) == string(op.Input); op.Outcome == history.OutcomeOK && echo {
		answered = "ok"
	}
	return asked, answered
}

// mostShown is how many operations of a violation are printed for a person.
const mostShown = 20

// print writes the answer for a person.
func (j *judged) print(out io.Writer) error {
	var b strings.Builder
	headline := map[checker.Verdict]string{
		checker.Valid: "VALID", checker.Invalid: "VIOLATION", checker.Unknown: "INCONCLUSIVE",
	}
	fmt.Fprintf(&b, "%s   %s, %s, %s\n", headline[j.Verdict], visible(j.File),
		j.operations(), visible(j.Model))
	fmt.Fprintf(&b, "  %s\n\n", visible(j.Result.Reason))
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-10s%s\n", name, visible(text))
		}
	}
	if v := j.Result.Violation; v != nil {
		row("class", string(v.Class))
	}
	engine, why := j.decided()
	row("engine", engine)
	row("why", why)
	untimed := jepsen.Untimed(j.history)
	for i, e := range j.Evidence {
		if hidden := len(j.Evidence) - mostShown; i == mostShown/2 && hidden > 0 {
			row("evidence", fmt.Sprintf("... and %d more: see --json", hidden))
		}
		if i >= mostShown/2 && i < len(j.Evidence)-mostShown/2 && len(j.Evidence) > mostShown {
			continue
		}
		row("evidence", fmt.Sprintf("#%-5d process %-4d %s  %s: %s", e.ID, e.Process, e.when(untimed),
			e.Asked, e.Answered))
	}
	for _, note := range j.Notes {
		row("note", note)
	}
	for _, warning := range j.Warnings {
		row("warning", warning)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// operations counts the operations of the history.
func (j *judged) operations() string {
	if n := len(j.history.Operations); n != 1 {
		return fmt.Sprintf("%d operations", n)
	}
	return "1 operation"
}

// decided names the engine that the verdict hangs on, and says why it was this one: that of the
// first key with that verdict, and how many keys others decided.
func (j *judged) decided() (engine, why string) {
	count := map[string]int{}
	for _, k := range j.Result.Keys {
		if k.Verdict == j.Verdict && engine == "" {
			engine, why = k.Engine, k.Why
		}
		count[k.Engine]++
	}
	if len(j.Result.Keys) < 2 {
		return engine, why
	}
	var others []string
	for name, n := range count {
		others = append(others, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(others)
	return fmt.Sprintf("%s (keys by engine: %s)", engine, strings.Join(others, ", ")), why
}

// conclude draws a violation, if that is asked for, prints the answer and ends with its exit code.
func (j *judged) conclude(out io.Writer, asJSON bool, drawing string) error {
	unkept := j.draw(drawing)
	write := j.print
	if asJSON {
		write = func(out io.Writer) error {
			encode := json.NewEncoder(out)
			encode.SetIndent("", "  ")
			encode.SetEscapeHTML(false)
			return encode.Encode(j)
		}
	}
	if err := write(out); err != nil {
		return err
	}
	if j.Exit != 0 {
		return &exitError{j.Exit, unkept}
	}
	return nil
}

// draw writes the page of a violation. Of any other answer there is nothing to draw.
func (j *judged) draw(path string) error {
	violation := j.Result.Violation
	if path == "" || violation == nil {
		return nil
	}
	engine, why := j.decided()
	facts := []string{j.operations(), j.Model, engine}
	if why != "" {
		facts = append(facts, why)
	}
	page, err := report.Counterexample{
		Title: filepath.Base(j.File), Facts: facts, Violation: violation,
		History: j.history,
		Words: func(op history.Operation) (asked, answered string) {
			return words(j.Model, op)
		},
	}.HTML()
	if err != nil {
		return err
	}
	return os.WriteFile(path, page, 0o644)
}
