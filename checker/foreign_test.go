package checker

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// elsewhere makes a history of lines "PROCESS CALL-RETURN OUTCOME KIND INPUT OUTPUT", or with
// "KEY/" before the kind.
func elsewhere(t *testing.T, lines ...string) *history.History {
	t.Helper()
	h := &history.History{Header: history.Header{Version: history.Version}}
	for i, line := range lines {
		f := strings.Fields(line)
		call, ret, _ := strings.Cut(f[1], "-")
		op := history.Operation{
			ID: int64(i + 1), Process: int(number(t, f[0])), Kind: f[3], Call: millis(t, call),
			Return: millis(t, ret), Outcome: history.Outcome(f[2]), Input: json.RawMessage(f[4]),
		}
		if key, kind, keyed := strings.Cut(op.Kind, "/"); keyed {
			op.Key, op.Kind = key, kind
		}
		if len(f) > 5 {
			op.Output = json.RawMessage(f[5])
		}
		h.Operations = append(h.Operations, op)
	}
	return h
}

// foreignCase is a history, what a model says of it, and a piece of the reason or the notes.
type foreignCase struct {
	model   string
	history []string
	want    Verdict
	said    string
}

func written(v string) string { return `0 0-1 ok write {"value":` + v + `} {}` }

func seen(v string) string { return `1 2-3 ok read {} {"value":` + v + `}` }

var foreignRegisters = []foreignCase{
	{"cas-register(0)", []string{seen("0")}, Valid, ""},
	{"cas-register(0)", []string{seen("1")}, Invalid, "on process 1"},
	{"cas-register(nil)", []string{seen("0")}, Invalid, ""},
	{"cas-register(nil)", []string{seen("null")}, Valid, ""},
	{"cas-register(nil)", []string{written("1"), seen("null")}, Invalid, ""},
	{"cas-register(0)", []string{written("1"), seen("null")}, Valid, ""}, // tells nothing
	{"cas-register", []string{seen("null")}, Valid, "assumed to begin with nothing"},
	{"cas-register", []string{seen("0")}, Valid, "begins with 0 (valid) or with nothing (invalid)"},
	{"cas-register", []string{seen("1")}, Invalid, "0 (invalid) or with nothing (invalid)"},
	{"register", []string{seen("0")}, Valid, "begins with 0 (valid)"},
	{"cas-register(0)", []string{`0 0-1 ok cas {"expected":0,"value":2} {"swapped":true}`,
		seen("0")}, Invalid, ""},
	{"cas-register(0)", []string{`0 0-1 ok cas {"expected":0,"value":2} {"swapped":false}`},
		Invalid, ""},
	{"cas-register(1)", []string{`0 0-1 ok cas {"expected":0,"value":2} {"swapped":false}`},
		Valid, ""},
	{"cas-register(0)", nil, Valid, "no client asked for anything"},
}

