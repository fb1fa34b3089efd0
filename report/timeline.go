package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"gauntlet/history"
)

// The geometry of the timeline, in the units of its view box.
const (
	timelineWidth = 1200.0
	gutter        = 90.0 // names of the lanes
	rowHeight     = 22.0
	rateHeight    = 76.0
	laneHeight    = 40.0
	laneGap       = 7.0
	binWidth      = 3.0 // of the bars of operations
)

// timeline is the drawing of the run: phases, faults, who led, and what clients were told, over
// time.
type timeline struct {
	Width, Height float64
	Left, Right   float64
	Bottom        float64
	Phases        []box
	Faults        []box // the pills that name the faults
	Bands         []box // the same, through all lanes
	Leaders       []box
	LeaderY       float64
	Rate          rate
	Lanes         []lane
	Ticks         []tick
	Marks         []tick // violations
}

// box is a labelled rectangle. Its label is empty if it would not fit.
type box struct {
	X, Y, W, H float64
	Class      string
	Label      string
	Title      string
	Href       string
}

type tick struct {
	X     float64
	Label string
}

// rate is the chart of acknowledged operations per second, with the longest unavailability
// marked.
type rate struct {
	Y, H     float64
	Path     string
	Top      string
	Gap      box
	GapLabel float64
}

// lane is one node: its operations stacked by outcome, and when it was hit.
type lane struct {
	Name           string
	Y, H           float64
	OK, Fail, Info string // paths
	Hits           []box
}

// scale maps run time to x.
type scale struct {
	end  time.Duration
	bins int
}

func (s scale) x(at time.Duration) float64 {
	part := float64(at) / float64(max(s.end, 1))
	return round(gutter + part*(timelineWidth-gutter))
}

func (s scale) bin(at time.Duration) int {
	return min(max(int(float64(at)/float64(max(s.end, 1))*float64(s.bins)), 0), s.bins-1)
}

func (s scale) box(from, to time.Duration, y, h float64) box {
	x := s.x(from)
	return box{X: x, Y: y, W: max(round(s.x(to)-x), 1.5), H: h}
}

func round(v float64) float64 { return math.Round(v*10) / 10 }

// fits keeps a label that has room, at about 5.5 units a letter.
func fits(label string, width float64) string {
	if float64(len([]rune(label)))*5.5+10 > width {
		return ""
	}
	return label
}

func newTimeline(v *view) timeline {
	s := scale{end: v.Results.Summary.Duration, bins: int((timelineWidth - gutter) / binWidth)}
	t := timeline{Width: timelineWidth, Left: gutter, Right: timelineWidth}
	y := 4.0
	t.Phases = phaseBoxes(v.history, s, y)
	y += rowHeight + laneGap
	t.Faults, y = faultBoxes(v.history.Faults, s, y)
	t.LeaderY = y
	t.Leaders, y = leaderBoxes(v, s, y)
	t.Rate = rateChart(v, s, y)
	y += rateHeight + laneGap
	t.Lanes, y = nodeLanes(v, s, y)
	t.Bottom = y
	t.Ticks = ticks(s)
	t.Height = y + 24
	for _, pill := range t.Faults {
		band := pill
		band.Y, band.H, band.Label = pill.Y+pill.H, y-pill.Y-pill.H, ""
		t.Bands = append(t.Bands, band)
	}
	for _, at := range v.violations() {
		t.Marks = append(t.Marks, tick{X: s.x(at)})
	}
	return t
}

func phaseBoxes(h *history.History, s scale, y float64) []box {
	var boxes []box
	for i, phase := range h.Phases {
		to := s.end
		if i+1 < len(h.Phases) {
			to = h.Phases[i+1].At
		}
		b := s.box(phase.At, to, y, rowHeight)
		b.Class = "phase"
		b.Title = fmt.Sprintf("%s, %s to %s", phase.Name, seconds(phase.At), seconds(to))
		b.Label = fits(phase.Name, b.W)
		boxes = append(boxes, b)
	}
	return boxes
}

