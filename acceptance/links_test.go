//go:build lab

package acceptance

import (
	"slices"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
)

// linkFaults is how many faults of each kind every-link.yaml has.
var linkFaults = map[string]int{"partition": 3, "loss": 2, "mtu": 2, "client-cut": 3, "kill": 1}

// Goal: resets, losses, black holes and cuts of clients bite a real target, each with evidence at
// its start and its end, also while they overlap, and leave the hosts as they were; several nodes
// that a timeline names are killed together. Method: a run of all of them on a lab whose hosts have
// foreign rules.
func TestEveryLink(t *testing.T) {
	l := hold(t, 5)
	before := l.inventory(t)
	e := launch(t, "testdata/every-link.yaml", seedFlag(1))
	if code := e.wait(); code != checker.ExitValid {
		t.Errorf("exit %d", code)
	}
	l.awaitInventory(t, before, time.Second)
	results := e.results(t)
	if len(results.Summary.Faults) != len(linkFaults) {
		t.Errorf("faults %+v, want %v", results.Summary.Faults, linkFaults)
	}
	for kind, want := range linkFaults {
		atLeast(t, "proven faults of kind "+kind, proven(results, kind), want)
	}
	for _, f := range e.history().Faults {
		if f.Kind == "kill" && f.Stage == history.StageHealed && len(f.Hosts) != 2 {
			t.Errorf("two were to be killed by name: %+v", f)
		}
		for _, evidence := range f.Evidence {
			t.Logf("#%d %s %s %s: %s %s", f.ID, f.Kind, evidence.Host, evidence.Moment, evidence.What,
				evidence.Value)
		}
	}
}

// Goal: a controller that dies with all of them in force leaves none. Method: kill -9 it then. The
// rules that lose by chance and by size, that reject and that keep clients out must have been
// there, and be gone within the lease, with foreign rules as they were.
func TestKilledControllerOfLinks(t *testing.T) {
	l := hold(t, 5)
	before := l.inventory(t)
	e := launch(t, "testdata/every-link.yaml", seedFlag(2))
	e.await(t, "all kinds of cuts in force at once", func() bool {
		return !slices.ContainsFunc([]string{"partition", "loss", "mtu", "client-cut"},
			func(kind string) bool { return !e.inForce(kind) })
	})
	var rules strings.Builder
	for _, host := range l.hosts {
		rules.WriteString(l.on(t, host, "iptables -S | grep -e '-A GNT-'"))
	}
	for _, part := range []string{"statistic", "--length", "REJECT", "--dport 4400"} {
		if !strings.Contains(rules.String(), part) {
			t.Errorf("no rule with %s in\n%s", part, &rules)
		}
	}
	if err := e.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	healed := l.awaitHealed(t, before, lease+margin)
	empty := l.awaitInventory(t, before, linger)
	t.Logf("hosts healed within %v, as before %v later", healed.Round(100*time.Millisecond),
		empty.Round(100*time.Millisecond))
}
