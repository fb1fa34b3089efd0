//go:build lab

package acceptance

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gauntlet/checker"
	"gauntlet/history"
)

var etcdRuns = flag.Int("etcd", 1, "how often each etcd test runs its suite")

// Goal: a system that we did not write passes as a black box, and its green means something.
// Method: the smoke suite on Debian's etcd: exit 0, with operations and faults enough, and a leader
// observed for every term in which the nodes' logs speak of one. By etcd's own revisions, too, no
// read was stale.
func TestEtcdSmoke(t *testing.T) {
	for seed := range uint64(*etcdRuns) {
		e := launch(t, filepath.Join(root, "configs/etcd.yaml"), seedFlag(seed+1))
		if code := e.wait(); code != checker.ExitValid {
			t.Fatalf("seed %d: exit %d", seed+1, code)
		}
		results := e.results(t)
		atLeast(t, "ok operations", results.Summary.OK, 3000)
		atLeast(t, "proven partitions", proven(results, "partition"), 3)
		atLeast(t, "proven pauses", proven(results, "pause"), 2)
		everyTermHasItsLeader(t, e, results)
		if stale, _ := staleReads(e.history()); stale > 0 {
			t.Errorf("seed %d: %d stale reads", seed+1, stale)
		}
		t.Logf("seed %d: %d ok, %d leaders", seed+1, results.Summary.OK, len(results.Summary.Leaders))
	}
}

// Goal: the same for an etcd that is built from a folder, killed and restarted.
// Method: the suite that does so, with the folder's path from here.
func TestEtcdBuiltFromSource(t *testing.T) {
	const folder = "build: targets/etcd"
	text, err := os.ReadFile(filepath.Join(root, "configs/etcd-pinned.yaml"))
	if err != nil || !strings.Contains(string(text), folder) {
		t.Fatalf("no %q in the suite: %v", folder, err)
	}
	suite := filepath.Join(t.TempDir(), "suite.yaml")
	text = []byte(strings.Replace(string(text), folder, "build: ../targets/etcd", 1))
	if err := os.WriteFile(suite, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(*etcdRuns) {
		e := launch(t, suite, seedFlag(seed+1))
		if code := e.wait(); code != checker.ExitValid {
			t.Fatalf("seed %d: exit %d", seed+1, code)
		}
		results := e.results(t)
		atLeast(t, "proven kills", proven(results, "kill"), 2)
		everyTermHasItsLeader(t, e, results)
	}
}

// Goal: red is possible on etcd: a promise that it does not make is found not to be kept.
// Method: serializable reads declared linearizable, with an isolated follower: exit 1, the evidence
// is shown, leaders are not blamed, and by etcd's own revisions the isolated follower's reads were
// stale; so are some that merely overtook the replication, on any node.
func TestEtcdSerializableReads(t *testing.T) {
	for seed := range uint64(*etcdRuns) {
		e := launch(t, filepath.Join(root, "configs/etcd-serializable.yaml"), seedFlag(seed+1))
		if code := e.wait(); code != checker.ExitViolation {
			t.Fatalf("seed %d: exit %d", seed+1, code)
		}
		results := e.results(t)
		if !showsEvidence(results) {
			t.Errorf("seed %d: no violation is shown", seed+1)
		}
		atLeast(t, "proven partitions", proven(results, "partition"), 2)
		for _, check := range results.Checks {
			if check.Check == checker.CheckLeaderPerTerm && check.Verdict != checker.Valid {
				t.Errorf("seed %d: %s is %v: %s", seed+1, check.Check, check.Verdict, check.Reason)
			}
		}
		stale, isolated := staleReads(e.history())
		atLeast(t, "stale reads of an isolated follower", isolated, 5)
		t.Logf("seed %d: %d stale reads, %d of an isolated follower", seed+1, stale, isolated)
	}
}

// staleReads counts the reads answered from a store whose revision was older than one that had
// been acknowledged to some writer before the read was called, and those of them made of a node
// while it was isolated. It is a witness beside the checker: etcd's revisions order everything.
func staleReads(h *history.History) (stale, isolated int) {
	var writes, reads []history.Operation
	for _, op := range h.Operations {
		switch {
		case op.Outcome != history.OutcomeOK:
		case op.Kind == "read":
			reads = append(reads, op) // by their calls, as the history is
		default:
			writes = append(writes, op)
		}
	}
	slices.SortFunc(writes, func(a, b history.Operation) int {
		return cmp.Compare(a.Return, b.Return)
	})
	newest, next := 0, 0
	for _, read := range reads {
		for ; next < len(writes) && writes[next].Return < read.Call; next++ {
			newest = max(newest, revisionOf(writes[next]))
		}
		if revisionOf(read) < newest {
			stale++
			if isolatedAt(h, read) {
				isolated++
			}
		}
	}
	return stale, isolated
}

var revision = regexp.MustCompile(`"revision":([0-9]+)`)

// revisionOf is the store's revision when it answered, or 0.
func revisionOf(op history.Operation) int {
	found := revision.FindSubmatch(op.Output)
	if found == nil {
		return 0
	}
	number, err := strconv.Atoi(string(found[1]))
	if err != nil {
		return 0
	}
	return number
}

// isolatedAt reports whether the operation's node was cut off when it was called.
func isolatedAt(h *history.History, op history.Operation) bool {
	return slices.ContainsFunc(h.Faults, func(f history.Fault) bool {
		return f.Kind == "partition" && slices.Contains(f.Hosts, op.Node) &&
			f.Start <= op.Call && op.Call <= f.Stop
	})
}

var elected = regexp.MustCompile(`elected leader [0-9a-f]+ at term ([0-9]+)`)

// everyTermHasItsLeader demands that some node claimed each term in which any node's log says that
// a leader was elected.
func everyTermHasItsLeader(t *testing.T, e *execution, results checker.Results) {
	t.Helper()
	claimed := map[string]bool{}
	for _, leader := range results.Summary.Leaders {
		claimed[strconv.FormatUint(leader.Term, 10)] = true
	}
	logs, err := filepath.Glob(filepath.Join(e.directory(), "nodes/*/etcd.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no logs: %v", err)
	}
	for _, path := range logs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range elected.FindAllStringSubmatch(string(text), -1) {
			if !claimed[found[1]] {
				t.Errorf("%s: term %s had a leader whom nobody observed; observed: %s",
					filepath.Base(filepath.Dir(path)), found[1], strings.Join(terms(claimed), " "))
			}
		}
	}
}

func terms(claimed map[string]bool) []string {
	var all []string
	for term := range claimed {
		all = append(all, term)
	}
	slices.Sort(all)
	return all
}
