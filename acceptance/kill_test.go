//go:build lab

package acceptance

import (
	"flag"
	"math/rand/v2"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gauntlet/checker"
)

var kills = flag.Int("kills", 3, "how often TestKilledController kills")

const (
	// lease is how long a host waits for its controller before it heals itself, and margin what the
	// last tick, the clean-up and looking at five hosts may add on a busy machine.
	lease  = 15 * time.Second
	margin = 5 * time.Second
	// linger is how long the guard may stay afterwards, to catch what was just being started.
	linger = 10 * time.Second
)

var everyKind = []string{"partition", "pause", "kill"}

// Goal: a controller that dies leaves nothing behind on the hosts, and its history can be judged.
// Method: on a lab of its own process, with foreign rules on every host, kill -9 the controller at
// a random instant of a fault, each kind in turn. Within the lease every host must have the rules
// and processes it had before, its guard aside, and none of them stopped; soon after, the guard is
// gone too; and verify check must read the history.
func TestKilledController(t *testing.T) {
	l := hold(t, 5)
	before := l.inventory(t)
	for i := range *kills {
		kind := everyKind[i%len(everyKind)]
		e := launch(t, "testdata/every-fault.yaml")
		e.awaitFault(t, kind)
		delay := rand.N(2 * time.Second)
		time.Sleep(delay) // the random instant
		if err := e.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		healed := l.awaitHealed(t, before, lease+margin)
		empty := l.awaitInventory(t, before, linger)
		t.Logf("kill %d, %v into a %s: hosts healed within %v, as before %v later", i+1,
			delay.Round(time.Millisecond), kind, healed.Round(100*time.Millisecond),
			empty.Round(100*time.Millisecond))

		check := exec.Command(binary(t, "verify"), "check", e.directory())
		said, _ := check.CombinedOutput()
		switch code := check.ProcessState.ExitCode(); code {
		case checker.ExitValid, checker.ExitGate, checker.ExitInconclusive:
		default:
			t.Errorf("verify check: exit %d\n%s", code, said)
		}
	}
}

// Goal: a controller that stalls past its lease and comes back does no harm: the host decides.
// Method: SIGSTOP it during a fault, wait for the hosts to heal themselves, continue it, and look
// at the hosts again once it has ended.
func TestStalledController(t *testing.T) {
	l := hold(t, 5)
	before := l.inventory(t)
	e := launch(t, "testdata/every-fault.yaml")
	e.awaitFault(t, "partition")
	if err := e.command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	l.awaitHealed(t, before, lease+margin)
	if err := e.command.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if code := e.wait(); code == checker.ExitValid {
		t.Errorf("exit %d, though no fault was watched to its end", code)
	}
	if !strings.Contains(e.talk.String(), "lease") {
		t.Errorf("the run does not say that its lease had expired\n%s", &e.talk)
	}
	l.awaitInventory(t, before, linger)
}

// Goal: a whole run leaves rules that are not its own exactly as they were.
// Method: the same comparison around a run that ends by itself.
func TestForeignRulesSurviveARun(t *testing.T) {
	l := hold(t, 5)
	before := l.inventory(t)
	e := launch(t, "testdata/every-fault.yaml")
	// So many faults at once may leave one unproven; the rules are the matter here.
	if code := e.wait(); code != checker.ExitValid && code != checker.ExitInconclusive {
		t.Errorf("exit %d", code)
	}
	l.awaitInventory(t, before, time.Second)
}
