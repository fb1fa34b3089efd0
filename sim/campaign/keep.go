package campaign

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gauntlet/sim/minimise"
	"gauntlet/sim/schedule"
	"gauntlet/sim/spacetime"
)

// The files of the evidence of one signature.
const (
	scheduleFile = "schedule.json"  // the smallest schedule found: `verify replay` plays it
	originalFile = "original.json"  // the schedule that failed
	historyFile  = "history.jsonl"  // what clients saw of the smallest
	pageFile     = "spacetime.html" // the smallest as a picture,
	textFile     = "spacetime.txt"  // and as text, for an issue
	readmeFile   = "README.txt"
)

// keep shrinks the smallest failure of each signature, and writes its evidence.
func (c *Config) keep(t *Tally, p *Progress) {
	for _, g := range t.Groups {
		g.Directory = filepath.Join(c.Out, string(g.Signature))
		if err := c.keepGroup(t, g, p); err != nil {
			t.Unkept = note(t.Unkept, g.Seeds[0], err.Error())
		}
	}
}

func (c *Config) keepGroup(t *Tally, g *Group, p *Progress) error {
	if err := os.MkdirAll(g.Directory, 0o755); err != nil {
		return err
	}
	seed := g.Smallest
	original := Concrete(c.Engine, c.Draw(seed), c.Build)
	if err := original.Write(filepath.Join(g.Directory, originalFile)); err != nil {
		return err
	}
	small := Shrink(c.Engine, original, func(m minimise.Progress) {
		p.say("shrinking %s: %d replays, %s", g.Signature, m.Replays, Size(m.Best))
	})
	p.settle()
	path := filepath.Join(g.Directory, scheduleFile)
	if err := small.Write(path); err != nil {
		return err
	}
	verify := cmp.Or(c.Verify, "verify")
	replay := verify + " replay " + path
	j := Play(c.Engine, small)
	f := j.Outcome.Failure
	if f == nil {
		return fmt.Errorf("%s did not come back when %s was played", g.Signature, path)
	}
	if err := c.writeRun(g.Directory, small, j, replay); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", f.Signature, f.Text)
	fmt.Fprintf(&b, "replay    %s\n", replay)
	fmt.Fprintf(&b, "original  %s replay %s\n", verify, filepath.Join(g.Directory, originalFile))
	fmt.Fprintf(&b, "seed      %s\n", c.Command(seed))
	fmt.Fprintf(&b, "shrunk    from %s to %s\n", Size(original), Size(small))
	fmt.Fprintf(&b, "build     %s\n\n", c.Build)
	fmt.Fprintf(&b, "%s of %s seeds failed so; clients could not have seen it in %s of them.\n",
		thousands(int64(g.Count)), thousands(int64(t.Seeds)), thousands(int64(g.Internal)))
	wrap(&b, "seeds", numbers(g.Seeds))
	if f.Stack != "" {
		fmt.Fprintf(&b, "\n%s", f.Stack)
	}
	return os.WriteFile(filepath.Join(g.Directory, readmeFile), []byte(b.String()), 0o644)
}

// writeRun writes what can be looked at of a schedule that was played.
func (c *Config) writeRun(dir string, s *schedule.Schedule, j Judged, replay string) error {
	log, h, f := j.Second.Trace, j.Second.History, j.Outcome.Failure
	about := spacetime.About{
		Seed: s.Seed, Options: s.Options, Virtual: j.Outcome.Virtual, Build: c.Build, Replay: replay,
	}
	var history bytes.Buffer
	if err := h.Write(&history); err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{
		{historyFile, history.Bytes()},
		{pageFile, spacetime.Page(log, h, f, about)},
		{textFile, []byte(spacetime.Text(log, h, f, about))},
	} {
		if err := os.WriteFile(filepath.Join(dir, file.name), file.data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Size is how large a schedule is to a reader.
func Size(s *schedule.Schedule) string {
	return fmt.Sprintf("%d members, %d faults, %d operations",
		s.Options.Nodes, len(s.Faults), len(s.Operations))
}

func numbers(seeds []uint64) []string {
	texts := make([]string, len(seeds))
	for i, seed := range seeds {
		texts[i] = fmt.Sprint(seed)
	}
	return texts
}
