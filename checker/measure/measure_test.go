package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// TestMain lets the test's program be its own child.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == argChild {
		os.Exit(child(os.Args[2], os.Stdout))
	}
	os.Exit(m.Run())
}

// Goal: every cell of the table is filled in, by processes of their own, with what both say.
// Method: short histories of some sorts, one of them with its parsing; the lines.
func TestTable(t *testing.T) {
	var out bytes.Buffer
	missed, err := (&measurer{out: &out}).all(context.Background(), []cell{
		{Operations: 200, Clients: 3, parse: true},
		{Operations: 200, Clients: 3, PerMille: 10, Stale: true, CAS: true},
		{Operations: 200, Clients: 3, Domain: 5, CAS: true},
		{Operations: 200, Clients: 3, CAS: true, Silent: true},
	})
	if err != nil || missed > 0 {
		t.Fatalf("%d missed, %v:\n%s", missed, err, out.String())
	}
	text := strings.TrimPrefix(out.String(), legend)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 5 || lines[4] != "4 cells, 0 goals missed" {
		t.Fatalf("%d lines:\n%s", len(lines), text)
	}
	for i, want := range []string{
		"unique  read, write            200 by   3  0.0 %  valid",
		"unique  read, write, cas       200 by   3  1.0 %  stale",
		"5       read, write, cas       200 by   3  0.0 %  valid",
		"unique  failed cas silent      200 by   3  0.0 %  valid",
	} {
		if !strings.HasPrefix(lines[i], want+"  ") || !strings.Contains(lines[i], "  met") ||
			strings.Count(lines[i], " MB") != 2 {
			t.Errorf("got  %q\nwant %q, two measurements, and the goal met", lines[i], want)
		}
	}
	if !strings.Contains(lines[0], "  parsing 0.") {
		t.Errorf("%q: no parsing", lines[0])
	}
}

// Goal: no goal is missed in silence. Method: an outcome that misses each.
func TestMissed(t *testing.T) {
	good := outcome{Seconds: 0.05, Bytes: 1 << 20, Valid: true}
	for _, c := range []struct {
		cell   cell
		change func(o *outcome)
		want   string
	}{
		{cell{Operations: 100_000}, func(*outcome) {}, ""},
		{cell{Operations: 100_000}, func(o *outcome) { o.Seconds = 0.11 }, "more than 0.1 s"},
		{cell{Operations: 100_000, CAS: true}, func(o *outcome) { o.Seconds = 0.19 }, ""},
		{cell{Operations: 100_000, CAS: true}, func(o *outcome) { o.Seconds = 0.21 },
			"more than 0.2 s"},
		{cell{Operations: 1_000_000}, func(o *outcome) { o.Seconds = 0.99 }, ""},
		{cell{Operations: 1_000_000}, func(o *outcome) { o.Seconds, o.Bytes = 1.1, 501<<20 },
			"more than 1.0 s, more than 500 MB"},
		{cell{Operations: 100_000, Domain: 5, Clients: 10}, func(o *outcome) { o.Seconds = 1.1 },
			"more than 1.0 s"},
		{cell{Operations: 100_000, Domain: 5, Clients: 10, Stale: true},
			func(o *outcome) { o.Seconds, o.Valid = 5.1, false }, "more than 5.0 s"},
		{cell{Operations: 1, Domain: 5, Clients: 25}, func(o *outcome) { o.Seconds = 9 }, ""},
		{cell{Operations: 1, Silent: true}, func(o *outcome) { o.Failed = "why" },
			"not decided, why"},
		{cell{Operations: 1, Stale: true}, func(*outcome) {}, "valid: true"},
		{cell{Operations: 1}, func(o *outcome) { o.Valid = false }, "valid: false"},
	} {
		o := good
		c.change(&o)
		if got := c.cell.missed(o); got != c.want {
			t.Errorf("%s: got %q, want %q", c.cell, got, c.want)
		}
	}
}

// Goal: porcupine is not asked where it cannot succeed, and is asked everywhere else.
// Method: a cell beside a harder one of each sort, an easier one, and another sort.
func TestImplies(t *testing.T) {
	failed := cell{Operations: 1000, Clients: 10, PerMille: 1}
	for _, c := range []struct {
		change func(c *cell)
		want   bool
	}{
		{func(*cell) {}, true},
		{func(c *cell) { c.Operations++ }, true},
		{func(c *cell) { c.Clients++ }, true},
		{func(c *cell) { c.PerMille++ }, true},
		{func(c *cell) { c.Stale = true }, true},
		{func(c *cell) { c.Operations-- }, false},
		{func(c *cell) { c.Clients-- }, false},
		{func(c *cell) { c.PerMille-- }, false},
		{func(c *cell) { c.CAS = true }, false},
		{func(c *cell) { c.Silent = true }, false},
		{func(c *cell) { c.Domain = 5 }, false},
	} {
		other := failed
		c.change(&other)
		if got := failed.implies(other); got != c.want {
			t.Errorf("%s implies %s: %t", failed, other, got)
		}
	}
	failed.Stale = true
	if valid := (cell{Operations: 1000, Clients: 10, PerMille: 1}); failed.implies(valid) {
		t.Error("a stale history implies the valid one")
	}
}

// Goal: each goal of the table stands in it, and -most cuts it. Method: look for the cells.
func TestCells(t *testing.T) {
	seen := map[cell]bool{}
	for _, c := range cells(1_000_000) {
		c.parse = false
		if seen[c] {
			t.Errorf("%s: twice", c)
		}
		seen[c] = true
	}
	for _, clients := range []int{5, 10, 25, 50, 100} {
		for _, perMille := range []int{0, 1, 10} {
			for _, n := range []int{100_000, 1_000_000} {
				for sort := range 4 {
					c := cell{Operations: n, Clients: clients, PerMille: perMille,
						Stale: sort&1 > 0, CAS: sort&2 > 0}
					if !seen[c] {
						t.Errorf("%s: missing", c)
					}
				}
			}
		}
	}
	if !seen[cell{Operations: 100_000, Clients: 10, Domain: 5, CAS: true}] {
		t.Error("no small domain")
	}
	for _, c := range cells(10_000) {
		if c.Operations > 10_000 {
			t.Errorf("%s: too long", c)
		}
	}
}

// Goal: a child that is told nonsense says so. Method: no JSON.
func TestChildRefuses(t *testing.T) {
	var out bytes.Buffer
	if code := child("{", &out); code != exitHarness || out.Len() > 0 {
		t.Errorf("exit %d, %q", code, out.String())
	}
}
