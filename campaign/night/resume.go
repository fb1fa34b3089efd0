package night

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"gauntlet/campaign"
	"gauntlet/checker"
)

// What runs leave below the directory that a night gives them.
const (
	resultsFile = "results.json"
	leftovers   = ".run-*" // of children whose campaign was killed: suites with their secrets
)

// Check refuses a directory that is no night, and touches nothing. Other programs' directories, and
// those of other commands, look much the same: a journal that begins with a header does not.
func Check(dir string) error {
	_, err := checked(dir)
	return err
}

func checked(dir string) (*header, error) {
	refuse := func(why string) error {
		return &ChangedError{fmt.Sprintf("%s is no night: %s", dir, why)}
	}
	if ordinal(filepath.Base(dir)) == 0 {
		return nil, refuse("a night's directory is called NUMBER-DATE-TIME")
	}
	if _, err := os.Stat(dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, refuse("it does not exist")
		}
		return nil, refuse(oneLine(err.Error()))
	}
	h, err := readHeader(dir)
	if err != nil {
		return nil, refuse(oneLine(err.Error()))
	}
	return h, nil
}

// readHeader reads the first line of a night's journal. Without it there is no night.
func readHeader(night string) (*header, error) {
	file, err := os.Open(filepath.Join(night, journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("it has no journal")
	} else if err != nil {
		return nil, err
	}
	defer file.Close()
	line, err := bufio.NewReader(file).ReadBytes('\n')
	if err != nil {
		return nil, errors.New("its journal has no header")
	}
	var e entry
	if err := json.Unmarshal(line, &e); err != nil {
		return nil, fmt.Errorf("%s: line 1 is broken: %w", journalFile, err)
	}
	if e.Header == nil {
		return nil, errors.New("its journal has no header")
	}
	return e.Header, nil
}

// goOn takes a journal over. What was under way and has ended by itself with a violation counts;
// all else of it is lost, and will be had again.
func (n *night) goOn(entries []entry, torn bool) (err error) {
	if n.state, err = replay(entries); err != nil {
		return fmt.Errorf("%s: %w", n.path(journalFile), err)
	}
	n.before = n.state.elapsed
	found := fmt.Sprintf("%d runs had ended, %d were under way", n.runs(), len(n.state.underWay()))
	if torn {
		found += ", the last line was torn"
	}
	for _, b := range n.state.underWay() {
		n.settle(n.abandon(b))
	}
	n.sweep()
	n.say("night", "%s goes on: %s", n.name, found)
	for _, r := range n.state.records {
		for _, a := range r.attempts {
			n.pace.learn(n.combination(r.Cell), r.Combination, a)
		}
	}
	n.settle(entry{Resumed: found})
	return nil
}

// abandon ends what is left of a run whose controller was killed, and tells what becomes of it.
func (n *night) abandon(b begun) entry {
	if n.Abandoned != nil {
		if err := n.Abandoned(n.path(b.Directory)); err != nil {
			n.warn("%s, run %d, was under way when its controller was killed: %v", b.Cell.ID(), b.Number,
				err)
		}
	}
	if a := n.evidence(b); a != nil {
		n.say(b.Cell.ID(), "run %d ended without its controller: %s", b.Number, className(a.Class))
		return entry{Ended: a}
	}
	n.mark(b, "the controller of this campaign was killed")
	return entry{Lost: n.lose(b, "its controller was killed")}
}

// evidence is a violation that a run has found and written down though nobody waited for it any
// more; nil if it has not. To have such a run again would be to hope for a better answer.
func (n *night) evidence(b begun) *Attempt {
	at := n.path(b.Directory)
	entries, _ := os.ReadDir(at) // what cannot be read shows nothing
	for _, e := range entries {
		dir := filepath.Join(at, e.Name())
		var r checker.Results
		text, err := os.ReadFile(filepath.Join(dir, resultsFile))
		if !e.IsDir() || err != nil || json.Unmarshal(text, &r) != nil {
			continue
		}
		if r.Verdict != checker.Invalid && r.Exit != checker.ExitViolation {
			continue
		}
		r.Exit = checker.ExitViolation
		a := n.judge(b, campaign.Played{Results: &r, Directory: dir, Took: r.Summary.Duration})
		return &a
	}
	return nil
}

// judge makes the attempt of a run.
func (n *night) judge(b begun, p campaign.Played) Attempt {
	a := judged(p, n.Campaign.Objectives, n.combination(b.Cell).Unavailable)
	a.Cell, a.Number, a.Bytes = b.Cell.Index, b.Number, sizeOf(n.path(b.Directory))
	a.Directory = n.below(p.Directory)
	return a
}

// sweep deletes what killed controllers could not: the files that their children were started with,
// which hold secrets that nothing else here does.
func (n *night) sweep() {
	found, _ := filepath.Glob(n.path("cells", "*", "*", leftovers)) // the pattern is a good one
	for _, path := range found {
		said := filepath.Join(path, campaign.OutputFile)
		_ = os.Rename(said, filepath.Join(filepath.Dir(path), campaign.OutputFile)) // if there is any
		if err := os.RemoveAll(path); err != nil {
			n.warn("what a killed run was started with, secrets included, cannot be deleted: %v", err)
		}
	}
}

// settle writes an entry down. What cannot be written ends the night, and counts in it all the
// same: the exit code and the summary of this process tell of it.
func (n *night) settle(e entry) {
	if err := n.note(e); err != nil {
		n.fail(err)
		_ = n.state.apply(e) // it followed from the entries before, or is refused once more
	}
}

// same refuses to mix nights: what has ended was had under the header.
func (n *night) same(h header) error {
	for _, one := range []struct {
		what string
		same bool
	}{
		{fmt.Sprintf("%s, or a suite it names, has changed", n.Campaign.File),
			h.Campaign == n.Campaign.Name && h.Digest == n.Campaign.Digest},
		{fmt.Sprintf("the place is %s, and was %s", n.Campaign.Place, h.Place),
			h.Place == n.Campaign.Place},
		{"the hosts are others", h.Hosts == n.Hosts},
		{"what is tested is another build", h.Build == n.Build && slices.Equal(h.Binaries, n.Binaries)},
	} {
		if !one.same {
			return &ChangedError{fmt.Sprintf("night %s cannot go on: %s since it began", n.name,
				one.what)}
		}
	}
	return nil
}
