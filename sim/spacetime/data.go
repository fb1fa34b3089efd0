package spacetime

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"gauntlet/history"
	"gauntlet/sim/trace"
)

// data is what the page's script draws, as JSON. Times are integer nanoseconds.
type data struct {
	Nodes      []string    `json:"nodes"`
	From       int64       `json:"from"`
	To         int64       `json:"to"`
	Begin      []condition `json:"begin"`
	Labels     []string    `json:"labels"` // each once; records and operations name them by index
	Records    [][]int64   `json:"records"`
	Operations [][]int64   `json:"operations"`
	Focus      int         `json:"focus"` // the record to look at first; -1: none
	Failed     bool        `json:"failed"`
	Accused    []int       `json:"accused"` // lanes that the failure is about
}

// labels keeps each text once.
type labels struct {
	index map[string]int64
	list  []string
	short bool
}

func (l *labels) add(text string) int64 {
	if l.short {
		text = shorten(text, mostLetters)
	}
	i, known := l.index[text]
	if !known {
		i = int64(len(l.list))
		l.index[text], l.list = i, append(l.list, text)
	}
	return i
}

func newData(a *account, w window) data {
	s := a.span(w)
	l := &labels{index: make(map[string]int64), short: w.short}
	l.add("")
	d := data{
		Nodes: append([]string{}, a.nodes...), From: int64(s.From), To: int64(s.To), Begin: w.begin,
		Records: [][]int64{}, Operations: [][]int64{}, Focus: -1, Failed: a.failure != nil,
		Accused: append([]int{}, a.failureNodes()...),
	}
	places := make(map[int]int, len(w.keep)) // of records on the page
	last, at := -1, time.Duration(0)
	for n, i := range w.keep {
		r := &a.records[i]
		text := r.Label
		if r.Kind == trace.Role {
			text = r.Role
		}
		row := []int64{int64(i - last), int64(r.At - at), int64(r.Kind), int64(r.Node + 1),
			int64(r.Peer + 1), l.add(text), int64(r.Term), int64(r.Index), r.Operation, int64(r.Fault)}
		d.Records = append(d.Records, trim(appendCauses(row, a.causes[i], places, n)))
		places[i], last, at = n, i, r.At
	}
	if place, kept := places[a.focus]; kept {
		d.Focus = place
	}
	for _, op := range w.operations {
		d.Operations = append(d.Operations, operationRow(a, &op, l))
	}
	d.Labels = l.list
	return d
}

// appendCauses adds how far back on the page each cause stands; 0 for a Cause that there is not, or
// that was left out.
func appendCauses(row []int64, causes []int, places map[int]int, n int) []int64 {
	for k, cause := range causes {
		place, kept := places[cause]
		switch {
		case kept:
			row = append(row, int64(n-place))
		case k == 0:
			row = append(row, 0)
		}
	}
	return row
}

// trim leaves out the zeros at the end of a row.
func trim(row []int64) []int64 {
	for len(row) > 0 && row[len(row)-1] == 0 {
		row = row[:len(row)-1]
	}
	return row
}

// outcomes are the outcomes of operations, as rows name them.
var outcomes = []history.Outcome{
	"", history.OutcomeOK, history.OutcomeFail, history.OutcomeInfo,
}

func operationRow(a *account, op *history.Operation, l *labels) []int64 {
	violates := int64(0)
	if a.violates(op.ID) {
		violates = 1
	}
	return trim([]int64{op.ID, int64(op.Process), int64(slices.Index(a.nodes, op.Node) + 1),
		int64(op.Call), int64(op.Return), int64(max(slices.Index(outcomes, op.Outcome), 0)),
		l.add(op.Kind), l.add(op.Key), l.add(compact(op.Input)), l.add(compact(op.Output)),
		l.add(op.Error), violates})
}

// compact writes a workload's input or output as people do: {"value":3} is 3, {"old":1,"new":2} is
// old 1 new 2.
func compact(raw json.RawMessage) string {
	var members map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &members) != nil {
		return string(raw)
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	if len(names) == 1 {
		return string(members[names[0]])
	}
	var text []byte
	for i, name := range names {
		if i > 0 {
			text = append(text, ' ')
		}
		text = fmt.Appendf(text, "%s %s", name, members[name])
	}
	return string(text)
}

// shorten cuts a text to so many letters.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
