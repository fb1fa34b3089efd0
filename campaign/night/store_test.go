package night

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/campaign"
	"gauntlet/suite"
)

// Goal: what passed goes first, what failed stays longer, the index for ever, and never is there
// more than is allowed. Method: six nights of four cells, of which one fails, under each policy.
func TestRetention(t *testing.T) {
	const size = 256 << 10
	policy := func(keep, failing int, disk int64) suite.Retention {
		return suite.Retention{Keep: keep, Failing: failing, Disk: disk}
	}
	for name, test := range map[string]struct {
		policy suite.Retention
		want   string // of each night: run directories that are left, "f" the failing one
	}{
		"all":     {policy(30, 90, 0), "cccf cccf cccf cccf cccf cccf"},
		"two":     {policy(2, 90, 0), "f f f f cccf cccf"},
		"failing": {policy(1, 3, 0), "- - - f f cccf"},
		"disk":    {policy(30, 90, 17*size), "f f cf cccf cccf cccf"},
		"little":  {policy(30, 90, size+size/2), "- - - - - f"},
	} {
		t.Run(name, func(t *testing.T) {
			c := load(t, fourCombinations)
			f := &fake{keep: size, rule: func(cell, _ int, _ campaign.Job) campaign.Played {
				return shown(map[bool]int{true: 1}[cell == 2])
			}}
			conf := config(t, c, f)
			for range 6 {
				carry(t, conf)
			}
			s := store(conf.Store)
			nights, err := s.nights()
			if err != nil || len(nights) != 6 {
				t.Fatalf("nights %v: %v", nights, err)
			}
			left, err := s.retain(test.policy, "four", nights[5])
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			var total int64
			for _, night := range nights {
				got = append(got, contents(s.path(night)))
				total += sizeOf(s.path(night))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("left %v, want %s", got, test.want)
			}
			if left != total {
				t.Errorf("%d bytes are said to be left of %d", left, total)
			}
			_, err = s.retain(policy(1, 1, 0), "four", nights[3])
			if now := contents(s.path(nights[3])); err != nil || now != got[3] && got[3] != "-" {
				t.Errorf("the night under way has %s left of %s: %v", now, got[3], err)
			}
			if records, err := s.records(); err != nil || len(records) != 6 {
				t.Errorf("the index has %d nights: %v", len(records), err)
			}
			if next, err := s.newNight(time.Now()); err != nil || ordinal(next) != 7 {
				t.Errorf("the next night is %s: %v", next, err)
			}
		})
	}
}

// contents tells which run directories a night has left.
func contents(night string) string {
	if _, err := os.Stat(night); err != nil {
		return "-"
	}
	text := ""
	for cell := range 4 {
		if _, err := os.Stat(filepath.Join(night, "cells", fmt.Sprintf("c%04d", cell+1))); err == nil {
			text += map[bool]string{true: "f", false: "c"}[cell == 2]
		}
	}
	if strings.Contains(text, "f") {
		text = strings.ReplaceAll(text, "f", "") + "f"
	}
	return text
}

// Goal: a night takes no more disk than it may; what passed is deleted meanwhile. Method: run
// directories of a megabyte, sixteen at most.
func TestBudgetOfDisk(t *testing.T) {
	c := load(t, fourCombinations+"seeds: 10\nbudget: {disk: 16MiB}\n")
	most := int64(0)
	f := &fake{keep: 1 << 20}
	conf := config(t, c, f)
	f.rule = func(cell, _ int, j campaign.Job) campaign.Played {
		most = max(most, sizeOf(conf.Store))
		return shown(map[bool]int{true: 1}[cell == 7])
	}
	o := carry(t, conf)
	if o.Exit != 1 || len(f.plays) != 40 || most > 19<<20 {
		t.Errorf("exit %d after %d runs, %d bytes", o.Exit, len(f.plays), most)
	}
	if _, err := os.Stat(filepath.Join(o.Directory, "cells", "c0008")); err != nil {
		t.Errorf("what failed is gone: %v", err)
	}
	f.rule = always(1)
	o = carry(t, conf)
	if len(f.plays) > 40+18 || !strings.Contains(o.Summary.Stopped, "fills the 16 MiB") {
		t.Errorf("%d runs, stopped %q", len(f.plays)-40, o.Summary.Stopped)
	}
}

// Goal: an index that a controller was killed in loses one line at most. Method: half a line at its
// end, and a night on top of it.
func TestTornIndex(t *testing.T) {
	conf := config(t, load(t, fourCombinations), &fake{rule: always(0)})
	carry(t, conf)
	path := filepath.Join(conf.Store, indexFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, text[:20]...), 0o644); err != nil {
		t.Fatal(err)
	}
	carry(t, conf)
	if records, err := store(conf.Store).records(); err != nil || len(records) != 2 {
		t.Errorf("the index has %+v: %v", records, err)
	}
}

// Goal: what is unusual is marked, in the right direction, and what is not is not. Method: ten
// nights around a value, and one night beyond or within it.
func TestTrends(t *testing.T) {
	var before []Record
	for i := range 10 {
		before = append(before, Record{Medians: Medians{Available: new(980 + float64(i%3)),
			Recovery: new(float64(400+10*(i%4)) * 1e6), Throughput: new(390.0)}})
	}
	now := Medians{Available: new(950.0), Recovery: new(420e6), Throughput: new(450.0), P99: new(1e9)}
	got := map[string]string{}
	for _, trend := range trends(before, now) {
		got[trend.Name] = fmt.Sprint(trend.Usual != "", trend.Outside, trend.Worse, trend.Nights,
			len(trend.Values))
	}
	for name, want := range map[string]string{"availability": "true true true 10 11",
		"recovery": "true false false 10 11", "ok/s": "true true false 10 11",
		"p99": "false false false 0 1"} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	if few := trends(before[:4], now)[0]; few.Usual != "" || few.Outside {
		t.Errorf("four nights are enough: %+v", few)
	}
}

// Goal: the bound is the rule of three. Method: its values at 95 %, and one at 99 %.
func TestBoundBelow(t *testing.T) {
	for runs, want := range map[int]string{1: "95 %", 10: "26 %", 100: "3 %", 300: "0.99 %"} {
		if got := rateText(campaign.RateBelow(runs, 0.95)); got != want {
			t.Errorf("%d runs: %s, want %s", runs, got, want)
		}
	}
	if got := rateText(campaign.RateBelow(459, 0.99)); got != "1 %" {
		t.Errorf("459 runs at 99 %%: %s", got)
	}
}
