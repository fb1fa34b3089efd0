// Package aggregate judges histories as Jepsen's own checkers of sets, counters and bank accounts
// do (jepsen.checker, jepsen.tests.bank): by bounds, sums and final reads, not by an order of all
// operations. What they let pass may still not be linearizable.
//
// The operations are those of one object, in the order of their calls. Kinds are Jepsen's :f names.
// Inputs are its values as JSON.
//
//	Set      add 3; read -> [1,3]                      the last read holds all that was acknowledged
//	SetFull  the same                                  each element, once it is known, stays
//	Counter  add 3, add -1; read -> 2                  each read lies between two sums
//	Bank     transfer {...}; read -> [[0,90],[1,10]]   money is neither made nor lost
package aggregate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// Result is what a check found. finding.Linearizable stands for "keeps what this check is about".
// Culprits are the operations that Text names.
type Result struct {
	finding.Finding
	Text  string   // one sentence: what is wrong, what is missing, or what was looked at
	Notes []string // what a person would ask next, one line each
}

// The kinds of operation that Jepsen's workloads have.
const (
	kindRead     = "read"
	kindAdd      = "add"
	kindTransfer = "transfer"
)

// kept is the result of a history that keeps its promise.
func kept(format string, args ...any) Result {
	return Result{
		Finding: finding.Finding{Answer: finding.Linearizable}, Text: fmt.Sprintf(format, args...),
	}
}

// several counts things of which there may be one: "1 read", "2 reads".
func several(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// open is the result of a history that shows nothing either way.
func open(format string, args ...any) Result {
	text := fmt.Sprintf(format, args...)
	return Result{Finding: finding.Finding{Why: text}, Text: text}
}

// broken is the result of a history in which these operations contradict the promise.
func broken(class finding.Class, culprits []int, format string, args ...any) Result {
	slices.Sort(culprits)
	return Result{
		Finding: finding.Finding{
			Answer: finding.Violation, Class: class, Culprits: slices.Compact(culprits),
		},
		Text: fmt.Sprintf(format, args...),
	}
}

// note adds a line, if it counts anything.
func (r *Result) note(count int, format string, args ...any) {
	if count > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
	}
}

// answered reports whether the operation was acknowledged, and so at Return.
func answered(op history.Operation) bool { return op.Outcome == history.OutcomeOK }

// refused reports whether the operation certainly never happened.
func refused(op history.Operation) bool { return op.Outcome == history.OutcomeFail }

// sensible is the error of the first operation whose kind the model does not have, or whose times
// cannot be.
func sensible(ops []history.Operation, model string, kinds ...string) error {
	for i, op := range ops {
		switch {
		case !slices.Contains(kinds, op.Kind):
			return fmt.Errorf("operation %d: kind %q: a %s knows %s", op.ID, op.Kind, model,
				strings.Join(kinds, " and "))
		case op.Outcome != "" && op.Return < op.Call:
			return fmt.Errorf("operation %d returned before it was called", op.ID)
		case i > 0 && op.Call < ops[i-1].Call:
			return fmt.Errorf("operation %d was called before operation %d, which precedes it",
				op.ID, ops[i-1].ID)
		}
	}
	return nil
}

// blank reports whether a value was not given: it is missing, or null.
func blank(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

// element is the text by which two equal elements are known as one.
func element(raw json.RawMessage) string {
	if !bytes.ContainsAny(raw, " \t\r\n") {
		return string(raw)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return string(raw)
	}
	return compact.String()
}

// elements reads what a read of a set returned. It is nil if nothing was returned, not even an
// empty set.
func elements(op history.Operation) ([]string, error) {
	if blank(op.Output) {
		return nil, nil
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(op.Output, &raw); err != nil {
		return nil, fmt.Errorf("operation %d: read of a set returned no collection: %s", op.ID,
			brief(op.Output))
	}
	list := make([]string, len(raw))
	for i, r := range raw {
		list[i] = element(r)
	}
	return list, nil
}

// brief is a value short enough for a line.
func brief(raw json.RawMessage) string {
	const most = 60
	if len(raw) <= most {
		return string(raw)
	}
	return strings.ToValidUTF8(string(raw[:most]), "") + "..."
}

// few names the first elements of a list, and counts the others.
func few(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}

// apart is a distance in time for people.
func apart(from, to time.Duration) string {
	switch d := to - from; {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	default:
		return d.String()
	}
}
