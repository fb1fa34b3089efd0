//go:build lab

package acceptance

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"gauntlet/checker"
)

// Goal: a host serves one run at a time; the second is refused by the first one's name, and does it
// no harm.
// Method: two runs on one held lab; the first is interrupted once it has served its purpose.
func TestSecondRunIsRefused(t *testing.T) {
	hold(t, 5)
	first := launch(t, "testdata/every-fault.yaml")
	first.awaitPhase(t, checker.PhaseWarmUp)
	second := launch(t, "testdata/every-fault.yaml")
	if code := second.wait(); code != checker.ExitRefused {
		t.Errorf("the second run: exit %d, want %d", code, checker.ExitRefused)
	}
	const want = "the lab is in use by run "
	if run := first.history().Header.Run; !strings.Contains(second.talk.String(), want+run) {
		t.Errorf("the second run does not name run %s:\n%s", run, &second.talk)
	}
	if err := first.command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := first.wait(); code == checker.ExitHarness || code == checker.ExitCleanup {
		t.Errorf("the first run: exit %d", code)
	}
}

// Goal: a lab that is too small for a suite is a mistake of usage, told before anything is left
// behind. Method: five nodes on a held lab of three hosts.
func TestLabIsTooSmall(t *testing.T) {
	hold(t, 3)
	e := launch(t, "testdata/every-fault.yaml")
	if code := e.wait(); code != 64 {
		t.Errorf("exit %d, want 64", code)
	}
	program := binary(t, "verify")
	want := "verify: the lab has 3 hosts, the suite needs 5\nhint: " + program + " lab down; " +
		program + " lab up --hosts 5\n"
	if said := e.talk.String(); said != want {
		t.Errorf("got\n%swant\n%s", said, want)
	}
	if _, err := os.Lstat(e.directory()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a run directory: %v", err)
	}
}
