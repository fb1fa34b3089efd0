//go:build lab

package acceptance

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
)

// Goal: what people meet with hosts of their own is told in one clear line, with the right exit
// code, and nothing is left behind.
// Method: script files, one behaviour each, on rigs that have the trouble.
func TestOpenSSHScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/openssh/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".sh"), func(t *testing.T) {
			script, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found := rigLine.FindSubmatch(script)
			if found == nil {
				t.Fatalf("%s: no line # rig: HOST[:QUIRK,...]...", path)
			}
			t.Parallel()
			r := newRig(t, strings.Fields(string(found[1]))...)
			command := r.controllers[0].within("timeout", "180", "sh", "-c", prelude+string(script))
			command.Dir, command.Env = r.dir, r.environment(t)
			if said, err := command.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
}

// prelude is the words that the scripts are written with.
//
//go:embed testdata/openssh-prelude.sh
var prelude string

var rigLine = regexp.MustCompile(`(?m)^# rig: (.*)$`)

// environment tells a script where things are.
func (r *rig) environment(t *testing.T) []string {
	t.Helper()
	suites, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "HOME="+r.dir, "VERIFY="+binary(t, "verify"), "SUITES="+suites,
		fmt.Sprintf("SECOND=%d", r.controllers[1].child.Process.Pid))
	for _, m := range r.machines {
		env = append(env, fmt.Sprintf("PID_%s=%d", m.name, m.child.Process.Pid),
			fmt.Sprintf("LAST_%s=%d", m.name, m.last))
	}
	return env
}

// consent gives the marker that every run needs.
func (r *rig) consent(t *testing.T) {
	t.Helper()
	command := r.controllers[0].within(binary(t, "verify"), "consent", "--hosts",
		r.path("hosts.yaml"), "--cluster", cluster, "--for", "24h")
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("verify consent: %v\n%s", err, said)
	}
}

// launch starts "verify run SUITE" on a controller.
func (r *rig) launch(t testing.TB, controller int, suite string, args ...string) *execution {
	t.Helper()
	parent := t.TempDir()
	args = append([]string{"run", suite, "--out", parent, "--place", "hosts",
		"--hosts", r.path("hosts.yaml")}, args...)
	return follow(t, r.controllers[controller].within(binary(t, "verify"), args...), parent)
}

// Goal: hosts that are not our lab's give the same verdicts, and are left as they were.
// Method: the smoke suite, on three hosts.
func TestOpenSSHSmoke(t *testing.T) {
	r := newRig(t, "n1", "n2", "n3")
	r.addForeignRules(t)
	before := r.inventory(t) // before anybody has logged in
	r.consent(t)
	e := r.launch(t, 0, filepath.Join(root, "configs/smoke-three.yaml"), seedFlag(1))
	if code := e.wait(); code != checker.ExitValid {
		t.Fatalf("exit %d", code)
	}
	results := e.results(t)
	atLeast(t, "ok operations", results.Summary.OK, 5000)
	atLeast(t, "proven partitions", proven(results, "partition"), 3)
	atLeast(t, "proven pauses", proven(results, "pause"), 2)
	atLeast(t, "leaders", len(results.Summary.Leaders), 2)
	r.awaitInventory(t, before, time.Second)
}

// Goal: two controllers never share a host, and the one that came first does not notice.
// Method: while one run is under load, start another from a second controller on hosts of which
// one is taken; it is refused by name. Then the first must end as if nothing had happened, and
// give the hosts free.
func TestSecondControllerIsRefused(t *testing.T) {
	r := newRig(t, "n1", "n2", "n3")
	r.consent(t)
	first := r.launch(t, 0, "testdata/three-hosts.yaml")
	first.awaitPhase(t, checker.PhaseLoad)
	second := r.launch(t, 1, "testdata/three-hosts.yaml")
	if code := second.wait(); code != checker.ExitRefused {
		t.Errorf("the second controller: exit %d", code)
	}
	holder := first.history().Header.Run
	if said := second.talk.String(); !strings.Contains(said, holder) {
		t.Errorf("it does not name the run %s that holds the hosts\n%s", holder, said)
	}
	heal := r.controllers[1].within(binary(t, "verify"), "heal", "--hosts", r.path("hosts.yaml"))
	said, _ := heal.CombinedOutput()
	if code := heal.ProcessState.ExitCode(); code != checker.ExitRefused {
		t.Errorf("verify heal during a run: exit %d\n%s", code, said)
	}
	if code := first.wait(); code != checker.ExitValid {
		t.Errorf("the first controller: exit %d", code)
	}
	third := r.launch(t, 1, "testdata/three-hosts.yaml")
	if code := third.wait(); code != checker.ExitValid {
		t.Errorf("the second controller, afterwards: exit %d", code)
	}
}
