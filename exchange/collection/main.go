// Command collection judges a collection of histories whose verdicts are known, and prints a table.
// It ends with 1 if any answer is another one than the known, and unknown is another.
//
//	go run ./exchange/collection [-dir DIRECTORY] [-budget 60s]
//
// The directory holds MANIFEST.tsv, whose first line names its columns. These are read:
//
//	file      below the directory
//	model     as checker.Foreign has it
//	expected  ok, illegal, or anything else for what nobody knows
//	note      options for the model among other words: --total N, --negative-balances
//
// Histories of transactions are listed, and not judged yet. Where there is no such directory, the
// histories that come with the sources are judged, and some that are generated.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gauntlet/checker"
	"gauntlet/exchange/jepsen"
	"gauntlet/history"
)

// own is the collection that comes with the sources.
const own = "exchange/collection/testdata"

func main() {
	dir := flag.String("dir", "../shared/histories", "the directory of the collection")
	budget := flag.Duration("budget", time.Minute, "how long the check of one key may take")
	flag.Parse()
	os.Exit(run(os.Stdout, os.Stderr, *dir, *budget))
}

// run judges the collection, or what the sources have if there is none, and returns the exit code.
func run(out, talk io.Writer, dir string, budget time.Duration) int {
	const mismatch, usage = 1, 64
	more := []spec(nil)
	if _, err := os.Stat(filepath.Join(dir, manifestName)); errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(talk, "%s is not there: judging generated histories, and those in %s\n", dir, own)
		dir, more = own, generated
	}
	entries, err := readManifest(filepath.Join(dir, manifestName))
	if err != nil {
		fmt.Fprintln(talk, err)
		return usage
	}
	t := table{out: out, counts: map[answer]int{}}
	t.header()
	defer t.footer()
	for _, s := range more {
		t.add(judge(s.entry(), s.read, budget))
	}
	for _, e := range entries {
		t.add(judge(e, func() (*history.History, error) { return read(dir, e) }, budget))
	}
	if t.counts[wrong] > 0 || t.counts[right] == 0 {
		return mismatch
	}
	return 0
}

// answer is how a verdict compares with what is expected.
type answer string

const (
	right answer = "right"
	wrong answer = "WRONG"
	later answer = "later" // this model is not judged yet
	extra answer = "extra" // nobody knows the verdict
)

// row is the outcome of one history.
type row struct {
	entry
	verdict string
	engines string
	took    time.Duration
	answer  answer
	why     string // what to say of a wrong answer
}

// transactional are the models of a later version.
var transactional = []string{
	"list-append", "rw-register", "txn rw-register", "long-fork", "comments",
}

// judge reads and checks one history.
func judge(e entry, read func() (*history.History, error), budget time.Duration) row {
	r := row{entry: e, verdict: "-", answer: later}
	if slices.Contains(transactional, e.model.Model) {
		return r
	}
	started := time.Now()
	result, err := check(e.model, read, budget)
	r.took, r.answer = time.Since(started), wrong
	if err != nil {
		r.verdict, r.why = "error", err.Error()
		return r
	}
	r.verdict, r.engines, r.why = result.Verdict.String(), engines(result), result.Reason
	switch want, known := verdicts[e.expected]; {
	case !known:
		r.answer = extra
	case result.Verdict == want:
		r.answer = right
	}
	return r
}

// verdicts are what the words of a manifest mean.
var verdicts = map[string]checker.Verdict{"ok": checker.Valid, "illegal": checker.Invalid}

func check(
	model checker.Foreign, read func() (*history.History, error), budget time.Duration,
) (checker.Result, error) {
	h, err := read()
	if err != nil {
		return checker.Result{}, err
	}
	if err := h.Valid(); err != nil {
		return checker.Result{}, err
	}
	result, _, err := model.Check(h, budget)
	return result, err
}

// read reads the history of an entry.
func read(dir string, e entry) (*history.History, error) {
	path := filepath.Join(dir, filepath.FromSlash(e.file))
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return jepsen.Read(f, path, e.model.Model)
}

// engines names the engines that decided about some key, each once.
func engines(result checker.Result) string {
	var names []string
	for _, k := range result.Keys {
		names = append(names, k.Engine)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), "+")
}

// table is what is printed.
type table struct {
	out    io.Writer
	counts map[answer]int
	slow   time.Duration // the longest that one history took
	total  time.Duration
}

const rowFormat = "%-58s %-28s %-9s %-9s %-12s %9s  %s\n"

func (t *table) header() {
	fmt.Fprintf(t.out, rowFormat, "file", "model", "expected", "verdict", "engine", "time", "")
}

func (t *table) add(r row) {
	t.counts[r.answer]++
	t.slow, t.total = max(t.slow, r.took), t.total+r.took
	expected := r.expected
	if _, known := verdicts[expected]; !known {
		expected = "?"
	}
	fmt.Fprintf(t.out, rowFormat, r.file, r.model.Model, expected, r.verdict, cmp.Or(r.engines, "-"),
		r.took.Round(10*time.Microsecond), r.answer)
	if r.answer == wrong {
		fmt.Fprintf(t.out, "    %s\n", r.why)
	}
}

func (t *table) footer() {
	fmt.Fprintf(t.out, "%d right, %d wrong, %d of unknown verdict, %d of transactions\n",
		t.counts[right], t.counts[wrong], t.counts[extra], t.counts[later])
	if t.counts[later] > 0 {
		fmt.Fprintf(t.out, "\"later\" is not judged: no checker here is for %s yet\n",
			strings.Join(transactional, ", "))
	}
	fmt.Fprintf(t.out, "%v in all, %v at most\n", t.total.Round(time.Millisecond),
		t.slow.Round(time.Millisecond))
}
