package history

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const head = `{"type":"header","version":1,"run":"cafe0000"}`

// Goal: corruption is refused with its line and what is wrong there. Method: one corrupt file each.
func TestReadNamesTheLine(t *testing.T) {
	invoke := `{"type":"invoke","time":5,"id":1,"process":0,"node":"n1","kind":"read","key":"r0"}`
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"empty", nil, "line 1: empty: a history starts with a header"},
		{"no header", []string{invoke}, `line 1: "invoke": the header is the first line, and only that`},
		{"two headers", []string{head, head},
			`line 2: "header": the header is the first line, and only that`},
		{"newer format", []string{`{"type":"header","version":2}`},
			"line 1: version 2 of the format: this build reads 1 to 1"},
		{"no version", []string{`{"type":"header"}`},
			"line 1: version 0 of the format: this build reads 1 to 1"},
		{"not JSON", []string{head, "garbage", invoke},
			"line 2: not a JSON object: invalid character 'g' looking for beginning of value"},
		{"blank", []string{head, "", invoke},
			"line 2: not a JSON object: unexpected end of JSON input"},
		{"cut off in the middle", []string{head, invoke[:40], invoke},
			"line 2: not a JSON object: unexpected end of JSON input"},
		{"two in one line", []string{head, invoke + invoke},
			"line 2: not a JSON object: invalid character '{' after top-level value"},
		{"unknown type", []string{head, `{"type":"gossip"}`},
			`line 2: "gossip": no such type of record in version 1`},
		{"wrong JSON type", []string{head, strings.Replace(invoke, "5", `"5"`, 1)},
			`line 2: key "time": string does not fit`},
		{"array", []string{head, "[]"}, `line 2: not a JSON object: found array`},
		{"same id again", []string{head, invoke, invoke},
			"line 3: invoke of operation 1 after 1: ids must rise"},
		{"return of nothing", []string{head, `{"type":"return","id":1,"outcome":"ok"}`},
			"line 2: return of operation 1, which is not open"},
		{"return by another", []string{head, invoke,
			`{"type":"return","id":1,"process":2,"outcome":"ok"}`},
			"line 3: return of operation 1 by process 2, but process 0 invoked it"},
		{"no outcome", []string{head, invoke, `{"type":"return","id":1}`},
			`line 3: operation 1: outcome "", want ok, fail or info`},
		{"unknown stage", []string{head, `{"type":"fault","id":1,"stage":"done"}`},
			`line 2: fault 1: stage "done", want injected, healed, resumed or failed`},
		{"endless line", []string{head, strings.Repeat(" ", maxLine+1)},
			fmt.Sprintf("line 2: longer than %d bytes", maxLine)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(strings.NewReader(strings.Join(append(c.lines, ""), "\n")))
			var format *FormatError
			if !errors.As(err, &format) {
				t.Fatalf("got %v, want a FormatError", err)
			}
			if got := err.Error(); got != "history "+c.want {
				t.Errorf("got  %s\nwant history %s", got, c.want)
			}
		})
	}
}

