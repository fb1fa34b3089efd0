package jepsen_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gauntlet/exchange/jepsen"
)

// Goal: no client is taken for the nemesis: a word that spells a number is a number.
// Method: the same stale read with processes spelt in each way, in EDN, JSON and a log.
func TestSpeltProcesses(t *testing.T) {
	const edn = "{:process %[1]s :type :invoke :f :write :value 1}" +
		"{:process %[1]s :type :ok :f :write :value 1}"
	const json = `[{"process":%[1]s,"type":"invoke","f":"write","value":1},` +
		`{"process":%[1]s,"type":"ok","f":"write","value":1}]`
	const log = "%[1]s\t:invoke\t:write\t1\n%[1]s\t:ok\t:write\t1\n"
	for _, c := range []struct{ form, process string }{
		{edn, "3"}, {edn, `"3"`}, {edn, ":3"}, {json, "3"}, {json, `"3"`}, {log, "3"},
		{"INFO  jepsen.util - :3\t:invoke\t:write\t1\n:3\t:ok\t:write\t1\n%.0s", ""},
	} {
		check(t, read(t, "register", fmt.Sprintf(c.form, c.process)), `
			1..2 p3 write {"value":1} ok {}
			`)
	}
	for _, process := range []string{`"-1"`, `"99999999999"`, "-1"} {
		_, err := jepsen.Read(strings.NewReader(fmt.Sprintf(edn, process)), "h", "register")
		if err == nil || !strings.HasPrefix(err.Error(), "h:1: process "+process+", want a number") {
			t.Errorf("process %s: %v", process, err)
		}
	}
}

// Goal: where all operations were skipped, nobody says valid, unless they were the nemesis'.
// Method: histories of processes with other names, and of a nemesis that asks for what clients ask.
func TestNothingLeft(t *testing.T) {
	const one = "{:process %s :type %s :f %s :value nil}\n"
	faults := fmt.Sprintf(one, ":nemesis", ":info", ":isolate")
	for _, c := range []struct {
		model, text, want string
	}{
		{"cas-register(0)", faults + faults, ""},
		{"cas-register(0)", strings.ReplaceAll(faults, ":nemesis", `"nemesis"`), ""},
		{"set", fmt.Sprintf(one, ":nemesis", ":invoke", ":isolate"), ""},
		{"set", faults + fmt.Sprintf(one, ":nemesis", ":invoke", ":add"), `process "nemesis"`},
		{"set", fmt.Sprintf(one, ":nemesis", ":info", ":add"), ""},
		{"kv", faults + fmt.Sprintf(one, ":worker", ":info", ":x"), `process "worker"`},
		{"mutex", faults + faults + fmt.Sprintf(one, `"c1"`, ":invoke", ":acquire"), "h:3: "},
		{"register", ":nemesis\t:info\t:start\tnil\n", ""},
		{"register", ":nemesis\t:info\t:start\tnil\n:w\t:invoke\t:read\tnil\n", "h:2: "},
	} {
		h, err := jepsen.Read(strings.NewReader(c.text), "h", c.model)
		var skipped *jepsen.SkippedError
		switch {
		case c.want == "" && (err != nil || len(h.Operations) > 0 || len(h.Warnings) != 1):
			t.Errorf("%s: %v", c.text, err)
		case c.want != "" && (!errors.As(err, &skipped) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
		}
	}
	h := read(t, "set", fmt.Sprintf(one, ":worker", ":info", ":x")+fmt.Sprintf(one, "0", ":invoke",
		":read"))
	const want = "1, skipped; 1 of them look like a client's, the first in line 1"
	if len(h.Operations) != 1 || !strings.HasSuffix(strings.Join(h.Warnings[:2], " "), want) {
		t.Errorf("%d operations, %q", len(h.Operations), h.Warnings)
	}
}

// Goal: an index that says nothing refuses nothing; one that contradicts the order still does.
func TestNoIndex(t *testing.T) {
	const two = "{:index %s :process 0 :type :invoke :f :read}" +
		"{:index %s :process 0 :type :ok :f :read :value nil}"
	for _, pair := range [][2]string{{"-1", "-1"}, {"4", "-1"}, {"nil", "0"}, {"1.5", "0"}} {
		check(t, read(t, "register", fmt.Sprintf(two, pair[0], pair[1])), `
			1..2 p0 read {} ok {"value":null}
			`)
	}
	_, err := jepsen.Read(strings.NewReader(fmt.Sprintf(two, "4", "4")), "h", "register")
	if err == nil || !strings.Contains(err.Error(), "index 4 after 4") {
		t.Errorf("the same index twice: %v", err)
	}
}
