package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// maxLine bounds a line, and with it the memory that a corrupt file can ask for.
const maxLine = 16 << 20

// Open reads the history in the named file. A *FormatError carries the path.
func Open(path string) (*History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p := newParser()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		p.size = info.Size()
	}
	h, err := p.read(f)
	var format *FormatError
	if errors.As(err, &format) {
		format.Path = path
	}
	return h, err
}

// Read reads a history and pairs each invocation with its return.
//
// Corruption is a *FormatError that names the line. A last line that was cut off, as a kill or a
// full disk leaves it, is dropped with a warning. Operations that never returned come back as info,
// reads as fail, with Return at the last stamp of the history, and with one warning in all.
// Read checks the form; Valid checks the laws.
func Read(r io.Reader) (*History, error) {
	return newParser().read(r)
}

func (p *parser) read(r io.Reader) (*History, error) {
	if err := p.lines(r); err != nil {
		return nil, err
	}
	p.settle()
	return p.history, nil
}

// lines takes in all lines.
func (p *parser) lines(r io.Reader) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	for last := false; !last; {
		line, err := readLine(lines)
		last = err == io.EOF
		p.line++
		p.seen += int64(len(line)) + 1
		if err != nil && !last {
			return &FormatError{Line: p.line, Problem: err.Error()}
		}
		if last && len(line) == 0 {
			break
		}
		if problem := p.parse(line); problem != nil {
			if !last || !p.headed {
				return &FormatError{Line: p.line, Problem: problem.Error()}
			}
			p.warn("line %d: cut off, dropped", p.line)
		}
	}
	if !p.headed {
		return &FormatError{Line: 1, Problem: "empty: a history starts with a header"}
	}
	return nil
}

// parser holds what the lines so far have said.
type parser struct {
	history *History
	line    int
	headed  bool
	lastID  int64
	open    map[int64]int // operations not returned: ID to index
	faults  map[int]Fault
	end     time.Duration // the latest stamp
	kept    kept
	size    int64 // of all lines together; 0: not known
	seen    int64 // of it
	slow    bool  // leave all lines to encoding/json
}

func newParser() *parser {
	return &parser{
		history: &History{}, open: map[int64]int{}, faults: map[int]Fault{},
		kept: kept{names: map[string]string{}},
	}
}

func (p *parser) warn(format string, args ...any) {
	p.history.Warnings = append(p.history.Warnings, fmt.Sprintf(format, args...))
}

// parse takes in one line. Its error is the problem, without the place.
func (p *parser) parse(line []byte) error {
	if p.headed && !p.slow {
		if known, err := p.quickly(line); known {
			return err
		}
	}
	kind, err := typeOf(line)
	if err != nil {
		return err
	}
	if p.headed == (kind == typeHeader) {
		return fmt.Errorf("%q: the header is the first line, and only that", kind)
	}
	switch kind {
	case typeHeader:
		return p.header(line)
	case typeInvoke:
		var l invokeLine
		if err := json.Unmarshal(line, &l); err != nil {
			return describe(err)
		}
		return p.invoke(&l)
	case typeReturn:
		var l returnLine
		if err := json.Unmarshal(line, &l); err != nil {
			return describe(err)
		}
		return p.returned(&l)
	case typeFault:
		return p.fault(line)
	case typeObservation:
		return p.observation(line)
	case typePhase:
		return p.phase(line)
	}
	return fmt.Errorf("%q: no such type of record in version %d", kind, Version)
}

// quickly takes in a line of an operation, if it is spelt as this package does.
func (p *parser) quickly(line []byte) (known bool, err error) {
	q := quick{rest: line, kept: &p.kept}
	const typed = len(`{"type":"`)
	if len(line) <= typed {
		return false, nil
	}
	switch line[typed] {
	case 'i':
		var l invokeLine
		if q.invoke(&l) {
			return true, p.invoke(&l)
		}
	case 'r':
		var l returnLine
		if q.returned(&l) {
			return true, p.returned(&l)
		}
	}
	return false, nil
}

func (p *parser) header(line []byte) error {
	var l headerLine
	if err := json.Unmarshal(line, &l); err != nil {
		return describe(err)
	}
	if l.Version < 1 || l.Version > Version {
		return fmt.Errorf("version %d of the format: this build reads 1 to %d", l.Version, Version)
	}
	p.history.Header, p.headed = l.Header, true
	return nil
}

func (p *parser) invoke(l *invokeLine) error {
	if l.ID <= p.lastID {
		return fmt.Errorf("invoke of operation %d after %d: ids must rise", l.ID, p.lastID)
	}
	p.lastID = l.ID
	p.open[l.ID] = len(p.history.Operations)
	p.reserve()
	p.history.Operations = append(p.history.Operations, Operation{
		ID: l.ID, Process: l.Process, Node: l.Node, Kind: l.Kind, Key: l.Key,
		Input: l.Input, Call: l.Time,
	})
	p.end = max(p.end, l.Time)
	return nil
}

