//go:build lab

package acceptance

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gauntlet/checker"
)

// say runs verify with some arguments and returns its exit code and what it printed.
func say(t *testing.T, args ...string) (int, string) {
	t.Helper()
	command := exec.Command(binary(t, "verify"), args...)
	said, err := command.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), string(said)
}

// Goal: nobody heals a run away from under its controller unless he insists; if he does, the hosts
// are clean at once, the run is over, and says why.
// Method: heal during a partition, then by force, then once more.
func TestHealBesideALiveRun(t *testing.T) {
	l := hold(t, 5)
	before := l.inventory(t)
	e := launch(t, "testdata/every-fault.yaml")
	e.awaitFault(t, "partition")
	code, said := say(t, "heal")
	if code != checker.ExitRefused || strings.Count(said, "LEFT ALONE: run ") != 5 {
		t.Errorf("heal: exit %d\n%s", code, said)
	}
	code, said = say(t, "heal", "--force")
	if code != 0 || strings.Count(said, "  clean\n") != 5 || !strings.Contains(said, "ended process") {
		t.Errorf("heal --force: exit %d\n%s", code, said)
	}
	l.awaitHealed(t, before, margin)
	if code := e.wait(); code != checker.ExitRefused {
		t.Errorf("the run ended with exit %d, want %d", code, checker.ExitRefused)
	}
	if !strings.Contains(e.talk.String(), "verify heal has ended this run on the host") {
		t.Errorf("the run does not say that it was ended")
	}
	l.awaitInventory(t, before, linger)
	if code, said = say(t, "heal"); code != 0 || strings.Count(said, "nothing to undo") != 5 {
		t.Errorf("heal afterwards: exit %d\n%s", code, said)
	}
}

// Goal: a run can be stopped from elsewhere, and if its controller hangs, it is finished for it.
// Method: halt a run, as with Ctrl-C; then SIGSTOP the controller of another during a fault, and
// halt that.
func TestHalt(t *testing.T) {
	l := hold(t, 5)
	before := l.inventory(t)
	obeys := launch(t, "testdata/every-fault.yaml")
	obeys.awaitFault(t, "kill")
	if code, said := say(t, "halt", obeys.directory()); code != 0 ||
		!strings.Contains(said, "its controller has ended and cleaned up") {
		t.Errorf("halt: exit %d\n%s", code, said)
	}
	if code := obeys.wait(); code != checker.ExitInconclusive {
		t.Errorf("the halted run ended with exit %d", code)
	}
	l.awaitInventory(t, before, time.Second)

	hangs := launch(t, "testdata/every-fault.yaml")
	hangs.awaitFault(t, "partition")
	if err := hangs.command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	code, said := say(t, "halt", "--wait", "1s", hangs.directory())
	if code != 0 || !strings.Contains(said, "still there after 1s: killing it") ||
		strings.Count(said, "  clean\n") != 5 {
		t.Errorf("halt of a hanging controller: exit %d\n%s", code, said)
	}
	l.awaitInventory(t, before, time.Second)
}
