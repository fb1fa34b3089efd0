package campaign

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// Progress says on a terminal, in one line that is written over and over, how far a campaign has
// come; elsewhere, in a line every ten seconds. A nil *Progress says nothing.
//
//	12,345 seeds  254/s  1.02M events/s  41h07m simulated, 1043x  31 MiB  41/43 situations  refused 3
type Progress struct {
	out     io.Writer
	width   int // columns of the terminal; 0: not a terminal
	started time.Time
	next    time.Time // when the line is due
	live    bool      // a line stands that will be written over
	last    string    // what was written last
}

// How often the line is written, on a terminal and elsewhere.
const (
	liveEvery  = 200 * time.Millisecond
	plainEvery = 10 * time.Second
)

// NewProgress writes to out. Width is the terminal's width in columns, or 0 where out is not a
// terminal.
func NewProgress(out io.Writer, width int) *Progress {
	now := time.Now()
	p := &Progress{out: out, width: width, started: now}
	p.next = now.Add(p.every())
	return p
}

func (p *Progress) every() time.Duration {
	if p.width > 0 {
		return liveEvery
	}
	return plainEvery
}

// show writes the line if it is due.
func (p *Progress) show(t *Tally) {
	if p == nil {
		return
	}
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(p.every())
		p.write(p.line(t, now.Sub(p.started)))
	}
}

// end writes the last line, which stays.
func (p *Progress) end(t *Tally) {
	if p == nil {
		return
	}
	p.write(p.line(t, time.Since(p.started)))
	p.settle()
}

// say replaces the line by another.
func (p *Progress) say(format string, args ...any) {
	if p != nil && (p.width > 0 || time.Now().After(p.next)) {
		p.next = time.Now().Add(p.every())
		p.write(fmt.Sprintf(format, args...))
	}
}

// settle leaves the line where it is.
func (p *Progress) settle() {
	if p != nil && p.live {
		fmt.Fprintln(p.out)
		p.live = false
	}
}

func (p *Progress) write(line string) {
	if line == p.last {
		return
	}
	p.last = line
	if p.width == 0 {
		fmt.Fprintln(p.out, line)
		return
	}
	runes := []rune(line)
	fmt.Fprintf(p.out, "\r\x1b[K%s", string(runes[:min(len(runes), p.width-1)]))
	p.live = true
}

func (p *Progress) line(t *Tally, elapsed time.Duration) string {
	seconds := max(elapsed.Seconds(), 1e-9)
	met := 0
	for _, c := range t.Situations {
		if c.Seeds > 0 {
			met++
		}
	}
	line := []string{
		thousands(int64(t.Seeds)) + " seeds",
		fmt.Sprintf("%.0f/s", float64(t.Seeds)/seconds),
		fmt.Sprintf("%.2fM events/s", float64(t.Events)/seconds/1e6),
		fmt.Sprintf("%s simulated, %.0fx", hours(t.Virtual), t.Virtual.Seconds()/seconds),
		fmt.Sprintf("%d MiB", held()>>20),
		fmt.Sprintf("%d/%d situations", met, len(t.Situations)),
	}
	for _, g := range t.Groups {
		line = append(line, fmt.Sprintf("%s %s", g.Signature, thousands(int64(g.Count))))
	}
	if t.Troubled > 0 {
		line = append(line, fmt.Sprintf("CONTRADICTIONS %d", t.Troubled))
	}
	return strings.Join(line, "  ")
}

// held is the memory that the program has from the system.
func held() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys - m.HeapReleased
}

// hours writes a long duration in hours and minutes, a short one in seconds.
func hours(d time.Duration) string {
	if d < time.Hour {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%sh%02dm", thousands(int64(d/time.Hour)), d%time.Hour/time.Minute)
}

// thousands groups the digits of a number that is not negative.
func thousands(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
