package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gauntlet/sim"
	"gauntlet/sim/campaign"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
)

// Goal: what --save writes is the run that it prints: played again it is told in the same words, by
// the same trace, and fails if the seed does.
// Method: seeds that are clean, that fail, and that fail only with the operations that they draw;
// all but the line about the file must be what replay prints above its comparison.
func TestSavedIsShown(t *testing.T) {
	honest := newWorld
	defer func() { newWorld = honest }()
	for _, c := range []struct {
		seed   int
		engine campaign.NewEngine
		code   int
		how    string
	}{
		{4711, honest, 0, "written out"},
		{7, honest, 0, "written out"},
		{17, honest, 0, "written out"},
		{35, func() campaign.Engine { return rigged{sim.NewWorld()} }, 1, "written out"},
		{35, func() campaign.Engine { return unwritten{sim.NewWorld()} }, 1, "its seed draws"},
	} {
		newWorld = c.engine
		file := filepath.Join(t.TempDir(), "saved.json")
		printed, code := said(t, "sim", "--seed", fmt.Sprint(c.seed), "--save", file)
		told, line, found := strings.Cut(printed, "saved as "+file)
		if code != c.code || !found || !strings.Contains(line, c.how) {
			t.Errorf("seed %d: exit %d, want %d, and to be saved, %q:\n%s", c.seed, code, c.code, c.how,
				printed)
		}
		replayed, code := said(t, "replay", file)
		if code != c.code || !strings.HasPrefix(replayed, told+"as expected: ") ||
			!strings.HasSuffix(replayed, ", by the same trace\n") || !traced.MatchString(told) {
			t.Errorf("seed %d: exit %d, want %d; saved\n%sreplayed\n%s", c.seed, code, c.code, printed,
				replayed)
		}
	}
}

var traced = regexp.MustCompile("trace [0-9a-f]{16}\n")

// said runs a command line and returns what it prints, and its exit code.
func said(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := execute(args, &stdout, &stderr)
	if stderr.Len() > 0 {
		t.Errorf("%v: %s", args, &stderr)
	}
	return stdout.String(), code
}

// unwritten is the simulator with a failure that only clients see who draw what they ask for.
type unwritten struct{ *sim.World }

func (u unwritten) Run(s *schedule.Schedule, o sim.Options) *sim.Outcome {
	out := u.World.Run(s, sim.Options{Trace: o.Trace, History: true})
	if s.Operations == nil && out.Failure == nil {
		out.Failure = &failure.Failure{Signature: failure.TwoLeaders, Text: "rigged", At: out.Virtual}
	}
	return out
}

// Goal: whatever is typed as a range is that range or an error of usage, never another range.
// Method: fuzz; what is taken must read back from the numbers that it became, but for zeros in
// front.
func FuzzSeedRange(f *testing.F) {
	for _, text := range []string{"1..1000", "7..7", "5..1", "..", "1..", "-1..2", "01..2", "1...2",
		"0..18446744073709551615", "0..18446744073709551616", "1..2..3", "+1..2", "1_0..20"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r, again seedRange
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		if !r.given || r.first > r.last {
			t.Errorf("%q became %+v", text, r)
		}
		plain := fmt.Sprintf("%d..%d", r.first, r.last)
		if err := again.UnmarshalText([]byte(plain)); err != nil || again != r || len(text) < len(plain) {
			t.Errorf("%q became %+v, and %q %+v, %v", text, r, plain, again, err)
		}
	})
}
