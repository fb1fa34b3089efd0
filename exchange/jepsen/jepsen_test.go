package jepsen_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gauntlet/exchange/jepsen"
	"gauntlet/history"
)

// read reads a text of the model, and holds the history to its laws.
func read(t *testing.T, model, text string) *history.History {
	t.Helper()
	h, err := jepsen.Read(strings.NewReader(text), "h.edn", model)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := h.Valid(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return h
}

// lines is a history in short: one operation a line.
func lines(h *history.History) string {
	var b strings.Builder
	for _, op := range h.Operations {
		fmt.Fprintf(&b, "%d..%d p%d %s", op.Call, op.Return, op.Process, op.Kind)
		if op.Key != "" {
			fmt.Fprintf(&b, " @%s", op.Key)
		}
		fmt.Fprintf(&b, " %s %s %s\n", op.Input, op.Outcome, op.Output)
	}
	return b.String()
}

// check compares a history with what it should be, tabs aside.
func check(t *testing.T, h *history.History, want string) {
	t.Helper()
	var trimmed []string
	for _, line := range strings.Split(strings.Trim(want, "\n"), "\n") {
		trimmed = append(trimmed, strings.TrimLeft(line, "\t"))
	}
	want = strings.TrimRight(strings.Join(trimmed, "\n"), "\t")
	if got := lines(h); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

const register = `
[{:process 0, :type :invoke, :f :write, :value 3, :time 10}
 {:process 1, :type :invoke, :f :read, :value nil, :time 20}
 {:process :nemesis, :type :info, :f :start, :value "cut", :time 5}
 {:process 1, :type :ok, :f :read, :value nil, :time 20}
 {:process 0, :type :info, :f :write, :value 3, :time 40, :error :timeout}
 {:process 0, :type :invoke, :f :cas, :value [3 4], :time 50}
 {:process 1, :type :invoke, :f :cas, :value [nil 5], :time 60}
 {:process 0, :type :fail, :f :cas, :value [3 4], :time 70}
 {:process 1, :type :ok, :f :cas, :value [nil 5], :time 80}
 {:process 1, :type :invoke, :f :read, :value nil, :time 90}]`

// Goal: a history of a register in EDN becomes one of ours: answers become outcomes, a retired
// process does not come back, equal times are set apart, the nemesis is passed over.
func TestRegister(t *testing.T) {
	h := read(t, "cas-register(nil)", register)
	check(t, h, `
		10..40 p0 write {"value":3} info 
		20..21 p1 read {} ok {"value":null}
		50..70 p2 cas {"expected":3,"value":4} fail 
		60..80 p1 cas {"expected":null,"value":5} ok {"swapped":true}
		90..90 p1 read {} fail 
		`)
	if h.Operations[0].Error != "timeout" {
		t.Errorf("error %q, want timeout", h.Operations[0].Error)
	}
	want := []string{
		"records of processes that are not numbered: 1, skipped",
		"operations that never returned: 1 (taken as info, reads as fail)",
	}
	if fmt.Sprint(h.Warnings) != fmt.Sprint(want) {
		t.Errorf("warnings %q, want %q", h.Warnings, want)
	}
}

// Goal: the same operations are the same history in whatever form they are written.
// Method: rewrite the text above as a list, a sequence, tagged, and JSON, and compare.
func TestForms(t *testing.T) {
	inner := strings.Trim(register, "\n[]")
	want := lines(read(t, "register", register))
	for name, text := range map[string]string{
		"list":     "; history\n(" + inner + ")",
		"sequence": inner,
		"tagged":   "[" + strings.ReplaceAll(inner, "{", "#jepsen.history.Op{") + "]",
		"marked":   "\ufeff" + register,
		"json":     asJSON(register),
		"objects":  strings.ReplaceAll(strings.Trim(asJSON(register), "\n[]"), "},\n", "}\n"),
	} {
		if got := lines(read(t, "register", text)); got != want {
			t.Errorf("%s:\n%swant:\n%s", name, got, want)
		}
	}
}

// Goal: a character that lies across two blocks of a text is whole.
func TestLongCharacters(t *testing.T) {
	for shift := range 3 {
		long := strings.Repeat("x", shift) + strings.Repeat("€", 5000)
		text := fmt.Sprintf(`[{"process":0,"type":"invoke","f":"add","value":"%s"}]`, long)
		h := read(t, "set", text)
		if got := string(h.Operations[0].Input); got != `"`+long+`"` {
			t.Errorf("shift %d: %.100s", shift, got)
		}
	}
}

// asJSON rewrites EDN of keywords, numbers and vectors of two as JSON.
func asJSON(text string) string {
	return strings.NewReplacer(
		"}\n {", "},\n {", "nil 5", "null,5", "nil", "null",
		" :invoke", `"invoke"`, " :ok", `"ok"`, " :fail", `"fail"`,
		" :info", `"info"`, " :read", `"read"`, " :write", `"write"`, " :cas", `"cas"`,
		":nemesis", `"nemesis"`, " :start", `"start"`, " :timeout", `"timeout"`,
		":process", `"process":`, ":type", `"type":`, ":f", `"f":`, ":value", `"value":`,
		":time", `"time":`, ":error", `"error":`, "3 4", "3,4",
	).Replace(text)
}

// Goal: damage is named with file and line, in one line, and nothing panics.
func TestDamage(t *testing.T) {
	const write = "{:process 0, :type :invoke, :f :write, :value 3}\n"
	for _, test := range []struct{ in, want string }{
		{"", "h.edn:1: empty: no operation at all"},
		{"; a comment\n;\n", "h.edn:1: empty: no operation at all"},
		{"[]", "h.edn:1: empty: no operation at all"},
		{"hello\n", "h.edn:1: neither EDN nor JSON nor a log of operations"},
		{"[" + write, "h.edn:2: cut off: ']' is missing, to close line 1"},
		{write + "{:process 0, :ty", "h.edn:2: cut off: '}' is missing, to close line 2"},
		{write + write, "h.edn:2: process 0 invokes write, but its write of line 1 has not returned"},
		{write + "{:process 1, :type :ok, :f :write, :value 3}",
			"h.edn:2: process 1 is told ok, but has invoked nothing"},
		{write + "{:process 0, :type :ok, :f :read, :value 3}",
			"h.edn:2: ok of read, but line 1 invokes write"},
		{write + "{:process 0, :type :ok, :f :write, :value 4}",
			"h.edn:2: ok of write 4, but line 1 asks for 3"},
		{"{:index 3 :process 0, :type :invoke, :f :read}\n{:index 2, :process 0, :type :ok, :f :read}",
			"h.edn:2: index 2 after 3: records must stand in their order"},
		{"[1]", "h.edn:1: 1 is no operation: want a map"},
		{"{:process 0}", "h.edn:1: no :type: want :invoke, :ok, :fail or :info"},
		{"{:process 0 :type :okay}", `h.edn:1: type "okay", want invoke, ok, fail or info`},
		{"{:process 99999999999 :type :ok}",
			"h.edn:1: process 99999999999, want a number of 0 to 2147483647, or a keyword"},
		{"{:process 1.5 :type :ok}",
			"h.edn:1: process 1.5, want a number of 0 to 2147483647, or a keyword"},
		{"{:process 0 :type :invoke :f :" + strings.Repeat("f", 101) + "}",
			"h.edn:1: f " + strings.Repeat("f", 60) + "..., want a name of at most 100 bytes"},
		{"{:process 0 :type :invoke :f \"a\nb\"}",
			`h.edn:1: f "a\nb": a register knows read, write and cas`},
		{write + "{:process 0 :type :ok :f \"a\nb\"}", "h.edn:2: ok of a?b, but line 1 invokes write"},
		{`[{"process":0,"type":"invoke","f":"read"}] {}`,
			"h.edn:1: something follows the end of the array"},
		{"{:process 0 :type :invoke :f :take}",
			`h.edn:1: f "take": a register knows read, write and cas`},
		{"{:process 0 :type :invoke :f :cas :value 3}", "h.edn:1: cas 3, want [expected new]"},
		{"{:process 0 :type :invoke :f :write}",
			"h.edn:1: write of nil: a register is absent only before its first write"},
		{"{:process 0 :type :invoke :value 3}", "h.edn:1: no :f, and :value is no transaction"},
		{`[{"process":0,"type":"invoke","f":"read"}` + "\n", "h.edn:2: cut off within JSON"},
		{`[{"process":0,` + "\n" + `"type":}]`, "h.edn:2: not JSON: "},
		{`[{"process":0,"process":1}]`, `h.edn:1: the key "process" stands twice in an object`},
		{`[{"a":"` + "\xff" + `"}]`, "h.edn:1: not valid UTF-8"},
		{`[{"a":` + strings.Repeat("[", 200), "h.edn:1: nested deeper than 100"},
		{`[{"process":` + strings.Repeat("9", 2000) + `}]`, "h.edn:1: a number of 2000 digits"},
		{`{"type":"header","version":9}`, "h.edn:1: version 9 of the format"},
	} {
		_, err := jepsen.Read(strings.NewReader(test.in), "h.edn", "register")
		var e *history.FormatError
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), test.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%.100q:\n%v, want\n%s", test.in, err, test.want)
		}
	}
}

// Goal: a history of ours is given back as it is.
func TestOwn(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "history", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var own []string
	for _, line := range strings.Split(string(text), "\n") {
		if example, ok := strings.CutPrefix(line, "    {"); ok {
			own = append(own, "{"+example+"\n")
		}
	}
	want, err := history.Read(strings.NewReader(strings.Join(own, "")))
	if err != nil || len(want.Operations) == 0 || len(want.Faults) == 0 {
		t.Fatalf("no example to read: %v", err)
	}
	got := read(t, "register", strings.Join(own, ""))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
