//go:build lab

package acceptance

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"
	"time"

	"gauntlet/checker"
)

var rigs = flag.Int("rigs", 1, "on how many rigs at once TestKilledControllerOnHosts kills")

// Goal: on hosts of other people, too, a controller may die at any instant of a run, whatever it is
// doing: the hosts are clean within the lease, or as soon as anyone else says verify heal, and the
// next run finds them ready.
// Method: learn from one whole run how long each phase takes. Then, again and again: start a run,
// kill -9 the controller at a random instant of one phase, each phase in turn. Then, by chance,
// wait for the hosts to heal themselves, or heal them at once from a second controller, by force,
// for they cannot know that the first is dead. Rules and processes, foreign ones included, must be
// what they were. The kills are shared out among rigs that work side by side.
func TestKilledControllerOnHosts(t *testing.T) {
	needRoot(t)
	for i := range *rigs {
		share := *kills / *rigs
		if i < *kills%*rigs {
			share++
		}
		t.Run(fmt.Sprintf("rig%d", i+1), func(t *testing.T) {
			t.Parallel()
			newVictim(t).kill(t, share, i*3)
		})
	}
}

// victim is a rig whose controllers get killed.
type victim struct {
	*rig
	before map[string]string // the inventory of each host
	phases []span            // how long the phases of a whole run take
}

// span is one phase of a run, as long as it usually is.
type span struct {
	name string
	long time.Duration
}

const killSuite = "testdata/three-hosts.yaml"

func newVictim(t *testing.T) *victim {
	v := &victim{rig: newRig(t, "n1", "n2", "n3")}
	v.addForeignRules(t)
	v.before = v.inventory(t) // before anybody has logged in
	v.consent(t)
	v.phases = v.wholeRun(t)
	return v
}

// wholeRun lets a run end by itself, and returns its phases.
func (v *victim) wholeRun(t *testing.T) []span {
	t.Helper()
	e := v.launch(t, 0, killSuite)
	if code := e.wait(); code != checker.ExitValid {
		t.Fatalf("an undisturbed run: exit %d\n%s", code, &e.talk)
	}
	h := e.history()
	spans := []span{{"start", 200 * time.Millisecond}} // before the first phase there is no clock
	for i, p := range h.Phases {
		end := p.At + time.Second // of the last one nobody knows
		if i+1 < len(h.Phases) {
			end = h.Phases[i+1].At
		}
		spans = append(spans, span{p.Name, end - p.At})
	}
	v.awaitInventory(t, v.before, linger)
	return spans
}

// kill kills n times, beginning with the offset-th phase.
func (v *victim) kill(t *testing.T, n, offset int) {
	for i := range n {
		at := v.phases[(i+offset)%len(v.phases)]
		e := v.launch(t, 0, killSuite)
		delay, ended := e.killIn(t, at)
		how := "before its end"
		switch {
		case ended:
			how = "after its end: clean"
			v.awaitInventory(t, v.before, linger)
		case rand.IntN(2) == 0:
			// Where nothing but the guard was there yet, all is well at once, its lease not over.
			within := lease + margin + time.Duration(2**rigs)*time.Second // they share the cores
			healed := v.awaitHealed(t, v.before, within)
			empty := v.awaitInventory(t, v.before, within+linger-healed)
			how = fmt.Sprintf("healed by the hosts in %v, guards gone %v later", rounded(healed),
				rounded(empty))
		default:
			started := time.Now()
			refused := v.heal(t)
			v.awaitInventory(t, v.before, time.Second)
			how = fmt.Sprintf("healed by another controller in %v", rounded(time.Since(started)))
			if refused {
				how += ", by force"
			}
		}
		t.Logf("kill %d, %v into %s: %s", i+1, delay.Round(time.Millisecond), at.name, how)
		v.checkable(t, e)
		if t.Failed() {
			t.Fatalf("the talk of the killed controller:\n%s", &e.talk)
		}
	}
	v.wholeRun(t)
	if v.heal(t) {
		t.Error("verify heal is refused though no controller lives")
	}
}

// killIn kills the controller at a random instant of the phase, and returns how far into it that
// was. A run that was quicker than usual may have ended before.
func (e *execution) killIn(t *testing.T, at span) (delay time.Duration, ended bool) {
	t.Helper()
	for at.name != "start" && !e.reached(at.name) {
		select {
		case <-e.ended:
			t.Fatalf("the run ended before %s", at.name)
		case <-time.After(2 * time.Millisecond):
		}
	}
	delay = rand.N(max(at.long, time.Millisecond))
	select {
	case <-e.ended:
	case <-time.After(delay):
	}
	_ = e.command.Process.Kill() // it may just have ended
	return delay, e.wait() >= 0
}

// heal says verify heal on the second controller: first politely, then, where that is refused for
// the sake of a run that may be alive, by force.
func (v *victim) heal(t *testing.T) (refused bool) {
	t.Helper()
	heal := func(args ...string) (int, string) {
		args = append([]string{"heal", "--hosts", v.path("hosts.yaml")}, args...)
		command := v.controllers[1].within(binary(t, "verify"), args...)
		said, _ := command.CombinedOutput()
		return command.ProcessState.ExitCode(), string(said)
	}
	code, said := heal()
	if code == checker.ExitRefused {
		refused = true
		code, said = heal("--force")
	}
	if code != checker.ExitValid {
		t.Errorf("verify heal (refused first: %v): exit %d\n%s", refused, code, said)
	}
	return refused
}

// checkable demands that what the dead controller recorded can be judged, once there was a load.
func (v *victim) checkable(t *testing.T, e *execution) {
	t.Helper()
	if !e.reached(checker.PhaseLoad) {
		return
	}
	check := exec.Command(binary(t, "verify"), "check", e.directory())
	said, _ := check.CombinedOutput()
	code := check.ProcessState.ExitCode()
	judged := []int{checker.ExitValid, checker.ExitGate, checker.ExitInconclusive}
	if !slices.Contains(judged, code) {
		t.Errorf("verify check: exit %d\n%s", code, said)
	}
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }
