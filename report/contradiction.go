package report

import (
	"fmt"
	"html/template"
	"math"
	"regexp"
	"slices"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
)

// contradiction is the evidence of a violation: a sentence, and a drawing of what contradicts
// itself.
type contradiction struct {
	Text       template.HTML // operation numbers are links
	Note       string
	Operations []operationRow
	Leaders    []history.Observation
	Term       uint64
	Drawing    drawing
	Porcupine  string // porcupine's own page, for an inner frame; "" if it is too large
}

// operationRow is one operation in the words of the table and of the drawing.
type operationRow struct {
	history.Operation
	Asked, Answered string
}

// drawing is the contradiction on an axis of its own, where every instant at which something
// began or ended has room: distances are compressed, and each is labelled with its true length.
type drawing struct {
	Width, Height float64
	Left          float64
	Rows          []drawnRow
	Marks         []mark
	Bands         []box
}

type drawnRow struct {
	Name, Detail string
	Bar          box
	Text         string
	TextX        float64
	Anchor       string
}

type mark struct {
	X     float64
	Label string // the time since the mark before
}

const (
	drawingLeft   = 190.0
	drawingRow    = 46.0
	drawingTop    = 30.0
	mostDrawn     = 24
	porcupineMost = 2 << 20 // bytes of porcupine's page
	porcupineTime = 5 * time.Second
	porcupineOps  = 300 // more are not worth a search: the window is drawn alone
)

var operationNumber = regexp.MustCompile(`#(\d+)`)

// newContradiction draws one violation. It needs the history; without it only the sentence
// stays.
func newContradiction(v *view, violation *checker.Violation) *contradiction {
	escaped := template.HTMLEscapeString(violation.Text)
	linked := operationNumber.ReplaceAllString(escaped, `<a href="#op-$1">#$1</a>`)
	c := &contradiction{Text: template.HTML(linked), Term: violation.Term}
	if violation.Term > 0 || len(violation.Leaders) > 0 {
		c.Leaders = violation.Leaders
		c.Drawing = drawLeaders(v, violation)
		return c
	}
	for _, op := range v.history.Operations {
		if slices.Contains(violation.Operations, op.ID) {
			row := operationRow{Operation: op}
			row.Asked, row.Answered = v.words(op)
			c.Operations = append(c.Operations, row)
		}
	}
	slices.SortStableFunc(c.Operations, func(a, b operationRow) int { return int(a.Call - b.Call) })
	shown := c.Operations
	if len(shown) > mostDrawn {
		shown = shown[:mostDrawn]
		c.Note = fmt.Sprintf("The drawing shows the first %d of %d operations.", mostDrawn,
			len(c.Operations))
	}
	c.Drawing = drawOperations(v, shown)
	if v.model.Name != "" {
		c.Porcupine = porcupinePage(v, violation)
	}
	return c
}

// axis gives every instant a place: neighbours are at least a little apart, and the more the
// longer.
type axis struct {
	instants []time.Duration
	xs       []float64
}

func newAxis(instants []time.Duration, left, right float64) axis {
	slices.Sort(instants)
	a := axis{instants: slices.Compact(instants)}
	weights := make([]float64, len(a.instants))
	var total float64
	for i := 1; i < len(a.instants); i++ {
		millis := float64(a.instants[i]-a.instants[i-1]) / float64(time.Millisecond)
		weights[i] = 1 + math.Log2(1+millis)
		total += weights[i]
	}
	x := left
	for _, w := range weights {
		x += w / max(total, 1) * (right - left)
		a.xs = append(a.xs, round(x))
	}
	return a
}

// x places any instant, between the known ones by proportion.
func (a axis) x(at time.Duration) float64 {
	i, found := slices.BinarySearch(a.instants, at)
	switch {
	case found:
		return a.xs[i]
	case i == 0:
		return a.xs[0]
	case i == len(a.xs):
		return a.xs[i-1]
	}
	part := float64(at-a.instants[i-1]) / float64(a.instants[i]-a.instants[i-1])
	return round(a.xs[i-1] + part*(a.xs[i]-a.xs[i-1]))
}

func (a axis) marks() []mark {
	var marks []mark
	for i, x := range a.xs {
		m := mark{X: x}
		if i > 0 {
			m.Label = fits(seconds(a.instants[i]-a.instants[i-1]), x-a.xs[i-1]+8)
		}
		marks = append(marks, m)
	}
	return marks
}

