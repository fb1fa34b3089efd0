package schedule

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"

	"gauntlet/nemesis"
)

// maxFileBytes bounds what is read: a million operations fit.
const maxFileBytes = 256 << 20

// Encode writes the schedule as JSON, one option, fault or operation a line. There is one text for
// each schedule: what Decode reads from it, Encode writes again byte by byte.
func (s *Schedule) Encode(w io.Writer) error {
	c := *s
	c.Version = Version
	if c.Faults == nil {
		c.Faults = nemesis.Plan{}
	}
	if c.Options.Liveness.Core == nil {
		c.Options.Liveness.Core = []int{}
	}
	var compact bytes.Buffer
	e := json.NewEncoder(&compact)
	e.SetEscapeHTML(false)
	if err := e.Encode(&c); err != nil {
		return fmt.Errorf("encode schedule: %w", err)
	}
	out := bufio.NewWriter(w)
	spread(out, compact.Bytes())
	return out.Flush()
}

// Write encodes the schedule into a file.
func (s *Schedule) Write(path string) error {
	var text bytes.Buffer
	if err := s.Encode(&text); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}

// spreadDepth is how deep values stand on lines of their own: options, faults and operations.
const spreadDepth = 2

// spread breaks compact JSON into lines that are worth comparing. What it writes to keeps errors.
func spread(w *bufio.Writer, compact []byte) {
	depth, quoted := 0, false
	for i := 0; i < len(compact); i++ {
		b := compact[i]
		if quoted {
			w.WriteByte(b)
			if b == '\\' {
				i++
				w.WriteByte(compact[i])
			}
			quoted = b != '"'
			continue
		}
		switch b {
		case '{', '[':
			depth++
			w.WriteByte(b)
			if closing := compact[i+1]; closing == '}' || closing == ']' {
				w.WriteByte(closing)
				i++
				depth--
				continue
			}
			newline(w, depth)
		case '}', ']':
			depth--
			if depth < spreadDepth {
				newline(w, depth)
			}
			w.WriteByte(b)
		case ',':
			w.WriteByte(b)
			newline(w, depth)
		case ':':
			w.WriteByte(b)
			if depth <= spreadDepth {
				w.WriteByte(' ')
			}
		default:
			w.WriteByte(b)
			quoted = b == '"'
		}
	}
}

func newline(w *bufio.Writer, depth int) {
	if depth > spreadDepth {
		return
	}
	w.WriteByte('\n')
	for range depth {
		w.WriteByte(' ')
	}
}

// Read decodes a file. An error about its content is Problems.
func Read(path string) (*Schedule, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	return Decode(path, text)
}

// Decode reads a schedule strictly: keys must be known, spelled as Encode spells them, and there
// once; the schedule must be Valid. A missing key is zero. The file is named in problems only.
func Decode(file string, text []byte) (*Schedule, error) {
	s, problems := decode(text)
	if len(problems) > 0 {
		lines := locate(text, problems)
		for i := range problems {
			problems[i].File, problems[i].Line = file, lines[i]
		}
		slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
		return nil, problems
	}
	return s, nil
}

func decode(text []byte) (*Schedule, Problems) {
	if len(text) > maxFileBytes {
		return nil, Problems{{What: fmt.Sprintf("a schedule has at most %d bytes", maxFileBytes)}}
	}
	var version struct{ Version json.RawMessage }
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, Problems{syntaxProblem(text, err)}
	}
	if p := versionProblem(version.Version); p != nil {
		return nil, Problems{*p}
	}
	if problems := strangeKeys(text); len(problems) > 0 {
		return nil, problems
	}
	var s Schedule
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, Problems{syntaxProblem(text, err)}
	}
	s.normalise()
	if problems := s.problems(); len(problems) > 0 {
		return nil, problems
	}
	return &s, nil
}

// syntaxProblem says where encoding/json stopped.
func syntaxProblem(text []byte, err error) Problem {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return Problem{Line: lineAt(text, syntax.Offset), What: "not JSON: " + syntax.Error()}
	case errors.As(err, &wrong):
		return Problem{Line: lineAt(text, wrong.Offset), Path: wrong.Field,
			What: fmt.Sprintf("must be %s, not %s", wanted(wrong.Type), wrong.Value)}
	}
	return Problem{What: err.Error()}
}

// wanted names what a value of our type is in JSON.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice:
		return "an array"
	case reflect.Struct:
		return "an object"
	case reflect.Uint64:
		return "an integer from 0 to 18446744073709551615"
	}
	return "an integer"
}

// versionProblem looks at the version before anything else: what is strange to us may be usual in
// a later one.
func versionProblem(raw json.RawMessage) *Problem {
	var version int
	if err := json.Unmarshal(raw, &version); err != nil || version < 1 {
		return &Problem{Path: "version", What: fmt.Sprintf("must be %d", Version),
			Hint: "this may be another kind of file"}
	}
	if version > Version {
		return &Problem{Path: "version",
			What: fmt.Sprintf("%d is newer than %d, which this build reads", version, Version),
			Hint: "replay it with the build that wrote it, or a later one"}
	}
	return nil
}

// normalise makes equal what means the same, so that it is written in one way.
func (s *Schedule) normalise() {
	if len(s.Faults) == 0 {
		s.Faults = nil
	}
	if len(s.Changes) == 0 {
		s.Changes = nil
	}
	if len(s.Cast) == 0 {
		s.Cast = nil
	}
	if len(s.Options.Liveness.Core) == 0 {
		s.Options.Liveness.Core = nil
	}
	for i := range s.Operations {
		op := &s.Operations[i]
		var compact bytes.Buffer
		if json.Compact(&compact, op.Input) == nil {
			op.Input = compact.Bytes()
		}
	}
}
