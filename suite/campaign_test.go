package suite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
)

// Goal: the shipped campaigns are what their comments say. Method: read them, count.
func TestShippedCampaigns(t *testing.T) {
	for name, want := range map[string]int{"nightly": 34, "gate": 8} {
		c, err := LoadCampaign("../configs/"+name+".yaml", "")
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Combinations) != want {
			for _, one := range c.Combinations {
				t.Log(one.Label())
			}
			t.Errorf("%s: %d combinations, want %d", name, len(c.Combinations), want)
		}
		for _, one := range c.Combinations {
			if one.Suite == nil {
				t.Errorf("%s: %s lacks %v", name, one.Label(), one.Missing)
			}
		}
	}
}

// campaignFiles writes files and reads the first as a campaign. A file begins with "-- NAME --".
func campaignFiles(t *testing.T, text, place string) (*Campaign, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	first := ""
	for _, part := range strings.Split(text, "-- ")[1:] {
		name, body, found := strings.Cut(part, " --\n")
		if !found {
			t.Fatalf("no file begins with %q", part)
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = name
		}
	}
	return LoadCampaign(first, place)
}

const campaignBase = `-- base.yaml --
name: base
target: {raftd: {nodes: 5, options: {prevote: true, check-quorum: true, election-timeout: 300ms}}}
workload: {register: {clients: 10, rate: 400, keys: 5, ops-per-key: 100}}
faults:
  - partition: {shapes: [isolate-leader], every: 8s, for: 4s}
  - pause: {on: [leader, any], every: 10s, for: 3s}
phases: {warm-up: 3s, load: 35s, recovery: 8s}
require: {ok-per-kind: 200, min-faults: {partition: 3, pause: 2}, available-after-heal: 20ET}
`

// Goal: each choice replaces what it is for, and nothing else of the base. Method: a campaign with
// every dimension, and the suites by hand.
func TestCombinations(t *testing.T) {
	c, err := campaignFiles(t, `-- c.yaml --
name: night
base: base.yaml
options:
  plain: {prevote: false}
nodes: [3, 5]
workloads:
  lists: {append: {clients: 4}}
  txns: {txn: {rate: 100}}
faults:
  kills: {faults: [{kill: {on: [any], every: 9s, for: 2s}}], phases: {load: 20s}}
  ring: {suite: sub/ring.yaml, available: false}
exclude: [{nodes: 3, workload: txns}]
seeds: 7
seed: 42
budget: {time: 10m, disk: 1GiB, memory: 512MiB}
retry: {liveness: 3}
slo: {availability: 99.5%, longest-gap: 4s, recovery: 3s, p99: 200ms, throughput: 50.5}
confidence: 99%
store: {keep: 1 night, failing: 12 nights, disk: 2GiB}
notify: {command: [echo, done, done], webhook: "https://example.com/hook"}
`+campaignBase+`-- sub/ring.yaml --
name: ring
target: {raftd: {nodes: 7, options: {election-timeout: 1s}}}
workload: {register: {}}
faults: [{partition: {shapes: [majorities-ring], every: 5s, for: 2s}}]
phases: {load: 10s, recovery: 30s}
require: {available-after-heal: 20ET}
`, "")
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, one := range c.Combinations {
		labels = append(labels, one.Label())
	}
	want := []string{"plain/n3/lists/kills", "plain/n7/lists/ring", "plain/n7/txns/ring",
		"plain/n5/lists/kills", "plain/n5/txns/kills"}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Fatalf("combinations (-want +got):\n%s", diff)
	}
	combined(t, c.Combinations[0], c.Combinations[2])
	c.Combinations = nil
	seed := uint64(42)
	if diff := cmp.Diff(&Campaign{
		Name: "night", File: "c.yaml", Place: PlaceLab, Seeds: 7, Seed: &seed,
		Budget: CampaignBudget{10 * time.Minute, 1 << 30, 512 << 20}, Reruns: 3,
		Objectives: Objectives{995, 4 * time.Second, 3 * time.Second, 200 * time.Millisecond, 50.5},
		Confidence: 990, Store: Retention{1, 12, 2 << 30}, Digest: c.Digest,
		Notify: Notify{[]string{"echo", "done", "done"}, "https://example.com/hook"},
	}, c); diff != "" {
		t.Errorf("campaign (-want +got):\n%s", diff)
	}
}