var foreignObjects = []foreignCase{
	{"mutex", []string{"0 0-1 ok acquire null", "1 2-3 ok acquire null"}, Invalid,
		"but no release can have come in between"},
	{"mutex", []string{"0 0-1 ok acquire null", "1 2-3 fail acquire null",
		"0 4-5 ok release null", "1 6-7 ok acquire null"}, Valid, ""},
	{"mutex", []string{"0 0-1 ok acquire null", "0 2-3 info release null",
		"1 4-5 ok acquire null"}, Valid, ""},
	{"mutex", []string{"0 0-1 ok release null"}, Invalid, "nobody can have acquired the mutex"},
	{"mutex", []string{"0 0-1 ok acquire null", "0 2-3 ok release null",
		"1 4-5 ok release null"}, Invalid, "but no acquire can have come in between"},
	{"mutex", []string{"0 0-9 ok acquire null", "1 1-2 ok acquire null",
		"1 3-4 ok release null"}, Valid, ""},

	{"kv", []string{`0 0-1 ok a/put "x" null`, `0 2-3 ok a/append "y" null`,
		`0 4-5 ok a/get null "xy"`}, Valid, ""},
	{"kv(get/put/append strings)", []string{`0 0-1 ok a/get null ""`}, Valid, ""},
	{"kv", []string{`0 0-1 ok a/put "x" null`, `1 2-3 ok b/get null "x"`}, Invalid, "key b: "},
	{"kv", []string{`0 0-1 info a/append "x"`, `1 2-3 ok a/get null "x"`,
		`1 4-5 ok a/get null null`}, Invalid, "key a: "},

	{"multi-register({x 0 y 0})", []string{
		`0 0-1 ok txn [["write","y",2],["read","x",null]] [["write","y",2],["read","x",0]]`,
		`0 2-3 ok txn [["r","y",null]] [["r","y",2]]`}, Valid, ""},
	{"multi-register({x 0 y 0})", []string{`0 0-1 ok txn [["r","y",null]] [["r","y",2]]`},
		Invalid, ""},
	{"multi-register({x 0 y 0})", []string{
		`0 0-9 ok txn [["w","x",1],["w","y",1]]`,
		`1 1-2 ok txn [["r","x",null],["r","y",null]] [["r","x",1],["r","y",0]]`}, Invalid, ""},
	{"multi-register({x 0})", []string{`0 0-1 ok txn [["w","x",1],["r","x",null]] ` +
		`[["w","x",1],["r","x",1]]`}, Valid, ""},
	{"multi-register({0 7, :k foo})", []string{
		`0 0-1 ok read [["r",0,null],["r","k",null]] [["r",0,7],["r","k","foo"]]`}, Valid, ""},
	{"multi-register", []string{`0 0-1 ok txn [["r","x",null]] [["r","x",0]]`}, Valid,
		"begins with 0 (valid)"},
	{"multi-register", []string{`0 0-1 ok txn [["r","x",null]] [["r","x",null]]`}, Valid,
		"assumed to begin with nothing"},
	{"multi-register({x 0})", []string{`0 0-1 ok txn [["w","x",null]]`,
		`0 2-3 ok txn [["r","x",null]] [["r","x",0]]`}, Invalid, ""},
	{"multi-register({x 0})", []string{`0 0-1 info txn [["w","x",1],["r","x",5]]`,
		`1 2-3 ok txn [["r","x",null]] [["r","x",1]]`}, Valid, ""},

	{"set", []string{"0 0-1 ok add 1", "1 2-3 ok read null [1]"}, Valid, "all 1 element "},
	{"set", nil, Unknown, "never read"},
	{"set", []string{"0 0-1 ok a/add 1", "1 2-3 ok a/read null [1]", "0 4-5 ok b/add 1",
		"1 6-7 ok b/read null []", "0 8-9 ok c/add 1", "1 10-11 ok c/read null []"}, Invalid,
		"key b: Add #3 of 1 was acknowledged"},
	{"set", []string{"0 0-1 ok a/add 1", "1 2-3 ok a/read null [1]", "0 4-5 ok b/add 1"},
		Unknown, "key b: the set was never read"},
	{"set-full", []string{"0 0-1 ok add 1", "1 2-3 ok read null [1]"}, Valid, "stable"},
	{"counter", nil, Valid, ""},
	{"counter", []string{"0 0-1 ok add 1", "1 2-3 ok read null 2"}, Invalid, "out of bounds: 1"},
	{"bank", []string{"1 2-3 ok read null [[0,-1],[1,1]]"}, Invalid, "negative balances (0: -1)"},
}

// Goal: each model judges what its users mean by it, and says what it assumed.
// Method: small histories for each rule, with a piece of the reason or the notes.
func TestForeign(t *testing.T) {
	for _, c := range slices.Concat(foreignRegisters, foreignObjects) {
		got, notes, err := Foreign{Model: c.model}.Check(elsewhere(t, c.history...), time.Minute)
		said := got.Reason + " " + strings.Join(notes, " ")
		if err != nil || got.Verdict != c.want || !strings.Contains(said, c.said) || got.Reason == "" {
			t.Errorf("%s %q: %v, %q, %v, want %v and %q", c.model, c.history, got.Verdict, said, err,
				c.want, c.said)
		}
		if (got.Verdict == Invalid) != (got.Violation != nil) {
			t.Errorf("%s %q: %v with violation %v", c.model, c.history, got.Verdict, got.Violation)
		}
	}
}