func drawOperations(v *view, ops []operationRow) drawing {
	d := drawing{Width: timelineWidth, Left: drawingLeft}
	d.Height = drawingTop + drawingRow*float64(len(ops)) + 26
	var instants []time.Duration
	for _, op := range ops {
		instants = append(instants, op.Call)
		if answered(op.Operation) {
			instants = append(instants, op.Return)
		}
	}
	if len(instants) == 0 {
		return d
	}
	right := d.Width - 150
	axis := newAxis(instants, drawingLeft+12, right)
	for i, op := range ops {
		y := drawingTop + drawingRow*float64(i)
		row := drawnRow{
			Name:   fmt.Sprintf("#%d", op.ID),
			Detail: fmt.Sprintf("client %d", op.Process),
			Text:   op.Asked + " ⇒ " + op.Answered,
		}
		if op.Node != "" {
			row.Name += " on " + op.Node
		}
		end := right + 60
		class := "op " + op.Kind + " open"
		if answered(op.Operation) {
			end, class = axis.x(op.Return), "op "+op.Kind
		}
		x := axis.x(op.Call)
		row.Bar = box{X: x, Y: y + 8, W: max(round(end-x), 3), H: drawingRow - 16, Class: class}
		row.placeText(d.Width)
		d.Rows = append(d.Rows, row)
	}
	d.Marks = axis.marks()
	d.Bands = drawnFaults(v, axis, d.Height)
	return d
}

// placeText puts the row's text inside its bar, else to its right, else to its left; if it fits
// nowhere, as much of it as fits where there is most room. The table has all of it.
func (row *drawnRow) placeText(width float64) {
	const letter, margin = 7.4, 16.0
	bar := row.Bar
	need := float64(len([]rune(row.Text)))*letter + margin
	left, right := bar.X-drawingLeft, width-bar.X-bar.W
	if most := max(bar.W, left, right); need > most {
		letters := max(int((most-margin)/letter)-1, 0)
		row.Text = string([]rune(row.Text)[:letters]) + "…"
		need = most
	}
	switch {
	case need <= bar.W:
		row.TextX, row.Anchor = bar.X+bar.W/2, "middle"
	case need <= right:
		row.TextX, row.Anchor = bar.X+bar.W+8, "start"
	default:
		row.TextX, row.Anchor = bar.X-8, "end"
	}
}

func answered(op history.Operation) bool {
	return op.Outcome == history.OutcomeOK || op.Outcome == history.OutcomeFail
}

func drawnFaults(v *view, axis axis, height float64) []box {
	first, last := axis.instants[0], axis.instants[len(axis.instants)-1]
	var bands []box
	for _, f := range v.history.Faults {
		stop := f.Stop
		if stop == 0 {
			stop = v.Results.Summary.Duration
		}
		if !began(f) || f.Start > last || stop < first {
			continue
		}
		x := axis.x(f.Start)
		b := box{X: x, Y: 0, W: max(axis.x(stop)-x, 2), H: height, Class: "fault " + f.Kind}
		b.Label = fits(fmt.Sprintf("fault %d: %s", f.ID, faultName(f)), b.W)
		b.Title = fmt.Sprintf("fault %d: %s of %v", f.ID, faultName(f), f.Hosts)
		bands = append(bands, b)
	}
	return bands
}

// drawLeaders draws the reign of each leader of the term, as status showed it.
func drawLeaders(v *view, violation *checker.Violation) drawing {
	d := drawing{Width: timelineWidth, Left: drawingLeft}
	d.Height = drawingTop + drawingRow*float64(len(violation.Leaders)) + 26
	var instants []time.Duration
	spans := make([][]time.Duration, len(violation.Leaders))
	for i, leader := range violation.Leaders {
		spans[i] = []time.Duration{leader.At}
		for _, o := range v.history.Observations {
			if o.Node == leader.Node && o.Term == violation.Term && o.Source == leader.Source &&
				o.Role == history.RoleLeader {
				spans[i] = append(spans[i], o.At)
			}
		}
		instants = append(instants, slices.Min(spans[i]), slices.Max(spans[i]))
	}
	if len(instants) == 0 {
		return d
	}
	axis := newAxis(instants, drawingLeft+12, d.Width-150)
	for i, leader := range violation.Leaders {
		x, end := axis.x(slices.Min(spans[i])), axis.x(slices.Max(spans[i]))
		row := drawnRow{
			Name: leader.Node, Detail: "from its " + leader.Source,
			Text: fmt.Sprintf("leader of term %d", violation.Term),
			Bar: box{X: x, Y: drawingTop + drawingRow*float64(i) + 8, W: max(end-x, 4),
				H: drawingRow - 16, Class: fmt.Sprintf("op node%d", v.nodeColour(leader.Node))},
		}
		row.placeText(d.Width)
		d.Rows = append(d.Rows, row)
	}
	d.Marks = axis.marks()
	d.Bands = drawnFaults(v, axis, d.Height)
	return d
}

// porcupinePage is porcupine's drawing of the whole key, or of the window alone if that is too
// large.
func porcupinePage(v *view, violation *checker.Violation) string {
	var key, window []history.Operation
	for _, op := range v.history.Operations {
		if op.Key != violation.Key {
			continue
		}
		key = append(key, op)
		if slices.Contains(violation.Operations, op.ID) {
			window = append(window, op)
		}
	}
	for _, ops := range [][]history.Operation{key, window} {
		if len(ops) == 0 || len(ops) > porcupineOps {
			continue
		}
		page, err := checker.Visualise(v.model.Name, ops, porcupineTime)
		if err == nil && len(page) <= porcupineMost {
			return string(page)
		}
	}
	return ""
}
