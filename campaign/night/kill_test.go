package night

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gauntlet/campaign"
	"gauntlet/report"
)

type reportCell = report.CampaignCell

// errKilled is what a controller meets that is not there any more.
var errKilled = errors.New("killed")

// dying is the file of a journal whose controller dies at a write: before it, in the middle of it,
// or after it. What it would do later does not happen.
type dying struct {
	appender
	writes *int // until then
	part   int  // permille of the last line that still reach the file
	dead   bool
}

func (d *dying) Write(line []byte) (int, error) {
	if d.dead {
		return 0, errKilled
	}
	*d.writes--
	if *d.writes > 0 {
		return d.appender.Write(line)
	}
	d.dead = true
	n, _ := d.appender.Write(line[:len(line)*d.part/1000])
	return n, errKilled
}

func (d *dying) Sync() error {
	if d.dead {
		return errKilled
	}
	return d.appender.Sync()
}

func (d *dying) Truncate(size int64) error {
	if d.dead {
		return errKilled
	}
	return d.appender.Truncate(size)
}

// unsteady shows each class there is, by the cell and the number of its run.
func unsteady(cell, number int, _ campaign.Job) campaign.Played {
	switch {
	case cell == 1 && number == 1:
		return shown(2)
	case cell == 2 && number == 1, cell == 5 && number < 3:
		return shown(4)
	case cell == 4:
		return shown(1)
	}
	return shown(0)
}

// Goal: whenever the controller dies, the next one goes on: no cell that ended is had again, none
// is lost, and the summary is the same. Method: a night with every kind of cell, killed at each
// write to the journal, before, within and after it, and once more soon after; against one that
// was not.
func TestKilledAtEveryWrite(t *testing.T) {
	c := load(t, fourCombinations+"seeds: 2\nretry: {liveness: 3}\n")
	whole := &fake{rule: unsteady}
	want := carry(t, config(t, c, whole))
	writes := 1 + 2*len(whole.plays) + 1 // header, begun and ended, done
	for at := 1; at <= writes; at++ {
		for _, part := range []int{0, 500, 999, 1000} {
			killed(t, config(t, c, new(fake)), at, part, want)
		}
	}
}

func killed(t *testing.T, conf Config, at, part int, want *Outcome) {
	t.Helper()
	left, ended := []int{at, 4}, map[string]bool{}
	runs := map[int]int{} // by cell: those that count
	f := conf.Player.(*fake)
	f.rule = func(cell, _ int, j campaign.Job) campaign.Played {
		runs[cell]++
		return unsteady(cell, runs[cell], j)
	}
	conf.open = func(night string) (*journal, []entry, bool, error) {
		j, entries, torn, err := unsynced(night)
		clear(runs)
		for _, e := range entries {
			if e.Ended != nil {
				ended[fmt.Sprintf("%d.%d", e.Ended.Cell, e.Ended.Number)] = true
				runs[e.Ended.Cell]++
			}
		}
		if err == nil && len(left) > 0 {
			writes := left[0]
			left = left[1:]
			j.file = &dying{appender: j.file, writes: &writes, part: part}
		}
		return j, entries, torn, err
	}
	var o *Outcome
	for try := range 6 {
		before := len(f.plays)
		out, err := Run(context.Background(), conf)
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatalf("write %d, part %d: try %d: %v", at, part, try, err)
		}
		for _, play := range f.plays[before:] {
			if ended[play] {
				t.Fatalf("write %d, part %d: run %s had ended, and is had again", at, part, play)
			}
		}
		conf.Resume = only(t, store(conf.Store))
		if out != nil && out.Trouble == nil {
			o = out
			break
		}
	}
	if o == nil {
		t.Fatalf("write %d, part %d: never ended", at, part)
	}
	if o.Exit != want.Exit || !slices.Equal(verdicts(o), verdicts(want)) {
		t.Fatalf("write %d, part %d: exit %d %v, want %d %v", at, part, o.Exit, verdicts(o), want.Exit,
			verdicts(want))
	}
	for _, cell := range o.Summary.Cells {
		for _, a := range cell.Attempts {
			if a.Lost == "" {
				continue
			}
			marker := filepath.Join(o.Directory, a.Directory, "INTERRUPTED")
			if _, err := os.Stat(marker); err != nil {
				t.Fatalf("write %d, part %d: a lost run is not marked: %v", at, part, err)
			}
		}
	}
}

// only is the one night of a store that has begun; "" if none has. One whose controller died before
// its header was whole has not, and is left alone.
func only(t *testing.T, s store) string {
	t.Helper()
	nights, err := s.nights()
	nights = slices.DeleteFunc(nights, func(night string) bool { return Check(s.path(night)) != nil })
	if err != nil || len(nights) > 1 {
		t.Fatalf("nights %v: %v", nights, err)
	}
	return strings.Join(nights, "")
}

