package jepsen_test

import (
	"fmt"
	"strings"
	"testing"

	"gauntlet/exchange/edn"
	"gauntlet/exchange/jepsen"
)

const log = `INFO  jepsen.util - 0	:invoke	:read	nil
INFO  jepsen.util - 1	:invoke	:write	4
INFO  jepsen.util - :nemesis	:info	:start	nil
WARN  some.client - connection lost
INFO  jepsen.util - 0	:fail	:read	:timed-out
INFO  jepsen.util - 1	:info	:write	:timed-out
INFO  jepsen.util - 0	:invoke	:cas	[1 2]
INFO  jepsen.util - 1	:invoke	:cas	[4 2]
INFO  jepsen.util - 0	:fail	:cas	[1 2]
INFO  jepsen.util - 1	:fail	:cas	[4 2]	:not-a-leader
INFO  jepsen.util - 0	:invoke	:read	nil
INFO  jepsen.util - 0	:ok	:read	nil
`

// Goal: a log is read as porcupine's own test reads it: a failed cas has found another value than
// it expected, unless the log says why it failed.
func TestLog(t *testing.T) {
	h := read(t, "cas-register(nil)", log)
	check(t, h, `
		1..3 p0 read {} fail 
		2..4 p1 write {"value":4} info 
		5..7 p0 cas {"expected":1,"value":2} ok {"swapped":false}
		6..8 p2 cas {"expected":4,"value":2} fail 
		9..10 p0 read {} ok {"value":null}
		`)
	if got := h.Operations[3].Error; got != "not-a-leader" {
		t.Errorf("error %q", got)
	}
	newer := strings.ReplaceAll(log, "INFO  jepsen.util - ",
		"2026-01-02 10:11:12,345{GMT}\tINFO\t[worker] jepsen.util: ")
	bare := strings.ReplaceAll(log, "INFO  jepsen.util - ", "")
	spaces := strings.ReplaceAll(log, "\t", "  ")
	for _, text := range []string{newer, bare, strings.ReplaceAll(log, "\n", "\r\n"), spaces,
		strings.ReplaceAll(bare, "\t", " "), strings.ReplaceAll(spaces, "\n", " \n")} {
		if got := lines(read(t, "register", text)); got != lines(h) {
			t.Errorf("%.60q:\n%s", text, got)
		}
	}
}

// Goal: a log that is damaged is refused with its line.
func TestDamagedLogs(t *testing.T) {
	const invoke = "INFO  jepsen.util - 0	:invoke	:write	1\n"
	for in, want := range map[string]string{
		invoke + "INFO  jepsen.util - 0	:inv":                  "h.edn:2: ",
		invoke + "INFO  jeps":                                  "h.edn:2: ",
		invoke + "INFO  jepsen.util - 0	:inv\n" + invoke:       "h.edn:2: ",
		invoke + "WARN \xff\n" + invoke:                        "h.edn:2: not valid UTF-8",
		invoke + invoke:                                        "h.edn:2: process 0 invokes write",
		invoke + "INFO  jepsen.util - 0	:okay	:write	1\n":      "h.edn:2: type",
		invoke + "0 :ok :write [1\n":                           "h.edn:2: cut off",
		invoke + "0 :ok :write 1 2 3\n":                        `h.edn:2: "1 2 3" is not one value`,
		invoke + "w :ok :write 1\n":                            `h.edn:2: process "w", want`,
		invoke + "INFO  jepsen.util - x	:ok	:write	1\n":        "h.edn:2: process",
		invoke + "INFO  jepsen.util - 0	:ok	:write	[1\n":       "h.edn:2: cut off",
		invoke + "INFO  jepsen.util - 0	:ok	:write	1 2\n":      `h.edn:2: "1 2" is not one value`,
		invoke + "INFO  jepsen.util - 0	:ok	:write	1 \xff\n":   "h.edn:2: not valid UTF-8",
		invoke + "INFO  jepsen.util - 99999999999	:ok	:read	1": "h.edn:2: process",
		invoke + strings.Repeat("x", 2<<20):                    "h.edn:2: longer than 1048576 bytes",
	} {
		_, err := jepsen.Read(strings.NewReader(in), "h.edn", "register")
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.100q: %v, want %s", in, err, want)
		}
	}
}

