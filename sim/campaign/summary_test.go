package campaign

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gauntlet/sim"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
)

// Goal: a summary reads well, says aloud what was never seen, and claims no more than was shown.
// Method: transcripts of whole campaigns over the fake engine. Arguments are the range, and for a
// signature the number whose multiples fail with it; for "unseen" that of wrong answers which only
// the checker can see.
func TestSummary(t *testing.T) {
	datadriven.RunTest(t, "testdata/summary", func(t *testing.T, d *datadriven.TestData) string {
		var first, last uint64
		var seeds string
		d.ScanArgs(t, "seeds", &seeds)
		if _, err := fmt.Sscanf(seeds, "%d..%d", &first, &last); err != nil {
			t.Fatal(err)
		}
		tally := newTally(first)
		if last >= first {
			c := config(first, last, ruleOf(t, d))
			c.Workers = 1 // what a world remembers depends on what it played before
			tally = sweep(c)
		}
		tally.Situations, tally.Effects = tally.Situations[:3], tally.Effects[:2]
		for i, name := range []string{"figure-8", "torn-tail", "one-way-leader"} {
			tally.Situations[i].Name = name
		}
		for i, name := range []string{"partition", "power"} {
			tally.Effects[i].Name = name
		}
		var b bytes.Buffer
		if err := tally.Summary(&b); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if len(line) > 101 && !strings.HasPrefix(line, "  seed ") {
				t.Errorf("%d columns: %s", len(line)-1, line)
			}
		}
		fmt.Fprintf(&b, "exit %d\n", tally.Exit())
		return b.String()
	})
}

func ruleOf(
	t *testing.T, d *datadriven.TestData,
) func(*fake, *schedule.Schedule, *sim.Outcome) {
	every := map[failure.Signature]uint64{}
	remembers, unseen := false, uint64(math.MaxUint64)
	for _, argument := range d.CmdArgs {
		switch argument.Key {
		case "seeds":
		case "forgets":
			remembers = true
		case "unseen":
			d.ScanArgs(t, argument.Key, &unseen)
		default:
			var n uint64
			d.ScanArgs(t, argument.Key, &n)
			every[failure.Signature(argument.Key)] = n
		}
	}
	return func(f *fake, s *schedule.Schedule, o *sim.Outcome) {
		for signature, n := range every {
			if s.Seed%n == 0 {
				o.Failure = &failure.Failure{Signature: signature, Text: "n1 and n3 in term 4"}
			}
		}
		if s.Seed%unseen == 0 {
			o.History = answered(8)
		}
		if remembers && f.runs > 5 {
			o.TraceHash = 1
		}
	}
}

// Goal: what is printed of a bound holds as the bound does. Method: rounding never favours us.
func TestBoundsAreRoundedOutward(t *testing.T) {
	for n := 10; n < 100_000; n = n*5/4 + 1 {
		for _, failures := range []int{0, 1, n / 10} {
			text := rate(failures, n)
			_, rest, _ := strings.Cut(text, "the rate is ")
			var below float64
			if _, err := fmt.Sscanf(strings.TrimPrefix(strings.TrimPrefix(rest, "below "), "at most "),
				"%g a seed", &below); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			exact := RateBelow(failures, n)
			if below < exact*(1-1e-9) || below > exact*1.11 {
				t.Errorf("%d of %d: %s, exactly %g", failures, n, text, exact)
			}
		}
	}
}
