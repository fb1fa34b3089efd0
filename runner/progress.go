package runner

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Progress prints one dense aligned line per event, and on a terminal a live status line below
// them.
//
//   - 12.3s  fault   #2 partition isolate-leader n3: in force, 41 packets dropped
//     |        |       what happened
//     |        kind: phase, fault, leader, warn, stop
//     since the run's start
type Progress struct {
	mu     sync.Mutex
	out    io.Writer
	width  int // columns of the terminal; 0: not a terminal, no status line
	start  time.Time
	status string
}

// NewProgress writes to out. Width is the terminal's width in columns, or 0 where out is not a
// terminal.
func NewProgress(out io.Writer, width int) *Progress {
	return &Progress{out: out, width: width, start: time.Now()}
}

// Event prints one line.
func (p *Progress) Event(kind, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "\n                   ")
	fmt.Fprintf(p.out, "+%6.1fs  %-6s  %s\n", time.Since(p.start).Seconds(), kind, text)
	p.draw()
}

// Status replaces the live line; it prints nothing where there is no terminal.
func (p *Progress) Status(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.width == 0 {
		return
	}
	p.erase()
	p.status = fmt.Sprintf(format, args...)
	p.draw()
}

func (p *Progress) erase() {
	if p.width > 0 && p.status != "" {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func (p *Progress) draw() {
	if p.width == 0 || p.status == "" {
		return
	}
	line := []rune(p.status)
	fmt.Fprint(p.out, string(line[:min(len(line), p.width-1)]))
}