// Goal: Open puts the file's name before the line; a file that is not there is an ordinary error.
// Method: a corrupt file, and none.
func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if _, err := Open(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file does not exist", err)
	}
	if err := os.WriteFile(path, []byte(head+"\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := path + `:2: "": no such type of record in version 1`
	if _, err := Open(path); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Goal: operations without a return are info, reads fail, and both are counted in one warning.
// Method: a history that ends with a write and a read open.
func TestReadSettlesOpenOperations(t *testing.T) {
	h, err := Read(strings.NewReader(head + `
{"type":"invoke","time":5,"id":1,"process":0,"node":"n1","kind":"read","key":"r0","input":{}}
{"type":"invoke","time":6,"id":2,"process":1,"node":"n1","kind":"write","key":"r0","input":{}}
{"type":"phase","name":"load","at":9}
`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Outcome{OutcomeFail, OutcomeInfo} {
		if op := h.Operations[i]; op.Outcome != want || op.Return != 9 || op.Error == "" {
			t.Errorf("got %+v, want %s at 9ns", op, want)
		}
	}
	want := []string{"operations that never returned: 2 (taken as info, reads as fail)"}
	if diff := cmp.Diff(want, h.Warnings); diff != "" {
		t.Error(diff)
	}
	if err := h.Valid(); err != nil {
		t.Error(err)
	}
}

// Goal: keys may come in any order and with spaces, as other tools write them, and unknown keys are
// ignored. Method: the same record in canonical and in foreign spelling.
func TestReadForeignSpelling(t *testing.T) {
	canonical := head + "\n" + `{"type":"phase","name":"load","at":9}` + "\n"
	foreign := ` { "run": "cafe0000", "mood": 1, "version": 1, "type": "header" }` + "\r\n" +
		`{ "at": 9, "type": "phase", "name": "load" }` // and no newline at the end
	want, err := Read(strings.NewReader(canonical))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Read(strings.NewReader(foreign))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// draw makes a random lawful history of records, as bytes.
func draw(t *rapid.T) []byte {
	var file bytes.Buffer
	r, err := NewRecorder(&file, Header{Run: rapid.String().Draw(t, "run"), Nodes: []string{"n1"}})
	if err != nil {
		t.Fatal(err)
	}
	var open []Operation
	next := 0 // each operation has a process of its own
	for range rapid.IntRange(0, 20).Draw(t, "records") {
		switch rapid.IntRange(0, 5).Draw(t, "what") {
		case 0:
			err = r.Phase(rapid.String().Draw(t, "phase"))
		case 1:
			err = r.Fault(Fault{ID: rapid.IntRange(0, 3).Draw(t, "fault"), Stage: StageHealed})
		case 2:
			err = r.Observation(Observation{Term: rapid.Uint64().Draw(t, "term")})
		case 3, 4:
			var op Operation
			op, err = r.Invoke(Operation{Process: next, Key: rapid.String().Draw(t, "key"),
				Kind: rapid.SampledFrom([]string{"read", "write", "cas"}).Draw(t, "kind")})
			next++
			open = append(open, op)
		case 5:
			if len(open) == 0 {
				continue
			}
			i := rapid.IntRange(0, len(open)-1).Draw(t, "which")
			op := open[i]
			open = append(open[:i], open[i+1:]...)
			op.Return, op.Error = r.Now(), rapid.String().Draw(t, "error")
			op.Outcome = rapid.SampledFrom([]Outcome{OutcomeOK, OutcomeFail, OutcomeInfo}).
				Draw(t, "outcome")
			err = r.Return(op)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

// Goal: a history cut off at any byte behind its header reads as the whole lines before the
// cut, and keeps the laws. Method: random histories, random cuts, compared with the whole lines
// alone.
func TestReadTorn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := draw(t)
		header := bytes.IndexByte(file, '\n') + 1
		cut := file[:rapid.IntRange(header, len(file)).Draw(t, "cut")]
		whole := cut[:bytes.LastIndexByte(cut, '\n')+1]
		if rest := file[len(whole):]; len(cut) > len(whole) && rest[len(cut)-len(whole)] == '\n' {
			whole = cut // only the newline is missing: nothing is lost
		}
		got, err := Read(bytes.NewReader(cut))
		if err != nil {
			t.Fatal(err)
		}
		want, err := Read(bytes.NewReader(whole))
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Valid(); err != nil {
			t.Error(err)
		}
		if torn := len(cut) > len(whole); torn {
			line := bytes.Count(whole, []byte("\n")) + 1
			warning := fmt.Sprintf("line %d: cut off, dropped", line)
			want.Warnings = append([]string{warning}, want.Warnings...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("whole lines -, cut off +:\n%s", diff)
		}
	})
}

// Goal: one damaged byte never panics the reader, and if it is refused the line is the damaged one
// or, where pairing broke, a later one. Method: random histories, one random byte changed.
func TestReadDamaged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := draw(t)
		at := rapid.IntRange(0, len(file)-1).Draw(t, "at")
		damaged := 1 + bytes.Count(file[:at], []byte("\n"))
		file[at] = rapid.Byte().Draw(t, "byte")
		_, err := Read(bytes.NewReader(file))
		var format *FormatError
		if err != nil && !errors.As(err, &format) {
			t.Fatalf("not a FormatError: %v", err)
		}
		if err != nil && format.Line < damaged {
			t.Errorf("damage in line %d, but %v", damaged, err)
		}
	})
}

// FuzzRead: no bytes panic the reader or the laws; what is refused is a FormatError of a line that
// is there, and what is accepted has settled operations in the order of their IDs.
func FuzzRead(f *testing.F) {
	f.Add([]byte(head + "\n"))
	f.Add([]byte(head + `
{"type":"invoke","time":5,"id":1,"process":0,"node":"n1","kind":"read","key":"r0","input":{}}
{"type":"return","time":7,"id":1,"process":0,"outcome":"ok","output":{"value":null}}
{"type":"fault","id":1,"kind":"pause","hosts":["n1"],"stage":"injected","plannedStart":1,"start":2}
{"type":"observation","node":"n1","at":9,"term":4,"role":"leader","source":"status"}
{"type":"phase","name":"load","at":9}
{"type":"invoke","time":9,"id":2,"process":0,"node":"n1","ki`))
	f.Fuzz(func(t *testing.T, file []byte) {
		h, err := Read(bytes.NewReader(file))
		if err != nil {
			var format *FormatError
			if !errors.As(err, &format) {
				t.Fatalf("not a FormatError: %v", err)
			}
			if lines := bytes.Count(file, []byte("\n")) + 1; format.Line < 1 || format.Line > lines {
				t.Fatalf("%v: but there are %d lines", err, lines)
			}
			return
		}
		_ = h.Valid() // may say anything, but must say it
		for i, op := range h.Operations {
			if !op.Outcome.returned() || (i > 0 && op.ID <= h.Operations[i-1].ID) {
				t.Fatalf("operation %+v", op)
			}
		}
	})
}

// BenchmarkRead reads 100,000 operations a time.
func BenchmarkRead(b *testing.B) {
	var file bytes.Buffer
	r, err := NewRecorder(&file, Header{})
	if err != nil {
		b.Fatal(err)
	}
	for range 100_000 {
		op, _ := r.Invoke(Operation{Node: "n1", Kind: "write", Key: "r0", Input: []byte(`{"value":1}`)})
		op.Return, op.Outcome, op.Output = r.Now(), OutcomeOK, []byte("{}")
		_ = r.Return(op)
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		if _, err := Read(bytes.NewReader(file.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/100_000*float64(time.Second), "ns/operation")
}
