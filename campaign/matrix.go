package campaign

import (
	"context"
	"slices"
	"sync"
	"time"

	"gauntlet/checker"
	"gauntlet/suite"
)

// MatrixCell is one cell of an expectation matrix, played several times.
type MatrixCell struct {
	Row      string
	Nodes    int
	Options  string
	Expected Expected
	Note     string   // why this target is known to differ from that; "": it is not
	Missing  []string // what the place lacks; then nothing was played
	Played   int
	Seen     Seen
	Fits     bool
	Unsafe   []string // violations, which no expectation excuses
	Trouble  []string // runs that say nothing: the harness, or a fault that did not bite
}

// Known tells whether more runs of the cell say something than nothing.
func (c MatrixCell) Known() bool { return c.Played > len(c.Trouble) }

// Matrix plays each cell of a matrix so many times, several at once, and compares what clients saw
// with what is expected. Cells are told as they are done.
func Matrix(
	ctx context.Context, m *suite.Matrix, player Player, seeds, jobs int, base uint64, out string,
	done func(MatrixCell),
) []MatrixCell {
	cells := make([]MatrixCell, len(m.Cells))
	queue := make(chan int)
	var working sync.WaitGroup
	var telling sync.Mutex
	for range max(1, jobs) {
		working.Go(func() {
			for i := range queue {
				cells[i] = playCell(ctx, m.Cells[i], player, seeds, base, out)
				telling.Lock()
				done(cells[i])
				telling.Unlock()
			}
		})
	}
	for i := range m.Cells {
		if ctx.Err() != nil {
			break
		}
		queue <- i
	}
	close(queue)
	working.Wait()
	return slices.DeleteFunc(cells, func(c MatrixCell) bool { return c.Row == "" })
}

// playCell plays one cell. All cells have the same seeds, so that options can be compared.
func playCell(
	ctx context.Context, of suite.MatrixCell, player Player, seeds int, base uint64, out string,
) MatrixCell {
	cell := MatrixCell{Row: of.Row, Nodes: of.Nodes, Options: of.Options, Note: of.Note,
		Missing: of.Missing}
	cell.Expected, _ = ParseExpected(of.Expected) // package suite has asked already
	if len(of.Missing) > 0 {
		return cell
	}
	var available, gaps []float64
	for i := range seeds {
		if ctx.Err() != nil {
			break
		}
		job := Job{Name: of.Name(), Suite: of.Suite, Seed: base + uint64(i), Out: out}
		played := player.Play(ctx, job)
		why := failed(played)
		if why == "" {
			why = ineffective(played)
		}
		if played.Results != nil {
			cell.Unsafe = append(cell.Unsafe, reasons(played.Results.Checks, checker.Invalid)...)
		}
		if why != "" {
			cell.Trouble = append(cell.Trouble, why)
			continue
		}
		share, gap := serving(played, slice(of.Suite))
		available, gaps = append(available, share), append(gaps, gap)
	}
	if cell.Played = len(gaps); cell.Played > 0 {
		cell.Seen = Seen{Available: median(available), Median: median(gaps), Most: slices.Max(gaps)}
		cell.Fits = cell.Expected.Fits(cell.Seen)
	}
	return cell
}

// serving is the share of the time with faults in which something was acknowledged, in percent, and
// the longest gap from the first fault to the end of the load, in election timeouts. Time is cut
// into quarters of one: a leader that is deposed in each of them may still answer somebody in each.
func serving(p Played, et time.Duration) (available, gap float64) {
	from, to, _ := checker.FaultWindow(p.History)
	available = float64(checker.Measure(p.History, from, to, et/4).Available) / 10
	end := to
	for _, phase := range p.History.Phases {
		if phase.Name == checker.PhaseHeal {
			end = max(end, phase.At)
		}
	}
	longest := checker.Measure(p.History, from, end, et).LongestGap
	return available, float64(longest) / float64(et)
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