// faultBoxes puts each fault in the first row where it has room.
func faultBoxes(faults []history.Fault, s scale, y float64) ([]box, float64) {
	var boxes []box
	rows := rows{}
	ordered := slices.Clone(faults)
	slices.SortStableFunc(ordered, func(a, b history.Fault) int {
		return cmp.Compare(a.Start, b.Start)
	})
	for _, f := range ordered {
		if !began(f) {
			continue
		}
		to := f.Stop
		if to == 0 {
			to = s.end
		}
		b := s.box(f.Start, to, y, rowHeight-3)
		b.Y += rowHeight * float64(rows.place(b.X, b.X+b.W+2))
		b.Class, b.Href = "fault "+f.Kind, fmt.Sprintf("#fault-%d", f.ID)
		b.Title = fmt.Sprintf("fault %d: %s of %s, %s to %s", f.ID, faultName(f),
			strings.Join(f.Hosts, " "), seconds(f.Start), seconds(to))
		if details := faultDetails(f); len(details) > 0 {
			b.Title += ": " + strings.Join(details, ", ")
		}
		for _, label := range []string{
			faultName(f) + " " + strings.Join(f.Hosts, " "), faultName(f), fmt.Sprint(f.ID),
		} {
			if b.Label == "" {
				b.Label = fits(label, b.W)
			}
		}
		boxes = append(boxes, b)
	}
	if len(rows) > 0 {
		y += rowHeight*float64(len(rows)) + laneGap
	}
	return boxes, y
}

// rows remembers how far each row is taken.
type rows []float64

func (r *rows) place(from, to float64) int {
	for i := range *r {
		if (*r)[i] <= from {
			(*r)[i] = to
			return i
		}
	}
	*r = append(*r, to)
	return len(*r) - 1
}

// leaderBoxes draws who said to lead, from the first to the last claim that status showed.
// Claims that only a log knows have no time of their own and are listed under the timeline
// instead.
func leaderBoxes(v *view, s scale, y float64) ([]box, float64) {
	type reign struct {
		term     uint64
		node     string
		from, to time.Duration
	}
	var reigns []reign
	for _, o := range v.history.Observations {
		if o.Role != history.RoleLeader || o.Source == "log" {
			continue
		}
		i := slices.IndexFunc(reigns, func(r reign) bool {
			return r.term == o.Term && r.node == o.Node
		})
		if i < 0 {
			i = len(reigns)
			reigns = append(reigns, reign{o.Term, o.Node, o.At, o.At})
		}
		reigns[i].from, reigns[i].to = min(reigns[i].from, o.At), max(reigns[i].to, o.At)
	}
	slices.SortStableFunc(reigns, func(a, b reign) int { return cmp.Compare(a.from, b.from) })
	var boxes []box
	rows := rows{}
	for _, r := range reigns {
		b := s.box(r.from, r.to, y, rowHeight-3)
		b.Y += rowHeight * float64(rows.place(b.X, b.X+b.W))
		b.Class = fmt.Sprintf("leader node%d", v.nodeColour(r.node))
		b.Title = fmt.Sprintf("%s led term %d, seen from %s to %s", r.node, r.term,
			seconds(r.from), seconds(r.to))
		if b.Label = fits(fmt.Sprintf("%s · term %d", r.node, r.term), b.W); b.Label == "" {
			b.Label = fits(r.node, b.W)
		}
		boxes = append(boxes, b)
	}
	return boxes, y + rowHeight*float64(max(len(rows), 1)) + laneGap
}