// verdicts tell of each cell what became of it, by the runs that count.
func verdicts(o *Outcome) []string {
	var list []string
	for _, cell := range o.Summary.Cells {
		text := fmt.Sprintf("%s seed %d class %d flaky %v:", cell.ID, cell.Seed, cell.Class, cell.Flaky)
		for _, a := range cell.Attempts {
			if a.Lost == "" {
				text += fmt.Sprintf(" %d", a.Class)
			}
		}
		list = append(list, text)
	}
	return list
}

// TestMain lets the test program be a controller that can be killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("NIGHT_STORE"); dir != "" {
		os.Exit(controller(dir))
	}
	os.Exit(m.Run())
}

// controller carries a night out whose runs take a few milliseconds, and ends with its exit code.
func controller(dir string) int {
	log, err := os.OpenFile(filepath.Join(dir, "plays"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return 90
	}
	f := &fake{rule: unsteady, keep: 100, hook: func(_ context.Context, cell, number int) {
		fmt.Fprintf(log, "%d.%d\n", cell, number)
		time.Sleep(3 * time.Millisecond) // what a run takes: nothing is awaited
	}}
	c, err := suiteLoad(filepath.Join(dir, "c.yaml"))
	if err != nil {
		return 91
	}
	o, err := Run(context.Background(), Config{Campaign: c, Store: filepath.Join(dir, "store"),
		Resume: os.Getenv("NIGHT_RESUME"), Player: f, Seed: 100})
	if err != nil || o.Trouble != nil {
		fmt.Fprintln(os.Stderr, err, o)
		return 92
	}
	return o.Exit
}

// Goal: as above, with a real process and a real SIGKILL. Method: controllers that are killed when
// the journal has grown by so many lines, until one comes to the end.
func TestKilledForReal(t *testing.T) {
	dir := t.TempDir()
	text := fourCombinations + "seeds: 10\nretry: {liveness: 3}\n"
	for name, content := range map[string]string{"base.yaml": baseText, "c.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kills, resume := 0, ""
	for try := 0; ; try++ {
		run := exec.Command(os.Args[0])
		run.Env = append(os.Environ(), "NIGHT_STORE="+dir, "NIGHT_RESUME="+resume)
		var said bytes.Buffer
		run.Stderr = &said
		if err := run.Start(); err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- run.Wait() }()
		if try < 5 {
			awaitLines(t, dir, 1+17*(try+1), over)
			if run.Process.Kill() == nil {
				kills++
			}
		}
		<-over
		if nights, _ := store(filepath.Join(dir, "store")).nights(); len(nights) == 1 {
			resume = nights[0]
		}
		status := run.ProcessState.Sys().(syscall.WaitStatus)
		if status.Exited() {
			if status.ExitStatus() != 1 {
				t.Fatalf("exit %d: %s", status.ExitStatus(), said.String())
			}
			break
		}
	}
	if kills == 0 {
		t.Fatal("nobody was killed")
	}
	checkKilled(t, dir, resume)
}

// awaitLines waits until the journal has so many lines, or its controller has ended.
func awaitLines(t *testing.T, dir string, lines int, over chan error) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		select {
		case err := <-over:
			over <- err
			return
		case <-time.After(time.Millisecond):
		}
		found, _ := filepath.Glob(filepath.Join(dir, "store", "*", journalFile))
		for _, path := range found {
			if text, err := os.ReadFile(path); err == nil && bytes.Count(text, []byte{'\n'}) >= lines {
				return
			}
		}
	}
	t.Fatal("the journal does not grow")
}

// checkKilled compares what the players noted with the journal.
func checkKilled(t *testing.T, dir, night string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "store", night, journalFile))
	if err != nil {
		t.Fatal(err)
	}
	entries, whole, err := readJournal(text)
	if err != nil || whole != len(text) {
		t.Fatalf("%d of %d bytes are whole: %v", whole, len(text), err)
	}
	told, err := replay(entries)
	if err != nil {
		t.Fatal(err)
	}
	plays, err := os.ReadFile(filepath.Join(dir, "plays"))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, play := range strings.Fields(string(plays)) {
		count[play]++
	}
	lostRuns := 0
	for _, r := range told.records {
		lostRuns += len(r.lost)
		for _, a := range r.attempts {
			if played := count[strconv.Itoa(r.Index)+"."+strconv.Itoa(a.Number)]; played != 1 {
				t.Errorf("run %d of cell %d was made %d times", a.Number, r.Index, played)
			}
		}
		if !r.standing.Final {
			t.Errorf("cell %d did not come to its end", r.Index)
		}
	}
	if len(told.records) != 40 || told.finished == nil {
		t.Errorf("%d cells, over: %v", len(told.records), told.finished)
	}
	t.Logf("%d runs were lost, %d controllers went on", lostRuns, told.resumed)
}
