//go:build lab

package acceptance

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"gauntlet/checker"
)

// Goal: Ctrl-C at any time heals, keeps the history, checks what there is, and leaves the hosts as
// they were; what was cut short never passes, and what was complete still does.
// Method: on a held lab, interrupt a run right after each phase's line, that is in the phase after
// it, and in the middle of a fault.
func TestInterrupted(t *testing.T) {
	l := hold(t, 3)
	before := l.inventory(t)
	for _, c := range []struct {
		after string // the line after which the interrupt comes
		exit  int
	}{
		{"  run ", checker.ExitInconclusive},          // guard
		{"phase   guard", checker.ExitInconclusive},   // deploy
		{"phase   deploy", checker.ExitInconclusive},  // warm-up
		{"phase   warm-up", checker.ExitInconclusive}, // load
		{": injected", checker.ExitInconclusive},      // a fault
		{"phase   heal", checker.ExitInconclusive},    // recovery
		{"phase   final-reads", checker.ExitValid},    // collect
		{"phase   collect", checker.ExitValid},        // check
		{"phase   report", checker.ExitValid},         // clean-up
	} {
		e := launch(t, "testdata/brief.yaml", seedFlag(1))
		e.await(t, "the line "+c.after, func() bool { return strings.Contains(e.talk.String(), c.after) })
		if err := e.command.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		if code := e.wait(); code != c.exit {
			t.Errorf("interrupted after %q: exit %d, want %d\n%s", c.after, code, c.exit, &e.talk)
		}
		l.awaitInventory(t, before, time.Second)
		check := exec.Command(binary(t, "verify"), "check", e.directory())
		said, _ := check.CombinedOutput()
		if code := check.ProcessState.ExitCode(); code != c.exit {
			t.Errorf("interrupted after %q: check: exit %d, want %d\n%s", c.after, code, c.exit, said)
		}
	}
}