// combined looks at two of the combinations above: three nodes, and faults of a suite's file.
func combined(t *testing.T, kills, ring Combination) {
	t.Helper()
	three := kills.Suite
	options := three.Target.Raftd.Options
	switch {
	case three.Name != "plain-n3-lists-kills" || three.Place != PlaceLab:
		t.Errorf("name %s, place %s", three.Name, three.Place)
	case three.Target.Raftd.Nodes != 3 || options.Prevote || !options.CheckQuorum:
		t.Errorf("target %+v", three.Target.Raftd)
	case three.Workload.Model != "append" || three.Workload.Spec.Clients != 4:
		t.Errorf("workload %+v", three.Workload)
	case len(three.Faults) != 1 || three.Faults[0].Kind != "kill":
		t.Errorf("faults %+v", three.Faults)
	case three.Phases != (Phases{3 * time.Second, 20 * time.Second, 8 * time.Second}):
		t.Errorf("phases %+v", three.Phases)
	case three.Require.OKPerKind != 200 || len(three.Require.MinFaults) != 0:
		t.Errorf("require %+v", three.Require)
	case three.Budget.Memory != 512<<20:
		t.Errorf("memory %d", three.Budget.Memory)
	case !ring.Unavailable || ring.Suite.Target.Raftd.Nodes != 7 || ring.Nodes != 7:
		t.Errorf("ring: %+v", ring)
	case ring.Suite.Target.ElectionTimeout() != 300*time.Millisecond:
		t.Errorf("ring: the target is the base's, not %v", ring.Suite.Target.ElectionTimeout())
	case ring.Suite.Phases.Recovery != 30*time.Second:
		t.Errorf("ring: phases %+v", ring.Suite.Phases)
	}
}

// Goal: a campaign that changed is another one. Method: the digest after a change of each file, and
// of nothing.
func TestCampaignDigest(t *testing.T) {
	const text = "-- c.yaml --\nname: night\nbase: base.yaml\n"
	digest := func(text, place string) string {
		c, err := campaignFiles(t, text, place)
		if err != nil {
			t.Fatal(err)
		}
		return c.Digest
	}
	first := digest(text+campaignBase, "")
	if digest(text+campaignBase, "") != first {
		t.Error("the same files have another digest")
	}
	for _, change := range [][2]string{
		{text + "seeds: 2\n" + campaignBase, ""}, {text + campaignBase + "seed: 4\n", ""},
		{text + campaignBase, PlaceHosts},
	} {
		if digest(change[0], change[1]) == first {
			t.Errorf("after a change the digest is the same: %v", change)
		}
	}
}

// Goal: every mistake in a campaign and in what it names is told once, with the file and the line
// where it stands. Method: transcripts in testdata; a place in brackets replaces the base's.
func TestCampaignProblems(t *testing.T) {
	path, err := filepath.Abs("testdata/campaigns/problems")
	if err != nil {
		t.Fatal(err)
	}
	datadriven.RunTest(t, path,
		func(t *testing.T, d *datadriven.TestData) string {
			place := ""
			if len(d.CmdArgs) > 0 {
				place = d.CmdArgs[0].Key
			}
			text := "-- c.yaml --\n" + d.Input + "\n"
			if !strings.Contains(text, "-- base.yaml --") {
				text += campaignBase
			}
			c, err := campaignFiles(t, text, place)
			var problems Problems
			switch {
			case err == nil:
				var lines []string
				for _, one := range c.Combinations {
					line := one.Label()
					if len(one.Missing) > 0 {
						line += ": lacks " + strings.Join(one.Missing, ", ")
					}
					lines = append(lines, line)
				}
				return strings.Join(lines, "\n") + "\n"
			case !errors.As(err, &problems) || len(problems) == 0:
				return "error: " + err.Error() + "\n"
			}
			return err.Error() + "\n"
		})
}
