//go:build lab

package acceptance

import (
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
