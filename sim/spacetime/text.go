package spacetime

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"gauntlet/history"
	"gauntlet/sim/trace"
)

// The shape of the text form.
const (
	mostLines   = 60 // of events
	laneWidth   = 6  // of a member's column, whose lane runs through its middle
	laneMiddle  = 2
	mostColumns = 160 // of the line of an event
)

const legend = `  | follower   ? candidate   # leader   : paused   (blank) down
  o-> heard   o-x dropped   o.> duplicate   * role   t time   w write   d durable   E disk error
  c commit   C call   R answer   X crash   ^ start   z pause   a again   ! what cannot be
  skip: so many events are left out before the line; times are virtual, in milliseconds
`

// text is the text form: a head, a legend, a table.
func (a *account) text(about About) string {
	var b strings.Builder
	if f := a.failure; f != nil {
		fmt.Fprintf(&b, "%s at %s: %s\n", f.Signature, milliseconds(f.At),
			shorten(f.Text, 4*mostColumns))
	} else {
		b.WriteString("nothing broke\n")
	}
	fmt.Fprintf(&b, "seed %d, %s\n", about.Seed, strings.Join(facts(a, about), ", "))
	if about.Replay != "" {
		fmt.Fprintf(&b, "replay: %s\n", about.Replay)
	}
	b.WriteString("\n" + legend + "\n")
	fmt.Fprintf(&b, "%12s %6s ", "at", "skip")
	for _, name := range a.nodes {
		fmt.Fprintf(&b, "%-*s", laneWidth, shorten(strings.Repeat(" ", laneMiddle)+name, laneWidth))
	}
	b.WriteString(" event\n")
	last := -1
	lanes := a.conditions(0)
	for _, i := range a.lines() {
		for _, r := range a.records[last+1 : i] {
			if r.Node >= 0 {
				lanes[r.Node].follow(&r)
			}
		}
		b.WriteString(a.line(i, last, lanes))
		if r := &a.records[i]; r.Node >= 0 {
			lanes[r.Node].follow(r)
		}
		last = i
	}
	return b.String()
}

// lines chooses the records that the text tells, of those that could have influenced the failure:
// first what is worth a moment of the story, then the latest.
func (a *account) lines() []int {
	past := a.past(a.focus)
	ended := make(map[int]bool) // sends whose line is that of their end
	for i := 0; i <= a.focus; i++ {
		r := &a.records[i]
		if r.Kind == trace.Deliver || r.Kind == trace.Drop || r.Kind == trace.Synced {
			ended[r.Cause] = true
		}
	}
	worth := make(map[int]bool)
	for _, m := range a.story() {
		worth[m.Record] = true
	}
	rank := make(map[int]int)
	var list []int
	for i := 0; i <= a.focus; i++ {
		r := &a.records[i]
		lost := r.Kind == trace.Drop && r.Cause >= 0 && past[r.Cause]
		switch {
		case worth[i] || a.violates(r.Operation):
			rank[i] = 0
		case !past[i] && !lost, ended[i], r.Kind == trace.Send, r.Kind == trace.Timer,
			isHeartbeat(a.message(r)):
			continue
		default:
			rank[i] = 1
		}
		list = append(list, i)
	}
	slices.SortFunc(list, func(i, j int) int {
		return cmp.Or(cmp.Compare(rank[i], rank[j]), cmp.Compare(j, i))
	})
	list = list[:min(len(list), mostLines)]
	slices.Sort(list)
	return list
}

// line is one record: its time, how many are left out before it, the lanes, and what happened.
func (a *account) line(i, last int, lanes []condition) string {
	r := &a.records[i]
	skip := ""
	if n := i - last - 1; n > 0 {
		skip = fmt.Sprintf("+%d", n)
	}
	at, _ := strings.CutSuffix(milliseconds(r.At), " ms")
	text := a.tell(r)
	if r.Kind == trace.Deliver && r.Cause >= 0 {
		text = fmt.Sprintf("%s, sent %s before", text, milliseconds(r.At-a.records[r.Cause].At))
	}
	return shorten(strings.TrimRight(fmt.Sprintf("%12s %6s %s %s", at, skip,
		a.cells(r, i, lanes), text), " "), mostColumns) + "\n"
}

// cells draws the lanes at the instant of a record.
func (a *account) cells(r *trace.Record, i int, lanes []condition) string {
	cells := []rune(strings.Repeat(" ", laneWidth*len(lanes)))
	middle := func(node int) int { return node*laneWidth + laneMiddle }
	for node, c := range lanes {
		cells[middle(node)] = c.rune()
	}
	if i == a.focus && a.failure != nil {
		for _, node := range a.failureNodes() {
			cells[middle(node)] = '!'
		}
	}
	if r.Node < 0 {
		return string(cells)
	}
	if mark, known := marks[r.Kind]; known {
		cells[middle(r.Node)] = mark
	}
	if r.Peer >= 0 && r.Peer != r.Node && (r.Kind == trace.Deliver || r.Kind == trace.Drop) {
		drawArrow(cells, middle(r.Peer), middle(r.Node), r.Kind == trace.Drop, a.isCopy(i))
	}
	return string(cells)
}

// drawArrow draws from a lane's middle to just before another's, or half way and an x.
func drawArrow(cells []rune, from, to int, dropped, copied bool) {
	step, head, stroke := 1, '>', '-'
	if to < from {
		step, head = -1, '<'
	}
	if copied {
		stroke = '.'
	}
	end := to - step
	if dropped {
		end, head = (from+to)/2, 'x'
	}
	for x := from + step; x != end; x += step {
		cells[x] = stroke
	}
	cells[from], cells[end] = 'o', head
}

// isCopy reports whether a delivery or drop is that of a message's second copy.
func (a *account) isCopy(i int) bool {
	cause := a.records[i].Cause
	return cause >= 0 && a.records[cause].Kind == trace.Duplicate
}

// marks stand on the lane of what happened to one member.
var marks = map[trace.Kind]rune{
	trace.Timer: 't', trace.Write: 'w', trace.Synced: 'd', trace.DiskError: 'E', trace.Crash: 'X',
	trace.Start: '^', trace.Refused: 'X', trace.Pause: 'z', trace.Resume: 'a', trace.Role: '*',
	trace.Commit: 'c', trace.Call: 'C', trace.Return: 'R', trace.Violation: '!',
	trace.Snapshot: 'S',
}

// rune is how a lane looks.
func (c condition) rune() rune {
	switch {
	case c.Down:
		return ' '
	case c.Paused:
		return ':'
	case c.Role == string(history.RoleLeader):
		return '#'
	case c.Role == string(history.RoleCandidate), c.Role == string(history.RolePreCandidate):
		return '?'
	}
	return '|'
}