func rateChart(v *view, s scale, y float64) rate {
	counts := make([]int, s.bins)
	top := 1
	for _, op := range v.history.Operations {
		if op.Outcome == history.OutcomeOK {
			i := s.bin(op.Return)
			counts[i]++
			top = max(top, counts[i])
		}
	}
	r := rate{Y: y, H: rateHeight}
	base := y + rateHeight
	var path strings.Builder
	fmt.Fprintf(&path, "M%g %g", gutter, base)
	for i, n := range counts {
		fmt.Fprintf(&path, "V%gH%g", round(base-float64(n)/float64(top)*(rateHeight-14)),
			round(gutter+float64(i+1)*binWidth))
	}
	fmt.Fprintf(&path, "V%gZ", base)
	r.Path = path.String()
	perBin := s.end.Seconds() / float64(s.bins)
	r.Top = fmt.Sprintf("%s/s at most", thousands(int(float64(top)/max(perBin, 1e-9))))
	if gap := v.Results.Summary.LongestGap; gap.Length() > 0 {
		r.Gap = s.box(gap.From, gap.To, y, rateHeight)
		r.Gap.Title = "longest unavailability: " + gapText(gap)
		r.Gap.Label = seconds(gap.Length())
		r.GapLabel = min(max(r.Gap.X+r.Gap.W/2, gutter+60), timelineWidth-60)
	}
	return r
}

// nodeLanes stacks the answers of each node's clients by outcome, at the time of the answer.
// Bars of one lane share a scale with those of all others.
func nodeLanes(v *view, s scale, y float64) ([]lane, float64) {
	outcomes := []history.Outcome{history.OutcomeOK, history.OutcomeFail, history.OutcomeInfo}
	counts := make(map[string][][3]int)
	top := 1
	for _, op := range v.history.Operations {
		bins := counts[op.Node]
		if bins == nil {
			bins = make([][3]int, s.bins)
			counts[op.Node] = bins
		}
		at, outcome := op.Return, slices.Index(outcomes, op.Outcome)
		if outcome < 0 {
			at, outcome = op.Call, 2
		}
		b := &bins[s.bin(at)]
		b[outcome]++
		top = max(top, b[0]+b[1]+b[2])
	}
	var lanes []lane
	for _, node := range v.nodes {
		l := lane{Name: node, Y: y, H: laneHeight}
		paths := barPaths(counts[node], y+laneHeight, (laneHeight-4)/float64(top))
		l.OK, l.Fail, l.Info = paths[0], paths[1], paths[2]
		for _, f := range v.history.Faults {
			if !slices.Contains(f.Hosts, node) || !began(f) {
				continue
			}
			to := f.Stop
			if to == 0 {
				to = s.end
			}
			hit := s.box(f.Start, to, y, laneHeight)
			hit.Class = "hit " + f.Kind
			hit.Title = fmt.Sprintf("%s: fault %d, %s", node, f.ID, faultName(f))
			l.Hits = append(l.Hits, hit)
		}
		lanes = append(lanes, l)
		y += laneHeight + laneGap
	}
	return lanes, y
}

func barPaths(bins [][3]int, base, unit float64) [3]string {
	var paths [3]strings.Builder
	for i, counts := range bins {
		y := base
		for outcome, n := range counts {
			if n == 0 {
				continue
			}
			h := max(float64(n)*unit, 1.2)
			fmt.Fprintf(&paths[outcome], "M%g %gh2.4v%gh-2.4z", round(gutter+float64(i)*binWidth),
				round(y), -round(h))
			y -= h
		}
	}
	return [3]string{paths[0].String(), paths[1].String(), paths[2].String()}
}

// ticks are round times, some ten of them.
func ticks(s scale) []tick {
	steps := []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond,
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour}
	step := steps[len(steps)-1]
	for _, candidate := range steps {
		if s.end/candidate <= 14 {
			step = candidate
			break
		}
	}
	var ticks []tick
	for at := time.Duration(0); at <= s.end; at += step {
		label := fmt.Sprintf("%gs", at.Seconds())
		if at >= 2*time.Minute {
			label = strings.TrimSuffix(at.String(), "0s")
		}
		ticks = append(ticks, tick{X: s.x(at), Label: label})
	}
	return ticks
}
