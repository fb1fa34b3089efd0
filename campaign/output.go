package campaign

import (
	"os"
	"strings"
)

// What is kept of what a child says: its beginning in a file, and its last words.
const (
	mostOutput = 1 << 20
	lastWords  = 2 << 10
)

// output takes what a child says. It never fails and never fills a disk: a run must not end because
// nobody could write down what it said.
type output struct {
	file *os.File
	left int
	tail []byte
}

func newOutput(path string) (*output, error) {
	file, err := os.Create(path)
	return &output{file: file, left: mostOutput}, err
}

// Write is called by one goroutine at a time: package os/exec promises it.
func (o *output) Write(p []byte) (int, error) {
	now := p[:min(len(p), o.left)]
	if _, err := o.file.Write(now); err != nil {
		o.left = 0
	} else if o.left -= len(now); o.left == 0 && len(now) > 0 {
		_, _ = o.file.WriteString("\n... and more, which is not kept\n")
	}
	o.tail = append(o.tail, p[max(0, len(p)-lastWords):]...)
	o.tail = o.tail[max(0, len(o.tail)-lastWords):]
	return len(p), nil
}

// last is the last lines that were said, on one line.
func (o *output) last() string {
	lines := strings.Split(strings.TrimSpace(string(o.tail)), "\n")
	lines = lines[max(0, len(lines)-3):]
	if lines[0] == "" {
		return "it said nothing"
	}
	return strings.Join(lines, "; ")
}

// keep moves the file, if it can: without it the run is as good.
func (o *output) keep(path string) { _ = os.Rename(o.file.Name(), path) }

func (o *output) close() { o.file.Close() }
