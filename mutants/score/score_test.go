package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/mutants"
	"gauntlet/sim/schedule"
)

const summary = `seeds 10..1309: SAFETY VIOLATED by 1,201, liveness missed by 2
  12,013,500 events, 10h00m of simulated time, 9,000 operations, of which 6,000 ok

failures
  two-leaders        1,201 seeds, the first is 700; internal only in 4
                     n1 and n3 in term 4
  no-leader          2 seeds, the first is 900
                     n1 and n3 in term 4

situations            seeds        times
  figure-8            2,000        3,000
`

// Goal: the score says what the campaign found, and nothing it did not find.
// Method: a summary with failures, one without, and a text that is none.
func TestParse(t *testing.T) {
	got, err := parse(summary)
	want := tally{seeds: 1300, failures: 1203, signature: "two-leaders", internal: true}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	got, err = parse("seeds 1..17: no failure\n")
	if err != nil || got != (tally{seeds: 17}) {
		t.Errorf("a clean one: %+v, %v", got, err)
	}
	if _, err := parse("no seed was played\n"); err == nil {
		t.Error("nothing is taken for a campaign")
	}
}

// Goal: a bug that was found but whose schedule proves nothing is not counted as caught.
// Method: a table of a caught bug, a missed one, and one that the clean build has as well.
func TestTable(t *testing.T) {
	small := &schedule.Schedule{}
	small.Options.Nodes = 3
	rows := []row{
		{mutant: mutants.Mutant{ID: "a"}, signature: "two-leaders", seeds: 7, took: time.Second,
			small: small, rate: tally{seeds: 200, failures: 3}},
		{mutant: mutants.Mutant{ID: "b"}, seeds: 900, missed: "not found in 1m0s"},
		{mutant: mutants.Mutant{ID: "c"}, signature: "no-leader", seeds: 9, took: 3 * time.Second,
			small: small, missed: "the clean build fails as well: no-leader"},
	}
	text := table(rows, &hunter{patience: time.Minute, workers: 2, from: 1})
	for _, want := range []string{
		"a    two-leaders  yes             7      1.0s", "0.015 (3 of 200)",
		"b    MISSED", "MISSED b: not found", "MISSED c: the clean build fails",
		"found after 7 seeds in 1.0s", "1 of 3 planted bugs caught",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

// Goal: a wrong name is an error, and several names are all of them, in their order.
func TestChoose(t *testing.T) {
	if _, err := choose("even-quorum,nonesuch"); err == nil {
		t.Error("a bug that is none was taken")
	}
	chosen, err := choose("figure-8,even-quorum")
	if err != nil || len(chosen) != 2 || chosen[0].ID != "figure-8" {
		t.Errorf("%v, %v", chosen, err)
	}
}

// Goal: a schedule proves a bug only if it fails again with the bug, event by event, and never
// without it. Method: scripts that answer as verify replay does.
func TestReplay(t *testing.T) {
	const again = "as expected: two-leaders, by the same trace"
	for _, test := range []struct {
		name, wrong string
		clean       int
		missed      string
	}{
		{"proof", again, 0, ""},
		{"other trace", "as expected: two-leaders, by another trace", 0, "does not fail again"},
		{"fixed", "fixed: this build no longer fails with two-leaders", 0, "does not fail again"},
		{"other failure", "NOT as expected: it failed with no-leader", 0, "does not fail again"},
		{"false alarm", again, 2, "the clean build fails as well"},
	} {
		h := hunter{clean: script(t, "seen by the clean one", test.clean)}
		missed, err := h.replay(t.Context(), script(t, test.wrong, 1), "file", "two-leaders")
		proven := missed == ""
		if err != nil || proven != (test.missed == "") || !strings.Contains(missed, test.missed) {
			t.Errorf("%s: %q, %v; want %q", test.name, missed, err, test.missed)
		}
	}
}

// Goal: checker and witness agree only if the checker judged, decided, and rejected nothing that
// the witness let pass. Method: scripts that answer as campaigns do.
func TestAgree(t *testing.T) {
	const start = "seeds 1..1300: no failure\n  1 seeds played twice, the same event by event; "
	for _, test := range []struct {
		name, says string
		want       bool
		line       string
	}{
		{"agreed", start + "1,300 judged by the checker too",
			true, "1300        0     1300         0         0"},
		{"nothing judged", start + "0 judged by the checker too", false, "1300        0        0"},
		{"disputed", start + "1,300 judged by the checker too\n" +
			"  1,002 of them it REJECTED though the witness held", false, "1002"},
		{"undecided", "seeds 1..7: 3 undecided\n  0 seeds played twice, the same event by event; " +
			"4 judged by the checker too", false, "4         3         0"},
	} {
		var out strings.Builder
		h := hunter{workers: 1}
		got, err := h.compare(t.Context(), &out, test.name, script(t, test.says, 0), 1300)
		if err != nil || got != test.want || !strings.Contains(out.String(), test.line) {
			t.Errorf("%s: %t, %v; want %t and %q in:\n%s",
				test.name, got, err, test.want, test.line, out.String())
		}
	}
	h := hunter{workers: 1}
	fine := script(t, "seeds 1..7: fine", 0)
	if _, err := h.compare(t.Context(), io.Discard, "", fine, 7); err == nil {
		t.Error("a summary that does not mention the checker was taken")
	}
	if _, err := h.compare(t.Context(), io.Discard, "", script(t, start, 4), 7); err == nil {
		t.Error("a contradiction was taken")
	}
}

// script makes a program that prints a line and ends with a code.
func script(t *testing.T, says string, code int) string {
	path := filepath.Join(t.TempDir(), "verify")
	text := fmt.Sprintf("#!/bin/sh\necho '%s'\nexit %d\n", says, code)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
