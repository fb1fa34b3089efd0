// Package night carries a campaign out while nobody watches: every combination under seeds of its
// own, within a budget, each run judged and rerun by fixed rules, and tells in the end what that
// shows.
//
//	Run     a night from its beginning, or from where its controller died
//	Worst   the class that speaks for many runs
//
// The rules, which tests hold:
//
//  1. A cell that has ended is never had again, one that was under way when its controller died is,
//     and none is lost: the journal is on the disk before anything else happens.
//  2. A violation is never rerun, and nothing masks it.
//  3. Nothing is hidden: each run that was not valid stands in the summary, however its cell ended.
//  4. What did not run never passes: a combination that was never had makes a night inconclusive.
//  5. Nothing of a run is kept in memory but a line of figures and reasons.
package night

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/report"
	"gauntlet/suite"
)

// Config is one night.
type Config struct {
	Campaign *suite.Campaign
	Store    string // the directory of all nights of the campaign
	Resume   string // name of the night to go on with; "": a new one begins
	Player   campaign.Player
	Jobs     int           // runs at a time; 0: one
	For      time.Duration // instead of the campaign's budget of time; 0: that
	Seed     uint64        // of a new night
	Hosts    string
	Binaries []string
	Build    string // what is tested: a night goes on with the same only

	// Again is the command line that makes a run again, and GoOn the one that goes on with a night.
	Again func(suiteFile string, seed uint64) string
	GoOn  func(night string) string
	// Abandoned ends what is left of a run whose controller was killed; nil: nothing can be.
	Abandoned func(directory string) error
	Talk      io.Writer // one line each time something begins or ends

	now  func() time.Time
	free func(path string) (int64, error)
	open func(night string) (*journal, []entry, bool, error)
}

// Outcome is a night that has ended, one way or another.
type Outcome struct {
	Exit      int
	Directory string
	Summary   *report.Campaign
	Trouble   error // what kept the night from its end, or its summary from the disk
}

// ChangedError says that a night cannot be gone on with as it was begun.
type ChangedError struct{ Problem string }

func (e *ChangedError) Error() string { return e.Problem }

// night is one night under way.
type night struct {
	Config
	store    store
	name     string
	journal  *journal
	state    *state
	began    time.Time     // this controller
	before   time.Duration // the time that others have used
	pace     pace
	older    int64 // bytes that earlier nights take, as far as that is known
	own      int64 // bytes that this one takes
	broken   int   // cells in a row that the harness could not have
	stop     stop
	warnings []string
}

// stop is why a night ended before its plan.
type stop struct {
	why       string
	class     int  // what that adds to the exit code
	resumable bool // it can go on
	err       error
}

