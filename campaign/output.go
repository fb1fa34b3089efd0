package campaign

import (
	"os"
	"strings"
	"time"
)

// What is kept of what a child says.
const (
	mostOutput = 1 << 20  // bytes; beyond, only its end is kept
	lastOutput = 64 << 10 // that end
	trimEvery  = time.Second
)

// output is the file into which a child says what it has to say. It is the child's own, not a pipe:
// a child whose campaign has died must be able to go on talking while it heals. So that none fills
// the disk, it is made short again from time to time.
type output struct {
	file       *os.File
	over, done chan struct{}
}

func newOutput(path string) (*output, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	o := &output{file: file, over: make(chan struct{}), done: make(chan struct{})}
	go o.keepShort()
	return o, nil
}

func (o *output) keepShort() {
	defer close(o.done)
	ticker := time.NewTicker(trimEvery)
	defer ticker.Stop()
	for {
		select {
		case <-o.over:
			o.trim()
			return
		case <-ticker.C:
			o.trim()
		}
	}
}

// trim drops the beginning of a file that has become too long. What the child appends meanwhile may
// be lost with it. Nothing of this is worth the failure of a run.
func (o *output) trim() {
	info, err := o.file.Stat()
	if err != nil || info.Size() <= mostOutput {
		return
	}
	end := o.end(lastOutput)
	if o.file.Truncate(0) == nil {
		_, _ = o.file.WriteString("... its beginning is not kept\n" + end)
	}
}

// end is the last bytes of what was said.
func (o *output) end(most int64) string {
	info, err := o.file.Stat()
	if err != nil {
		return ""
	}
	bytes := make([]byte, min(most, info.Size()))
	n, _ := o.file.ReadAt(bytes, info.Size()-int64(len(bytes))) // less, if it was made short just now
	return string(bytes[:n])
}

// last is the last lines that were said, on one line.
func (o *output) last() string {
	lines := strings.Split(strings.TrimSpace(o.end(2<<10)), "\n")
	lines = lines[max(0, len(lines)-3):]
	if lines[0] == "" {
		return "it said nothing"
	}
	return strings.Join(lines, "; ")
}

// keep moves the file, if it can: without it the run is as good.
func (o *output) keep(path string) { _ = os.Rename(o.file.Name(), path) }

func (o *output) close() {
	close(o.over)
	<-o.done
	o.file.Close()
}
