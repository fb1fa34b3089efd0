package history

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// both reads a file twice, and fails unless the quick way finds what encoding/json alone finds, and
// refuses what that refuses.
func both(t interface {
	Helper()
	Fatalf(format string, args ...any)
}, file []byte) {
	t.Helper()
	quick, slow := newParser(), newParser()
	slow.slow = true
	quickErr, slowErr := quick.lines(bytes.NewReader(file)), slow.lines(bytes.NewReader(file))
	if !reflect.DeepEqual(quickErr, slowErr) {
		t.Fatalf("quickly %v, slowly %v:\n%s", quickErr, slowErr, file)
	}
	quick.settle()
	slow.settle()
	if !reflect.DeepEqual(quick.history, slow.history) {
		t.Fatalf("quickly\n%+v\nslowly\n%+v\nof\n%s", quick.history, slow.history, file)
	}
}

// spellings are lines that look like those of this package, and mostly are not.
var spellings = []string{
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n1","kind":"read","key":"r0"}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n1","kind":"read","key":"r0","input":{}}`,
	`{"type":"invoke","time":-5,"id":2,"process":-0,"node":"","kind":"","key":"","input":null}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":[]}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":[1,]}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":{"a"}}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":{1:2}}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":{,}}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":{"a"1}}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":[1"a"]}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input": {}}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":{}} `,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":{}}{}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":01}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":-}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":1.5e3}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":nul}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"n","kind":"k","key":"","input":truer}`,
	`{"type":"invoke","time":05,"id":2,"process":0,"node":"n","kind":"k","key":"","input":1}`,
	`{"type":"invoke","time":5e0,"id":2,"process":0,"node":"n","kind":"k","key":""}`,
	`{"type":"invoke","time":9223372036854775807,"id":2,"process":0,"node":"","kind":"","key":""}`,
	`{"type":"invoke","time":9223372036854775808,"id":2,"process":0,"node":"","kind":"","key":""}`,
	`{"type":"invoke","time":5,"id":1,"process":0,"node":"n","kind":"k","key":""}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"\u006e","kind":"k","key":""}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"` + "\xff" + `","kind":"ä","key":""}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"node":"` + "\t" + `","kind":"k","key":""}`,
	`{"type":"invoke","time":5,"id":2,"process":0,"kind":"k","node":"n","key":"","input":{}}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":"ok"}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":"ok","output":{"values":[3,-17,[]]}}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":"info","error":"no answer"}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":"info","error":"a \"quote\""}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":"ok","output":"x","error":"both"}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":"ok","error":"first","output":1}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":"perhaps"}`,
	`{"type":"return","time":7,"id":1,"process":1,"outcome":"ok"}`,
	`{"type":"return","time":7,"id":9,"process":0,"outcome":"ok"}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":null}`,
	`{"type":"r`, `{"type":"`, `{"type":"i"}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":"ok","output":` +
		strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`,
	`{"type":"return","time":7,"id":1,"process":0,"outcome":"ok","output":"` +
		strings.Repeat("long", blockSize/8) + `"}`,
}

// within is a line in a history, after an invocation that is open.
func within(line string) []byte {
	return []byte(head + "\n" +
		`{"type":"invoke","time":3,"id":1,"process":0,"node":"n1","kind":"read","key":"r0"}` + "\n" +
		line + "\n" + `{"type":"phase","name":"load","at":9}` + "\n")
}

// Goal: the quick way never differs from encoding/json. Method: each spelling, and each of them
// cut off anywhere.
func TestQuickSpellings(t *testing.T) {
	for _, line := range spellings {
		both(t, within(line))
		for at := range min(len(line), 200) {
			both(t, within(line[:at]))
		}
	}
}

// Goal: the same for whole histories. Method: random ones, and random bytes of them changed.
func TestQuickDamaged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := draw(t)
		both(t, file)
		for range 3 {
			at := rapid.IntRange(0, len(file)-1).Draw(t, "at")
			file[at] = rapid.SampledFrom([]byte(`"{}[]:, \-09azn`)).Draw(t, "byte")
			both(t, file)
		}
	})
}

// Goal: what the recorder writes of operations is read in the quick way, and what is kept together
// stays apart. Method: the lines of every form that workloads have; then append to one answer.
func TestQuickIsTaken(t *testing.T) {
	for _, raw := range []string{
		`{}`, `{"value":17}`, `{"expected":null,"value":-9}`, `{"values":[3,17]}`, `[1,2]`, `null`,
		`{"steps":[{"kind":"append","key":"x","value":1},{"kind":"read","key":"y"}]}`, `17`,
		`{"swapped":false,"current":7}`, `true`,
	} {
		var file bytes.Buffer
		r, err := NewRecorder(&file, Header{})
		if err != nil {
			t.Fatal(err)
		}
		op, _ := r.Invoke(Operation{Node: "n1", Kind: "k", Key: "r0", Input: json.RawMessage(raw)})
		op.Return, op.Outcome, op.Output = r.Now(), OutcomeOK, json.RawMessage(raw)
		if err := r.Return(op); err != nil {
			t.Fatal(err)
		}
		p := newParser()
		for i, line := range bytes.Split(bytes.TrimSpace(file.Bytes()), []byte("\n"))[1:] {
			if known, err := p.quickly(line); !known || err != nil {
				t.Errorf("line %d is not read quickly: %v: %s", i+2, err, line)
			}
		}
		got := p.history.Operations[0]
		_ = append(got.Input, "!!!"...)
		if string(got.Output) != raw || string(got.Input) != raw {
			t.Errorf("input %s, output %s, want %s", got.Input, got.Output, raw)
		}
	}
}

// Goal: operations of a long file are not copied again and again as they come, and get little more
// room than they need. Method: count the bytes that reading with and without a known size takes.
func TestOpenReserves(t *testing.T) {
	var file bytes.Buffer
	r, err := NewRecorder(&file, Header{})
	if err != nil {
		t.Fatal(err)
	}
	const n = 20_000
	for i := range n {
		input := json.RawMessage(`{"value":` + strings.Repeat("9", 1+i/2_000) + `}`)
		op, _ := r.Invoke(Operation{Node: "n1", Kind: "write", Key: "r0", Input: input})
		op.Return, op.Outcome, op.Output = r.Now(), OutcomeOK, json.RawMessage("{}")
		if err := r.Return(op); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var known, unknown *History
	opened := allocated(func() { known, err = Open(path) })
	if err != nil {
		t.Fatal(err)
	}
	read := allocated(func() { unknown, err = Read(&file) })
	if err != nil || !reflect.DeepEqual(known, unknown) {
		t.Errorf("Open and Read differ: %v", err)
	}
	if len(known.Operations) != n || opened > read*2/3 {
		t.Errorf("%d operations in %d bytes, %d of an unknown file",
			len(known.Operations), opened, read)
	}
}

func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzQuick: the quick way never differs from encoding/json, on any bytes.
func FuzzQuick(f *testing.F) {
	for _, line := range spellings {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) { both(t, within(string(line))) })
}
