package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
)

// Goal: every history that comes with the sources, of every model and format, gets the verdict that
// its author knew, and so do generated ones.
// Method: the command as it runs where there is no other collection, from the root of the sources.
func TestOwnCollection(t *testing.T) {
	t.Chdir("../..")
	var out, talk bytes.Buffer
	if code := run(&out, &talk, "no-such-directory", time.Minute); code != 0 {
		t.Errorf("exit %d", code)
	}
	if strings.Contains(out.String(), string(wrong)) {
		t.Errorf("\n%s", &out)
	}
	if said := talk.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, own) {
		t.Errorf("says %q, want one line that names %s", said, own)
	}
	entries, err := readManifest(filepath.Join(own, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	both := map[string]map[string]bool{}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.model.Model, "(")
		if both[name] == nil {
			both[name] = map[string]bool{}
		}
		both[name][e.expected] = true
	}
	for _, model := range []string{
		"cas-register", "kv", "mutex", "set", "set-full", "counter", "bank", "multi-register",
	} {
		if !both[model]["ok"] || !both[model]["illegal"] {
			t.Errorf("%s: %v, want a history that is right and one that is not", model, both[model])
		}
	}
}

// Goal: a verdict that is not the known one is never passed over: the answer is wrong, unknown or
// none; and nothing right is no success.
// Method: small collections in a directory of their own.
func TestMismatches(t *testing.T) {
	const head = "file\tmodel\texpected\tnote\n"
	const good = `[{:process 0, :type :invoke, :f :read}{:process 0, :type :ok, :f :read, :value [] }]`
	for _, c := range []struct {
		name, manifest string
		code           int
		said           string
	}{
		{"right", head + "h.edn\tset\tok\n", 0, "1 right, 0 wrong"},
		{"other verdict", head + "h.edn\tset\tillegal\n", 1, "holds all 0 elements"},
		{"unknown", head + "h.edn\tset-full\tok\n", 1, "unknown"},
		{"damaged", head + "bad.edn\tset\tillegal\n", 1, "bad.edn:1: "},
		{"missing", head + "none.edn\tset\tillegal\n", 1, "none.edn: no such file"},
		{"no such model", head + "h.edn\tsett\tok\n", 1, `no model is called "sett"`},
		{"nobody knows", head + "h.edn\tset\tunknown (no test)\n", 1, "1 of unknown verdict"},
		{"later", head + "h.edn\tset\tok\nh.edn\tlist-append\tillegal\n", 0,
			"1 of transactions\n\"later\" is not judged: no checker here is for list-append, "},
		{"only later", head + "h.edn\tlist-append\tillegal\n", 1, "0 right"},
		{"options", head + "h.edn\tset\tok\twith --total 3 and so on\n", 1, "has no balances"},
		{"no rows", head, 64, "no history is listed"},
		{"no model", head + "h.edn\t\tok\n", 64, "MANIFEST.tsv:2: no model"},
		{"no verdict", head + "h.edn\tset\n", 64, "MANIFEST.tsv:2: no expected"},
		{"outside", head + "../h.edn\tset\tok\n", 64, `MANIFEST.tsv:2: file "../h.edn" is not below`},
		{"no total", head + "h.edn\tbank\tok\t--total x\n", 64, "--total x, want a whole number"},
		{"cut off", head + "h.edn\tbank\tok\t--total\n", 64, "--total of nothing"},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{
			manifestName: c.manifest, "h.edn": good, "bad.edn": "[{:process 0",
		} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var out, talk bytes.Buffer
		code := run(&out, &talk, dir, time.Minute)
		if said := out.String() + talk.String(); code != c.code || !strings.Contains(said, c.said) {
			t.Errorf("%s: exit %d, want %d and %q in\n%s", c.name, code, c.code, c.said, said)
		}
	}
}

// Goal: a note's words can be options in two spellings.
// Method: each of them.
func TestOptions(t *testing.T) {
	for _, c := range []struct {
		note string
		want func(checker.Foreign) bool
	}{
		{"see --negative-balances", func(f checker.Foreign) bool { return f.Negative }},
		{"--allow-negative-balances", func(f checker.Foreign) bool { return f.Negative }},
		{"--linearizable", func(f checker.Foreign) bool { return f.Linearizable }},
		{"--total 7", func(f checker.Foreign) bool { return *f.Total == 7 }},
		{"--total-amount -7", func(f checker.Foreign) bool { return *f.Total == -7 }},
		{"nothing", func(f checker.Foreign) bool { return f == checker.Foreign{} }},
	} {
		var f checker.Foreign
		if err := options(strings.Fields(c.note), &f); err != nil || !c.want(f) {
			t.Errorf("%q: %+v, %v", c.note, f, err)
		}
	}
}
