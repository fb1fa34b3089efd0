package aggregate

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// script makes a history of events, one a word, at 1 ms, 2 ms and so on. A word is a process, a
// dot and what it does:
//
//	0.add:3      calls an add of 3        0.ok        returns from what it called
//	0.read       calls a read             0.ok:[3]    a read returns this
//	0.transfer   calls a transfer         0.fail      it was refused
//
// What does not return stays open.
func script(t *testing.T, text string) []history.Operation {
	t.Helper()
	var ops []history.Operation
	open := map[string]int{}
	for i, word := range strings.Fields(text) {
		at := time.Duration(i+1) * time.Millisecond
		process, rest, _ := strings.Cut(word, ".")
		verb, value, given := strings.Cut(rest, ":")
		if at, isOpen := open[process]; verb == "ok" || verb == "fail" {
			if !isOpen {
				t.Fatalf("%s: process %s called nothing", word, process)
			}
			delete(open, process)
			ops[at].Return, ops[at].Outcome = time.Duration(i+1)*time.Millisecond, history.Outcome(verb)
			if given {
				ops[at].Output = json.RawMessage(value)
			}
			continue
		}
		open[process] = len(ops)
		op := history.Operation{ID: int64(len(ops) + 1), Kind: verb, Call: at}
		if given {
			op.Input = json.RawMessage(value)
		}
		ops = append(ops, op)
	}
	return ops
}

// want is what a test expects of a check: the answer, the class if it is a violation, the
// culprits, and words of the sentence.
type want struct {
	name     string
	script   string
	answer   finding.Answer
	class    finding.Class
	culprits []int
	text     string
}

func (w want) hold(t *testing.T, got Result, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", w.name, err)
	}
	if got.Answer != w.answer || got.Class != w.class || !slices.Equal(got.Culprits, w.culprits) {
		t.Errorf("%s: %v, class %q, culprits %v, want %v, %q, %v\n%s %q", w.name, got.Answer,
			got.Class, got.Culprits, w.answer, w.class, w.culprits, got.Text, got.Notes)
	}
	said := got.Text + " " + strings.Join(got.Notes, " ")
	if !strings.Contains(said, w.text) || got.Text == "" || strings.Contains(said, "\n") {
		t.Errorf("%s: says %q, want %q in it", w.name, said, w.text)
	}
}

// Goal: what is no history of the model is refused in one line that names the operation.
// Method: one case for each way, to every check that could meet it.
func TestRefusals(t *testing.T) {
	set := func(ops []history.Operation) (Result, error) { return Set(ops) }
	full := func(ops []history.Operation) (Result, error) { return SetFull(ops, false) }
	bank := func(ops []history.Operation) (Result, error) { return Bank(ops, BankOptions{}) }
	backwards := script(t, "0.add:1 0.ok")
	backwards[0].Return = 0
	unordered := script(t, "0.add:1 1.add:2")
	slices.Reverse(unordered)
	for _, c := range []struct {
		name  string
		check func([]history.Operation) (Result, error)
		ops   []history.Operation
		want  string
	}{
		{"kind", set, script(t, "0.remove:1"), `operation 1: kind "remove": a set knows add and read`},
		{"kind", full, script(t, "0.add:1 1.cas"), `operation 2: kind "cas"`},
		{"kind", bank, script(t, "0.add:1"), `a bank knows read and transfer`},
		{"kind", Counter, script(t, "0.write:1"), `a counter knows add and read`},
		{"times", Counter, backwards, "operation 1 returned before it was called"},
		{"order", full, unordered, "operation 1 was called before operation 2, which precedes it"},
		{"no element", set, script(t, "0.add"), "operation 1: add of no element"},
		{"no element", full, script(t, "0.add:null"), "operation 1: add of no element"},
		{"no set", set, script(t, "0.read 0.ok:3"), "read of a set returned no collection: 3"},
		{"no set", full, script(t, "0.read 0.ok:{}"), "read of a set returned no collection: {}"},
		{"float", Counter, script(t, "0.add:1.5"), "operation 1: add of 1.5, want a whole number"},
		{"huge", Counter, script(t, "0.add:99999999999999999999"), "want a whole number of 64 bits"},
		{"text", Counter, script(t, `0.read 0.ok:"3"`), `operation 1: read of "3", want a whole`},
		{"no pairs", bank, script(t, `0.read 0.ok:[1,"2"]`), `read returned no balances: [1,"2"]`},
		{"some pairs", bank, script(t, "0.read 0.ok:[1,[1,2]]"), "returned no balances: [1,[1,2]]"},
		{"no pair", bank, script(t, "0.read 0.ok:[[1]]"), "read returned no balances: [[1]]"},
		{"float", bank, script(t, "0.read 0.ok:[[0,1.5]]"), "account 0 holds 1.5, want a whole"},
		{"huge", bank, script(t, "0.read 0.ok:[[0,"+strings.Repeat("9", 101)+"]]"), "want a whole"},
	} {
		got, err := c.check(c.ops)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, %v, want an error with %q", c.name, got, err, c.want)
		}
		if got.Answer != finding.Undecided {
			t.Errorf("%s: %v beside an error", c.name, got.Answer)
		}
	}
}

// Goal: no value, however odd, makes a check panic, and long ones do not make long lines.
// Method: every value at every place where one can stand.
func TestOddValues(t *testing.T) {
	values := []string{
		"null", "true", "-0", `""`, "[]", "[[]]", "{}", `{"0":null}`, "[null,null]", "[[0,null]]",
		"[[0,1],[0,1]]", "[[null,1]]", `[["` + strings.Repeat("x", 1000) + `",-1]]`, "[", "\xff",
		`{"0":1,"1":{"2":3}}`, "9223372036854775807", "-9223372036854775808",
	}
	for _, kind := range []string{kindRead, kindAdd, kindTransfer} {
		for _, in := range values {
			for _, out := range values {
				ops := []history.Operation{
					{ID: 1, Kind: kindAdd, Input: json.RawMessage(in), Outcome: history.OutcomeOK},
					{ID: 2, Kind: kind, Input: json.RawMessage(in), Output: json.RawMessage(out),
						Outcome: history.OutcomeOK},
				}
				for _, at := range []int{0, 1} {
					var said []string
					keep := func(r Result, err error) {
						if said = append(append(said, r.Text), r.Notes...); err != nil {
							said = append(said, err.Error())
						}
					}
					keep(Set(ops[at:]))
					keep(SetFull(ops[at:], true))
					keep(Counter(ops[at:]))
					keep(Bank(ops[at:], BankOptions{}))
					for _, line := range said {
						if len(line) > 2200 || strings.Contains(line, "\n") {
							t.Fatalf("%s %s %s: says %d bytes: %.300s", kind, in, out, len(line), line)
						}
					}
				}
			}
		}
	}
}