// Goal: names and options that make no sense, and operations that are none of the model's, are
// refused in one line; nothing is judged then.
// Method: one case for each.
func TestForeignRefusals(t *testing.T) {
	total := int64(3)
	for _, c := range []struct {
		f    Foreign
		line string
		want string
	}{
		{Foreign{Model: "regster"}, "", `no model is called "regster"`},
		{Foreign{Model: ""}, "", `no model is called ""`},
		{Foreign{Model: "cas-register(x)"}, "", `begins with x, want nil or a whole number`},
		{Foreign{Model: "multi-register({x})"}, "", "begins with {x}, want {register value ...}"},
		{Foreign{Model: "multi-register({x 0)"}, "", "want {register value ...}"},
		{Foreign{Model: "multi-register(x)"}, "", "want nil or a whole number"},
		{Foreign{Model: "cas-register(0"}, "", `model "cas-register(0": its parenthesis is not closed`},
		{Foreign{Model: "cas-register (0"}, "", "its parenthesis is not closed"},
		{Foreign{Model: "mutex("}, "", "its parenthesis is not closed"},
		{Foreign{Model: "mutex(junk)"}, "", `model "mutex(junk)": a mutex begins with nothing else`},
		{Foreign{Model: "mutex (junk)"}, "", "a mutex begins with nothing else, want no (junk)"},
		{Foreign{Model: "kv(junk)"}, "", "a kv begins with nothing else"},
		{Foreign{Model: "set(1)"}, "", "a set begins with nothing else"},
		{Foreign{Model: "set", Total: &total}, "", `model "set" has no balances`},
		{Foreign{Model: "mutex", Negative: true}, "", `model "mutex" has no balances`},
		{Foreign{Model: "bank", Linearizable: true}, "", `model "bank" has no weaker reading`},
		{Foreign{Model: "mutex"}, "0 0-1 ok lock null", `operation 1: kind "lock": a mutex knows`},
		{Foreign{Model: "kv"}, "0 0-1 ok a/cas 1 1", `kind "cas": a key-value store knows get`},
		{Foreign{Model: "kv"}, "0 0-1 ok a/put 1 1", "operation 1: put of 1, want a string"},
		{Foreign{Model: "kv"}, "0 0-1 ok a/put null 1", "put of null, want a string"},
		{Foreign{Model: "kv"}, "0 0-1 ok a/get null 1", "get of 1, want a string"},
		{Foreign{Model: "cas-register"}, "0 0-1 ok add {}", "a register knows read, write and cas"},
		{Foreign{Model: "multi-register"}, "0 0-1 ok cas 1", `kind "cas": a multi-register knows`},
		{Foreign{Model: "multi-register"}, "0 0-1 ok txn 1", "no transaction of reads and writes: 1"},
		{Foreign{Model: "multi-register"}, `0 0-1 ok txn [["r","x"]]`, "no transaction of reads"},
		{Foreign{Model: "multi-register"}, `0 0-1 ok txn [["append","x",1]]`, `step "append": a multi`},
		{Foreign{Model: "multi-register"}, `0 0-1 ok txn [["w","x",1]] [["w","x",2]]`,
			"answered with other steps"},
		{Foreign{Model: "multi-register"}, `0 0-1 ok txn [["r","x",1]] [["r","y",2]]`,
			"answered with other steps"},
		{Foreign{Model: "bank"}, "0 0-1 ok add 1", `a bank knows read and transfer`},
	} {
		var lines []string
		if c.line != "" {
			lines = append(lines, c.line)
		}
		got, _, err := c.f.Check(elsewhere(t, lines...), time.Minute)
		if err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "\n") || got.Verdict != Unknown {
			t.Errorf("%+v %s: %v, %v, want an error with %q", c.f, c.line, got, err, c.want)
		}
	}
}