// Goal: keys are found wherever Jepsen's tools leave them, and only there.
// Method: a tagged tuple, plain pairs throughout, the :key of a key-value history; then pairs that
// may be values, which stay what they are.
func TestKeys(t *testing.T) {
	const pair = "{:process 0 :type :invoke :f :read :value [5 nil]}" +
		"{:process 0 :type :ok :f :read :value [5 3]}" +
		`{:process 0 :type :invoke :f :write :value ["5" 4]}` +
		`{:process 0 :type :ok :f :write :value ["5" 4]}` +
		"{:process 0 :type :invoke :f :cas :value [:a [1 2]]}" +
		"{:process 0 :type :ok :f :cas :value [:a [1 2]]}"
	const want = `
		1..2 p0 read @5 {} ok {"value":3}
		3..4 p0 write @"5" {"value":4} ok {}
		5..6 p0 cas @a {"expected":1,"value":2} ok {"swapped":true}
		`
	h := read(t, "register", pair)
	check(t, h, want)
	if got := fmt.Sprint(h.Warnings); !strings.Contains(got, "independent keys") {
		t.Errorf("warnings %s", got)
	}
	for _, tag := range []string{"#jepsen.independent.Tuple ", "#clojure.lang.MapEntry ",
		"#jepsen.independent/Tuple "} {
		check(t, read(t, "register", strings.ReplaceAll(pair, ":value ", ":value "+tag)), want)
	}
	check(t, read(t, "kv", `{:process 0, :type :invoke, :f :get, :key "k", :value nil}
		{:process 0, :type :ok, :f :get, :key "k", :value "x"}`), `
		1..2 p0 get @k null ok "x"
		`)
	check(t, read(t, "set", `{:process 0, :type :invoke, :f :add, :value [0 1]}
		{:process 0, :type :ok, :f :add, :value [0 1]}
		{:process 0, :type :invoke, :f :read, :value [0 nil]}
		{:process 0, :type :ok, :f :read, :value [0 1 2]}`), `
		1..2 p0 add [0,1] ok [0,1]
		3..4 p0 read [0,null] ok [0,1,2]
		`)
	check(t, read(t, "set", `{:process 0, :type :invoke, :f :add, :value [0 1]}
		{:process 0, :type :ok, :f :add, :value [0 1]}`), `
		1..2 p0 add [0,1] ok [0,1]
		`)
	check(t, read(t, "set", `{:process 0, :type :invoke, :f :read, :value [1 nil]}
		{:process 0, :type :ok, :f :read, :value [2 3]}`), `
		1..2 p0 read [1,null] ok [2,3]
		`)
	check(t, read(t, "set", `{:process 0, :type :invoke, :f :read, :value [[0 1] nil]}
		{:process 0, :type :ok, :f :read, :value [[0 1] 2]}`), `
		1..2 p0 read [[0,1],null] ok [[0,1],2]
		`)
	const three = `{:process 0, :type :invoke, :f :get, :key 5} {:process 0, :type :ok, :f :get}
		{:process 0, :type :invoke, :f :get, :key "5"} {:process 0, :type :ok, :f :get}
		{:process 0, :type :invoke, :f :get, :key "\"5\""} {:process 0, :type :ok, :f :get}`
	check(t, read(t, "kv", three), `
		1..2 p0 get @5 null ok null
		3..4 p0 get @"5" null ok null
		5..6 p0 get @"\"5\"" null ok null
		`)
	for in, want := range map[string]string{
		strings.Replace(pair, ":value ", ":value #jepsen.independent.Tuple ", 1): "asks for a tuple",
		`{:process 0, :type :invoke, :f :get, :value #clojure.lang.MapEntry [1 nil]}
			{:process 0, :type :ok, :f :get, :value #clojure.lang.MapEntry [2 "x"]}`: "h:2: answers " +
			"for key 2, but line 1 asks for key 1",
		`{:process 0, :type :invoke, :f :get, :key "k"}
			{:process 0, :type :ok, :f :get, :key "j"}`: `ok on key "j", but line 1 asks for key "k"`,
	} {
		if _, err := jepsen.Read(strings.NewReader(in), "h", "kv"); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

// Goal: histories without processes are paired where there is no doubt, and refused where there is.
func TestNoProcesses(t *testing.T) {
	const start = `{:type :invoke, :f :read, :value nil}
		{:type :invoke, :f :write, :value 4}
		{:type :invoke, :f :write, :value 5}
		{:type :ok, :f :write, :value 4}
		`
	check(t, read(t, "register", start+`{:type :ok, :f :read, :value 4}
		{:type :invoke, :f :read}
		{:type :info, :f :write, :value 5}
		{:type :ok, :f :read, :value nil}
		{:type :invoke, :f :write, :value 6}
		{:type :invoke, :f :read}`), `
		1..5 p0 read {} ok {"value":4}
		2..4 p1 write {"value":4} ok {}
		3..7 p2 write {"value":5} info 
		6..8 p0 read {} ok {"value":null}
		9..10 p0 write {"value":6} info 
		10..10 p1 read {} fail 
		`)
	for _, end := range []string{
		"{:type :invoke, :f :write, :value 5} {:type :ok, :f :write, :value 5}",
		"{:type :invoke, :f :read} {:type :ok, :f :read, :value 5}",
		"{:type :ok, :f :cas, :value [1 2]}",
	} {
		_, err := jepsen.Read(strings.NewReader(start+end), "h", "register")
		if err == nil || !strings.HasPrefix(err.Error(), "h:5: ok of no :process could end any of") {
			t.Errorf("%s: %v", end, err)
		}
	}
	many := strings.Repeat("{:type :invoke :f :read}\n", 101)
	_, err := jepsen.Read(strings.NewReader(many), "h", "register")
	want := "h:101: more than 100 operations of no :process are open"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	check(t, read(t, "list-append", `{:index 0 :type :invoke :value [[:append 1 2] [:r 1 nil]]}
		{:index 7 :type :ok :value [[:append 1 2] [:r 1 [2]]]}`), `
		1..2 p0 txn [["append",1,2],["r",1,null]] ok [["append",1,2],["r",1,[2]]]
		`)
}

// Goal: a register's values that are no integers become integers, each value one of its own, and
// none that the history or the initial state has.
func TestNumbers(t *testing.T) {
	h := read(t, "cas-register(2)", `
		{:process 0 :type :invoke :f :write :value "a"}  {:process 0 :type :ok :f :write}
		{:process 0 :type :invoke :f :write :value 1}    {:process 0 :type :ok :f :write}
		{:process 0 :type :invoke :f :cas :value ["a" :b]} {:process 0 :type :ok :f :cas}
		{:process 0 :type :invoke :f :read}              {:process 0 :type :ok :f :read :value :b}
		{:process 0 :type :invoke :f :read}              {:process 0 :type :ok :f :read :value #{3 4}}
		{:process 0 :type :invoke :f :read}              {:process 0 :type :ok :f :read :value #{4 3}}
		{:process 0 :type :invoke :f :read}              {:process 0 :type :ok :f :read :value 1.0}
		`)
	check(t, h, `
		1..2 p0 write {"value":3} ok {}
		3..4 p0 write {"value":1} ok {}
		5..6 p0 cas {"expected":3,"value":4} ok {"swapped":true}
		7..8 p0 read {} ok {"value":4}
		9..10 p0 read {} ok {"value":5}
		11..12 p0 read {} ok {"value":5}
		13..14 p0 read {} ok {"value":6}
		`)
	want := "values that are no integers: 4, replaced by integers that the history does not hold: " +
		`3 for "a", 4 for :b, 5 for #{3 4}, 6 for 1.0`
	if got := h.Warnings[len(h.Warnings)-1]; got != want {
		t.Errorf("warning %q, want %q", got, want)
	}
}

// Goal: nil that is written over a number is a value of its own; where the register begins with nil
// it would be what the register began with, and is refused.
func TestWrittenNil(t *testing.T) {
	const text = `
		{:process 0 :type :invoke :f :write :value 1}      {:process 0 :type :ok :f :write}
		{:process 0 :type :invoke :f :write :value nil}    {:process 0 :type :ok :f :write}
		{:process 0 :type :invoke :f :read}                {:process 0 :type :ok :f :read}
		{:process 0 :type :invoke :f :cas :value [nil 4]}  {:process 0 :type :ok :f :cas}
		{:process 0 :type :invoke :f :cas :value [4 nil]}  {:process 0 :type :ok :f :cas}
		`
	h := read(t, "cas-register(0)", text)
	check(t, h, `
		1..2 p0 write {"value":1} ok {}
		3..4 p0 write {"value":2} ok {}
		5..6 p0 read {} ok {"value":null}
		7..8 p0 cas {"expected":2,"value":4} ok {"swapped":true}
		9..10 p0 cas {"expected":4,"value":2} ok {"swapped":true}
		`)
	if got := h.Warnings[len(h.Warnings)-1]; !strings.HasSuffix(got, ": 2 for nil") {
		t.Errorf("warning %q", got)
	}
	for _, model := range []string{"cas-register(nil)", "cas-register"} {
		_, err := jepsen.Read(strings.NewReader(text), "h", model)
		if err == nil || !strings.HasPrefix(err.Error(), "h:3: write of nil: a register is absent") {
			t.Errorf("%s: %v", model, err)
		}
	}
}

// Goal: a tag that may hide a key refuses a register's history; one of plain values does not.
func TestUnknownTags(t *testing.T) {
	const text = "{:process 0 :type :invoke :f :write :value %s}\n" +
		"{:process 0 :type :ok :f :write :value %s}"
	for _, c := range []struct{ asked, answered, want string }{
		{"#my/Pair [1 2]", "#my/Pair [1 2]", "h:1: value #my/Pair [1 2]: nobody knows"},
		{"3", "#my/Pair [1 2]", "h:2: value #my/Pair [1 2]: nobody knows what the tag #my/Pair means"},
		{"#jepsen.independent/Tuple 3", "nil", "h:1: value #jepsen.independent/Tuple 3: nobody"},
		{`#uuid "a"`, `#uuid "a"`, ""},
	} {
		in := fmt.Sprintf(text, c.asked, c.answered)
		_, err := jepsen.Read(strings.NewReader(in), "h", "register")
		if c.want == "" && err != nil || c.want != "" &&
			(err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %s", in, err, c.want)
		}
	}
}

// Goal: times that contradict the order of the text are not used, and it is said.
func TestTimes(t *testing.T) {
	const two = "{:process 0 :type :invoke :f :read :time %s} {:process 0 :type :ok :f :read :time %s}"
	for _, test := range []struct{ a, b, want string }{
		{"100", "200", "100..200"},
		{"0", "0", "0..1"},
		{"200", "100", "1..2"},
		{"-5", "7", "1..2"},
		{"nil", "7", "1..2"},
		{"1.5", "7", "1..2"},
		{"7", `#inst "2026-01-02T03:04:05Z"`, "1..2"},
		{"7", "99999999999999999999", "1..2"},
		{"7", "9000000000000000000", "1..2"},
	} {
		h := read(t, "register", fmt.Sprintf(two, test.a, test.b))
		if got, _, _ := strings.Cut(lines(h), " "); got != test.want {
			t.Errorf("times %s, %s: %s, want %s", test.a, test.b, got, test.want)
		}
		if ordered := test.want == "1..2"; ordered != (len(h.Warnings) == 1) {
			t.Errorf("times %s, %s: warnings %q", test.a, test.b, h.Warnings)
		} else if jepsen.Untimed(h) != ordered {
			t.Errorf("times %s, %s: untimed %v", test.a, test.b, !ordered)
		}
	}
}

// Goal: a history of ours that breaks a law is refused with the line of the operation that does.
func TestLawlessOwn(t *testing.T) {
	const header = `{"type":"header","version":1}
`
	invoke := func(id, time int) string {
		return fmt.Sprintf(`{"type":"invoke","time":%d,"id":%d,"process":0,"kind":"write","input":{}}
`, time, id)
	}
	for text, want := range map[string]string{
		header + invoke(1, 5) + `{"type":"phase","name":"load","at":7}` + "\n" + invoke(2, 9): "h:4: " +
			"operation 2: process 0 was retired by operation 1, whose outcome is unknown",
		header + invoke(1, 5) + invoke(2, 3): "h:3: operation 2: call at 3ns, before that of " +
			"operation 1 at 5ns",
		header + `{"type":"fault","id":1,"stage":"healed","start":9,"stop":3}`: "h: fault 1: ",

		header + invoke(1, 5) + `{"type":"inv`: "h:3: cut off: not a JSON object: unexpected end",
		header + invoke(1, 5)[:40]:             "h:2: cut off: ",
		header[:20]:                            "h:1: ",
		header:                                 "h:1: empty: no operation at all",
		header + "{}":                          "h:2: ",
	} {
		_, err := jepsen.Read(strings.NewReader(text), "h", "register")
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n%v, want %s", text, err, want)
		}
	}
}

// limit lowers what one value may take to a mebibyte, to save the time of a test.
func limit(t *testing.T) {
	before := edn.DefaultLimits
	edn.DefaultLimits.Bytes = 1 << 20
	t.Cleanup(func() { edn.DefaultLimits = before })
}

// Goal: only what one operation takes is bounded, not a text, even if it is all on one line.
func TestLongTexts(t *testing.T) {
	limit(t)
	const invoke = `{"process":0,"type":"invoke","f":"read"},`
	const ok = `{"process":0,"type":"ok","f":"read","value":1}`
	blank := strings.Repeat(" ", 700_000)
	text := "[" + invoke + blank + ok + blank + "]"
	colon := strings.NewReplacer(`"process":`, ":process ", `"type":`, ":type ", `"f":`, ":f ",
		`"value":`, ":value ")
	for _, text := range []string{text, colon.Replace(text)} {
		if got := len(read(t, "register", text).Operations); got != 1 {
			t.Errorf("%.50q: %d operations", text, got)
		}
	}
}

// endless is a text of one line that goes on for ever.
type endless struct {
	start string
	fill  byte
	given int
}

func (e *endless) Read(b []byte) (int, error) {
	n := 0
	if e.given < len(e.start) {
		n = copy(b, e.start[e.given:])
	}
	for i := n; i < len(b); i++ {
		b[i] = e.fill
	}
	e.given += len(b)
	return len(b), nil
}

// Goal: a line of any length costs bounded memory, and is refused with its place.
// Method: texts that never end; the reader gives up after what an operation may take.
func TestEndlessLines(t *testing.T) {
	limit(t)
	const most = 3 << 20
	for _, test := range []struct{ start, fill, want string }{
		{`{:process 0 :type :ok :error "`, "x", "h:1: a value of more than 1048576 bytes"},
		{"[{:a ", "[", "h:1: nested deeper than 100"},
		{`[{"a":"`, "x", "h:1: a value of more than 1048576 bytes"},
		{`[{"a":`, "[", "h:1: "},
		{"INFO jepsen.util - 0\t:invoke\t:write\t", "1", "h:1: longer than 1048576 bytes"},
	} {
		text := &endless{start: test.start, fill: test.fill[0]}
		_, err := jepsen.Read(text, "h", "register")
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || text.given > most {
			t.Errorf("%s%s...: %.200v after %d bytes, want %s", test.start, test.fill, err,
				text.given, test.want)
		}
	}
}