// Run carries a night out. An error means that it has not begun; whatever happens later is part of
// the outcome.
func Run(ctx context.Context, c Config) (*Outcome, error) {
	n := &night{Config: c, store: store(c.Store), name: c.Resume}
	n.defaults()
	if c.Resume != "" {
		h, err := checked(n.path())
		if err == nil {
			err = n.same(*h)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(c.Store, 0o755); err != nil {
		return nil, err
	}
	held, err := lock(c.Store)
	if err != nil {
		return nil, err
	}
	defer held.Close()
	if err := n.begin(); err != nil {
		return nil, err
	}
	defer n.journal.file.Close()
	n.measure()
	n.work(ctx)
	return n.finish(), nil
}

func (n *night) defaults() {
	if n.now == nil {
		n.now = time.Now
	}
	if n.free == nil {
		n.free = freeSpace
	}
	if n.open == nil {
		n.open = openJournal
	}
	if n.Talk == nil {
		n.Talk = io.Discard
	}
	if n.Again == nil {
		n.Again = func(file string, seed uint64) string {
			return fmt.Sprintf("verify run %s --seed %d", file, seed)
		}
	}
	if n.GoOn == nil {
		n.GoOn = func(string) string { return "" }
	}
	n.Jobs = max(n.Jobs, 1)
	n.began = n.now()
}

// begin opens the journal of a new night, or of one that goes on.
func (n *night) begin() (err error) {
	if n.Resume == "" {
		if n.name, err = n.store.newNight(n.now()); err != nil {
			return err
		}
	}
	journal, entries, torn, err := n.open(n.path())
	if err != nil {
		return err
	}
	n.journal = journal
	if n.Resume == "" {
		return n.fresh()
	}
	if len(entries) == 0 { // since it was looked at just now
		return &ChangedError{n.path() + " is no night: its journal has no header"}
	}
	return n.goOn(entries, torn)
}

func (n *night) path(parts ...string) string {
	return n.store.path(append([]string{n.name}, parts...)...)
}

// fresh begins a new night.
func (n *night) fresh() error {
	made := newCells(n.Campaign, n.Seed)
	h := header{
		Version: journalVersion, Campaign: n.Campaign.Name, Digest: n.Campaign.Digest,
		Place: n.Campaign.Place, Hosts: n.Hosts, Binaries: n.Binaries, Build: n.Build, Seed: n.Seed,
		Rounds: n.Campaign.Seeds, Reruns: n.Campaign.Reruns, Cells: made.round(),
	}
	for _, c := range n.Campaign.Combinations {
		h.Combinations = append(h.Combinations, c.Label())
	}
	n.state = &state{header: h, cells: made, reruns: n.Campaign.Reruns,
		started: n.now().UTC().Round(0)}
	if err := n.keepSuites(); err != nil {
		return err
	}
	n.latest()
	return n.note(entry{Header: &h})
}

// keepSuites writes the suite of each combination: what it takes to have any of its runs again.
func (n *night) keepSuites() error {
	if err := os.MkdirAll(n.path("suites"), 0o755); err != nil {
		return err
	}
	for _, c := range n.Campaign.Combinations {
		if c.Suite == nil {
			continue
		}
		text, err := c.Suite.Redacted().Resolved()
		if err != nil {
			return err
		}
		if err := os.WriteFile(n.suiteFile(c), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (n *night) suiteFile(c suite.Combination) string {
	return n.path("suites", fileName(c)+".yaml")
}

// latest points at the newest night, for people.
func (n *night) latest() {
	link := n.store.path("latest")
	if err := os.Remove(link); err == nil || errors.Is(err, fs.ErrNotExist) {
		_ = os.Symlink(n.name, link)
	}
}

// mark leaves a word in the directory of a run that is none.
func (n *night) mark(b begun, why string) {
	at := n.path(b.Directory)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return // the journal knows
	}
	text := fmt.Sprintf("%s during this run: it counts for nothing, and is had again.\n", why)
	_ = os.WriteFile(filepath.Join(at, "INTERRUPTED"), []byte(text), 0o644)
}

func (n *night) lose(b begun, why string) *lost {
	return &lost{Cell: b.Cell.Index, Number: b.Number, Directory: b.Directory, Why: why}
}

// note writes an entry down, and only then takes it in.
func (n *night) note(e entry) error {
	e.At, e.Elapsed = n.now().UTC().Round(0), n.elapsed()
	if err := n.journal.append(e); err != nil {
		return err
	}
	if e.Header != nil {
		return nil
	}
	return n.state.apply(e)
}

// elapsed is how long controllers of this night have been at work, whatever the wall clock says.
func (n *night) elapsed() time.Duration { return n.before + n.now().Sub(n.began) }

func (n *night) combination(c Cell) suite.Combination {
	return n.Campaign.Combinations[c.Combination]
}

// runs counts those that ended.
func (n *night) runs() (count int) {
	for _, r := range n.state.records {
		count += len(r.attempts)
	}
	return count
}

func (n *night) say(what, format string, args ...any) {
	fmt.Fprintf(n.Talk, "+%7.1fs  %-9s %s\n", n.elapsed().Seconds(), what,
		fmt.Sprintf(format, args...))
}

// warn tells of what the night can do without.
func (n *night) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	n.warnings = append(n.warnings, text)
	n.say("warning", "%s", text)
}

// freeSpace is how many bytes an ordinary user can still write at a path.
func freeSpace(path string) (int64, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 0, err
	}
	return int64(fs.Bavail) * int64(fs.Bsize), nil
}

var errInterrupted = errors.New("interrupted")

// harnessBroken is the class that a broken machine adds.
const harnessBroken = checker.ExitHarness