// Goal: who errs in the name of a model can be told all names, and each of them is one.
func TestModelNames(t *testing.T) {
	var unknown *UnknownModelError
	if err := (Foreign{Model: "lock"}).Valid(); !errors.As(err, &unknown) {
		t.Errorf("lock: %v", err)
	}
	for _, name := range ModelNames() {
		if err := (Foreign{Model: name}).Valid(); err != nil {
			t.Error(err)
		}
	}
	if got := len(slices.Compact(ModelNames())); got != 12 {
		t.Errorf("%d names: %q", got, ModelNames())
	}
}

// Goal: the name of a key moves no cursor, and sentences count one thing as one.
// Method: a key of control characters for both kinds of model; one operation on one key.
func TestForeignSentences(t *testing.T) {
	h := elsewhere(t, written("1"))
	for name, want := range map[string]string{
		"": "1 operation is linearizable", "k": "1 operation on 1 key is linearizable",
	} {
		h.Operations[0].Key = name
		got, _, err := Foreign{Model: "cas-register(0)"}.Check(h, time.Minute)
		if err != nil || got.Reason != want {
			t.Errorf("%q, %v, want %q", got.Reason, err, want)
		}
	}
	const quoted = `key "k\x1b[2J\nVALID": `
	for model, line := range map[string]string{
		"cas-register(0)": seen("7"), "bank": "1 2-3 ok read null [-1]",
	} {
		h := elsewhere(t, line)
		h.Operations[0].Key = "k\x1b[2J\nVALID"
		got, _, err := Foreign{Model: model}.Check(h, time.Minute)
		if err != nil || !strings.HasPrefix(got.Reason, quoted) {
			t.Errorf("%s: %q, %v, want %q", model, got.Reason, err, quoted)
		}
	}
}

// Goal: a history of our own runs is judged as the run was.
// Method: the same register and counter, with and without the run's name.
func TestForeignKnowsOurOwn(t *testing.T) {
	h := elsewhere(t, `0 0-1 ok k/read {} {"value":0}`)
	h.Header.Run = "r1"
	if got, _, err := (Foreign{Model: "register"}).Check(h, time.Minute); got.Verdict != Invalid {
		t.Errorf("a register of ours that begins with 0: %v, %v", got, err)
	}
	h = elsewhere(t, `0 0-1 ok k/add {"delta":3} {"value":3}`, `0 2-3 ok k/read {} {"value":4}`)
	h.Header.Run = "r1"
	if got, _, err := (Foreign{Model: "counter"}).Check(h, time.Minute); got.Verdict != Invalid ||
		err != nil || got.Keys[0].Engine == engineAggregate {
		t.Errorf("a counter of ours: %+v, %v", got, err)
	}
	h.Operations = nil
	if got, _, err := (Foreign{Model: "register"}).Check(h, time.Minute); got.Verdict != Unknown {
		t.Errorf("nothing of ours: %v, %v", got, err)
	}
}

// Goal: what a register began with is given the benefit of the doubt, and nothing more.
// Method: all pairs of verdicts.
func TestKinder(t *testing.T) {
	want := map[[2]Verdict]Verdict{
		{Valid, Valid}: Valid, {Valid, Unknown}: Valid, {Valid, Invalid}: Valid,
		{Unknown, Valid}: Valid, {Unknown, Unknown}: Unknown, {Unknown, Invalid}: Unknown,
		{Invalid, Valid}: Valid, {Invalid, Unknown}: Unknown, {Invalid, Invalid}: Invalid,
	}
	for pair, w := range want {
		first := Result{Verdict: pair[0], Reason: "first"}
		got := kinder(first, Result{Verdict: pair[1], Reason: "second"})
		if got.Verdict != w || pair[0] == pair[1] && got.Reason != "first" {
			t.Errorf("%v: %v, want %v", pair, got, w)
		}
	}
}

