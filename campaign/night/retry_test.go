package night

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"gauntlet/campaign"
	"gauntlet/checker"
)

// Goal: what runs of one cell say together follows the rules that users are told. Method: each
// rule, and what two of them say together, by hand.
func TestStand(t *testing.T) {
	const reruns = 3
	for classes, want := range map[string]Standing{
		"":        {Class: 3},
		"0":       {Class: 0, Final: true},
		"1":       {Class: 1, Final: true},
		"2":       {Class: 2},
		"20":      {Class: 2},
		"200":     {Class: 2},
		"2000":    {Class: 0, Final: true, Flaky: true},
		"22":      {Class: 2, Final: true},
		"2002":    {Class: 2, Final: true},
		"201":     {Class: 1, Final: true},
		"3":       {Class: 3},
		"30":      {Class: 0, Final: true},
		"33":      {Class: 3, Final: true},
		"34":      {Class: 4, Final: true},
		"4":       {Class: 4},
		"40":      {Class: 0, Final: true},
		"41":      {Class: 1, Final: true},
		"32":      {Class: 2},
		"32000":   {Class: 0, Final: true, Flaky: true},
		"322":     {Class: 2, Final: true},
		"23":      {Class: 2},
		"23000":   {Class: 0, Final: true, Flaky: true},
		"2333":    {Class: 2},
		"23333":   {Class: 2, Final: true},
		"2303004": {Class: 0, Final: true, Flaky: true},
		"5":       {Class: 5, Final: true},
		"6":       {Class: 6, Final: true},
		"25":      {Class: 5, Final: true},
		"26":      {Class: 2, Final: true},
	} {
		if got := stand(digits(classes), reruns); got != want {
			t.Errorf("stand(%s) = %+v, want %+v", classes, got, want)
		}
	}
}

func digits(text string) []int {
	var list []int
	for _, r := range text {
		list = append(list, int(r-'0'))
	}
	return list
}

// Goal: the order of classes is that of a run's own verdict. Method: results with two troubles
// each, decided by package checker.
func TestWorstDecidesAsCheckerDoes(t *testing.T) {
	build := map[int]func(*checker.Results){
		1: func(r *checker.Results) {
			r.Checks = append(r.Checks, checker.Result{Verdict: checker.Invalid})
		},
		2: func(r *checker.Results) {
			r.Gates = append(r.Gates, checker.Result{Verdict: checker.Invalid})
		},
		3: func(r *checker.Results) { r.Gates = append(r.Gates, checker.Result{}) },
		4: func(r *checker.Results) { r.Harness = []string{"x"} },
		5: func(r *checker.Results) { r.Refused = []string{"x"} },
		6: func(r *checker.Results) { r.Cleanup = []string{"x"} },
	}
	for a, one := range build {
		for b, other := range build {
			r := &checker.Results{Checks: []checker.Result{{Verdict: checker.Valid}}}
			one(r)
			other(r)
			r.Decide()
			if got := Worst(0, a, b); got != r.Exit {
				t.Errorf("Worst(%d, %d) = %d, a run exits %d", a, b, got, r.Exit)
			}
		}
	}
	if Worst() != 3 || Worst(0, 77) != 4 {
		t.Errorf("of nothing %d, of no class %d", Worst(), Worst(0, 77))
	}
}

// Goal: whatever happens in whatever order, a violation is never masked and never rerun, nothing
// red passes without its reruns, and nothing is hidden. Method: random runs on several workers;
// the rules said once more, from what the player saw.
func TestExitNeverMasks(t *testing.T) {
	c := load(t, fourCombinations+"seeds: 2\nretry: {liveness: 3}\n")
	rapid.Check(t, func(t *rapid.T) {
		class := rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2, 2, 3, 4, 5, 6, lacks, lacks})
		table := rapid.SliceOfN(rapid.SliceOfN(class, 9, 9), 8, 8).Draw(t, "classes")
		if rapid.Bool().Draw(t, "mostly green") {
			for i := range table {
				if rapid.IntRange(0, 3).Draw(t, "green") > 0 {
					table[i][0] = 0
				}
			}
		}
		f := &fake{rule: func(cell, number int, _ campaign.Job) campaign.Played {
			if table[cell][number-1] == lacks {
				return lacking()
			}
			return shown(table[cell][number-1])
		}}
		dir, err := freshStore()
		if err != nil {
			t.Fatal(err)
		}
		defer dir.remove()
		o, err := Run(context.Background(), Config{Campaign: c, Store: dir.path, Player: f, Seed: 1,
			open: unsynced, Jobs: rapid.IntRange(1, 3).Draw(t, "jobs")})
		if err != nil {
			t.Fatal(err)
		}
		checkRules(t, table, f.plays, o)
	})
}

// lacks is a run that the place turns out to lack something for.
const lacks = 7

func checkRules(t *rapid.T, table [][]int, plays []string, o *Outcome) {
	seen := map[int][]int{}
	for _, play := range plays {
		var cell, number int
		fmt.Sscanf(play, "%d.%d", &cell, &number)
		seen[cell] = append(seen[cell], table[cell][number-1])
		if number != len(seen[cell]) {
			t.Fatalf("cell %d: run %d after %v", cell, number, seen[cell])
		}
	}
	worst, red, judged := false, false, 0
	for cell, classes := range seen {
		if slices.Equal(classes, []int{lacks}) {
			continue // nothing is wrong with it, and nothing is shown
		}
		judged++
		if at := slices.Index(classes, lacks); at >= 0 && at < len(classes)-1 {
			t.Fatalf("cell %d was rerun where the place lacks something: %v", cell, classes)
		}
		last := classes[len(classes)-1]
		violated := slices.Contains(classes, 1)
		worst = worst || violated
		if violated && last != 1 {
			t.Fatalf("cell %d was rerun after a violation: %v", cell, classes)
		}
		gates := 0
		for _, class := range classes {
			if class == 2 {
				gates++
			}
		}
		greens := strings.Count(fmt.Sprint(classes), "0")
		if gates > 1 || gates == 1 && greens < 3 || last != 0 {
			red = true
		}
		if gates > 2 || len(classes) > 9 {
			t.Fatalf("cell %d: too many runs: %v", cell, classes)
		}
	}
	if worst != (o.Exit == 1) {
		t.Fatalf("violated: %v, exit %d, runs %v", worst, o.Exit, seen)
	}
	if o.Exit == 0 && (red || len(seen) != len(table)) {
		t.Fatalf("exit 0 after %v", seen)
	}
	if o.Exit != 0 && !red && !worst && judged > 0 || o.Exit == 0 && judged == 0 {
		t.Fatalf("exit %d after %v", o.Exit, seen)
	}
	for _, cell := range o.Summary.Cells {
		index := slices.IndexFunc(o.Summary.Cells, func(c reportCell) bool { return c.ID == cell.ID })
		var told []int
		for _, a := range cell.Attempts {
			if told = append(told, a.Class); a.Class == 3 && strings.Contains(a.Reasons[0], "lacks") {
				told[len(told)-1] = lacks
			}
			if a.Class != 0 && len(a.Reasons) == 0 {
				t.Fatalf("%s, run %d: no reason is told", cell.ID, a.Number)
			}
		}
		if !slices.Equal(told, seen[index]) {
			t.Fatalf("%s: told %v, were %v", cell.ID, told, seen[index])
		}
		if (cell.Verdict() == "skipped") != slices.Equal(told, []int{lacks}) {
			t.Fatalf("%s: %s after %v", cell.ID, cell.Verdict(), told)
		}
	}
}