// reserve makes room for all operations that are to be expected, once enough of them are known: a
// list that grows by copying takes twice its memory.
func (p *parser) reserve() {
	const enough = 1000
	n := len(p.history.Operations)
	if n < enough || n < cap(p.history.Operations) || p.seen >= p.size {
		return
	}
	more := float64(n) * float64(p.size-p.seen) / float64(p.seen)
	p.history.Operations = slices.Grow(p.history.Operations, int(more*17/16)+1)
}

func (p *parser) returned(l *returnLine) error {
	i, open := p.open[l.ID]
	if !open {
		return fmt.Errorf("return of operation %d, which is not open", l.ID)
	}
	op := &p.history.Operations[i]
	if l.Process != op.Process {
		return fmt.Errorf("return of operation %d by process %d, but process %d invoked it",
			l.ID, l.Process, op.Process)
	}
	if !l.Outcome.returned() {
		return fmt.Errorf("operation %d: outcome %q, want ok, fail or info", l.ID, l.Outcome)
	}
	delete(p.open, l.ID)
	op.Return, op.Outcome, op.Output, op.Error = l.Time, l.Outcome, l.Output, l.Error
	p.end = max(p.end, l.Time)
	return nil
}

func (p *parser) fault(line []byte) error {
	var l faultLine
	if err := json.Unmarshal(line, &l); err != nil {
		return describe(err)
	}
	switch l.Stage {
	case StageInjected, StageHealed, StageResumed, StageFailed:
	default:
		return fmt.Errorf("fault %d: stage %q, want injected, healed, resumed or failed",
			l.ID, l.Stage)
	}
	p.faults[l.ID] = l.Fault
	p.end = max(p.end, l.Start, l.Stop, l.Resumed)
	return nil
}

func (p *parser) observation(line []byte) error {
	var l observationLine
	if err := json.Unmarshal(line, &l); err != nil {
		return describe(err)
	}
	p.history.Observations = append(p.history.Observations, l.Observation)
	p.end = max(p.end, l.At)
	return nil
}

func (p *parser) phase(line []byte) error {
	var l phaseLine
	if err := json.Unmarshal(line, &l); err != nil {
		return describe(err)
	}
	p.history.Phases = append(p.history.Phases, l.Phase)
	p.end = max(p.end, l.At)
	return nil
}

// settle gives every operation an outcome and orders the faults.
func (p *parser) settle() {
	for _, i := range p.open {
		op := &p.history.Operations[i]
		op.Outcome, op.Return = OutcomeInfo, p.end
		op.Error = "no answer was recorded"
		if op.Kind == kindRead {
			op.Outcome = OutcomeFail
		}
	}
	if n := len(p.open); n > 0 {
		p.warn("operations that never returned: %d (taken as info, reads as fail)", n)
	}
	for _, f := range p.faults {
		p.history.Faults = append(p.history.Faults, f)
	}
	slices.SortFunc(p.history.Faults, func(a, b Fault) int { return a.ID - b.ID })
}

// returned reports whether o is an outcome that a return may have.
func (o Outcome) returned() bool {
	return o == OutcomeOK || o == OutcomeFail || o == OutcomeInfo
}

// typeOf finds a line's type: by its prefix if this package wrote it, else by decoding it.
func typeOf(line []byte) (recordType, error) {
	if rest, ok := bytes.CutPrefix(line, []byte(`{"type":"`)); ok {
		if name, _, ok := bytes.Cut(rest, []byte(`"`)); ok {
			return recordType(name), nil
		}
	}
	var l struct {
		Type recordType `json:"type"`
	}
	if err := json.Unmarshal(line, &l); err != nil {
		return "", describe(err)
	}
	return l.Type, nil
}

// describe words a decoding error for someone who looks at the line, not at the Go types.
func describe(err error) error {
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typed) && typed.Field == "":
		return fmt.Errorf("not a JSON object: found %s", typed.Value)
	case errors.As(err, &typed):
		return fmt.Errorf("key %q: %s does not fit", typed.Field, typed.Value)
	}
	return fmt.Errorf("not a JSON object: %w", err)
}

// readLine returns the next line without its newline. io.EOF comes with the bytes of a last line
// that has no newline.
func readLine(r *bufio.Reader) ([]byte, error) {
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(long)+len(part) > maxLine {
			return nil, fmt.Errorf("longer than %d bytes", maxLine)
		}
		if err == nil && long == nil {
			return part[:len(part)-1], nil
		}
		long = append(long, part...)
		if err == nil {
			return long[:len(long)-1], nil
		}
		if err != bufio.ErrBufferFull {
			return long, err
		}
	}
}