// Goal: what cannot have helped is not shown.
// Method: two holders of a mutex, after many acquires that were never answered.
func TestMutexShowsWhatMatters(t *testing.T) {
	lines := []string{"0 0-1 info acquire null", "1 0-1 info acquire null",
		"2 2-3 ok release null", "3 4-5 ok acquire null", "4 6-7 ok acquire null"}
	got, _, err := Foreign{Model: "mutex"}.Check(elsewhere(t, lines...), time.Minute)
	if err != nil || got.Violation == nil || !slices.Equal(got.Violation.Operations, []int64{4, 5}) {
		t.Errorf("%v, %+v, want operations 4 and 5", err, got.Violation)
	}
}

// Goal: a set that must be linearizable is judged by every read, any other by the last alone.
// Method: a read that misses what was acknowledged, before one that does not.
func TestForeignSets(t *testing.T) {
	h := elsewhere(t, "0 0-1 ok add 1", "1 2-3 ok read null []", "1 4-5 ok read null [1]")
	for model, want := range map[Foreign]Verdict{
		{Model: "set"}: Valid, {Model: "set", Linearizable: true}: Invalid,
		{Model: "set-full"}: Valid, {Model: "set-full", Linearizable: true}: Invalid,
	} {
		if got, _, err := model.Check(h, time.Minute); err != nil || got.Verdict != want {
			t.Errorf("%+v: %v (%s), %v, want %v", model, got.Verdict, got.Reason, err, want)
		}
	}
}

// Goal: orders of appends that nobody saw cost nothing.
// Method: ten appends at once, unseen, then a put and a get; and twelve of which a get saw all. No
// search over orders would end.
func TestKVForgetsWhatNobodySaw(t *testing.T) {
	var lines []string
	for i := range 10 {
		lines = append(lines, fmt.Sprintf(`%d 0-50 ok k/append "<%d>"`, i, i))
	}
	lines = append(lines, `20 60-61 ok k/put "p"`, `20 62-63 ok k/get null "p"`)
	text := "p"
	for i := range 12 {
		lines = append(lines, fmt.Sprintf(`%d 70-90 ok k/append "<%d>"`, 30+i, i))
		text += fmt.Sprintf("<%d>", 11-i)
	}
	for _, end := range []struct {
		text string
		want Verdict
	}{{text, Valid}, {strings.Replace(text, "<3>", "<3><3>", 1), Invalid}} {
		h := elsewhere(t, append(slices.Clone(lines), `20 95-96 ok k/get null "`+end.text+`"`)...)
		got, _, err := Foreign{Model: "kv"}.Check(h, 5*time.Second)
		if err != nil || got.Verdict != end.want {
			t.Errorf("%v (%s), %v, want %v", got.Verdict, got.Reason, err, end.want)
		}
	}
}

// Goal: of many strings that were put, the few that contradict each other are found in no time.
// Method: two thousand puts, each got at once, and a late get of an early one.
func TestKVShowsTheFewThatMatter(t *testing.T) {
	var lines []string
	for i := range 2000 {
		lines = append(lines, fmt.Sprintf(`0 %d-%d ok k/put "<%d>"`, 4*i, 4*i+1, i),
			fmt.Sprintf(`0 %d-%d ok k/get null "<%d>"`, 4*i+2, 4*i+3, i))
	}
	lines = append(lines, `0 9000-9001 ok k/get null "<7>"`)
	got, _, err := Foreign{Model: "kv"}.Check(elsewhere(t, lines...), time.Minute)
	if err != nil || got.Violation == nil || len(got.Violation.Operations) != 3 {
		t.Errorf("%s, %v", got.Reason, err)
	}
}

// Goal: an operation from before the start of the clock is no reason to panic.
// Method: a read of what the register began with, after a write, both long before 0.
func TestTimesBelowZero(t *testing.T) {
	h := elsewhere(t, `0 0-1 ok write {"value":1} {}`, `1 2-3 ok read {} {"value":0}`)
	for i := range h.Operations {
		h.Operations[i].Call -= time.Hour
		h.Operations[i].Return -= time.Hour
	}
	got, _, err := Foreign{Model: "cas-register(0)"}.Check(h, time.Minute)
	if err != nil || got.Verdict != Invalid || got.Violation.Class != finding.Stale {
		t.Errorf("%v (%s), %v", got.Verdict, got.Reason, err)
	}
}
