//go:build lab

package acceptance

import (
	_ "embed"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fleet is hosts on which a script can be run past the controller, as root.
type fleet struct {
	hosts []string
	shell func(host, script string) (string, error)
}

// heldLab is a lab that another process holds, with foreign rules on its hosts.
type heldLab struct {
	fleet
	verify string
}

// foreign is a script that gives a host the rules of other software.
//
//go:embed testdata/foreign-rules.sh
var foreign string

// survey is a script that prints all that a run must leave as it was: rules without comments and
// counters, and each process with its state.
//
//go:embed testdata/survey.sh
var survey string

// hold starts a lab in a process of its own; it ends with the test.
func hold(t *testing.T, hosts int) *heldLab {
	t.Helper()
	l := &heldLab{verify: binary(t, "verify")}
	l.shell = func(host, script string) (string, error) {
		said, err := exec.Command(l.verify, "lab", "shell", host, script).CombinedOutput()
		return string(said), err
	}
	for i := range hosts {
		l.hosts = append(l.hosts, fmt.Sprintf("n%d", i+1))
	}
	var talk transcript
	up := exec.Command(l.verify, "lab", "up", "--foreground", "--hosts", fmt.Sprint(hosts),
		"--dir", t.TempDir())
	up.Stdout, up.Stderr = &talk, &talk
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = up.Process.Signal(syscall.SIGTERM)
		_ = up.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if exec.Command(l.verify, "lab", "status").Run() == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no lab\n%s", &talk)
		}
	}
	l.addForeignRules(t)
	return l
}

// on runs a script on a host and returns what it printed.
func (f *fleet) on(t *testing.T, host, script string) string {
	t.Helper()
	said, err := f.shell(host, script)
	if err != nil {
		t.Fatalf("%s: %v\n%s", host, err, said)
	}
	return said
}

// addForeignRules gives every host the rules of other software.
func (f *fleet) addForeignRules(t *testing.T) {
	t.Helper()
	for _, host := range f.hosts {
		f.on(t, host, foreign)
	}
}

// inventory surveys all hosts.
func (f *fleet) inventory(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, host := range f.hosts {
		found[host] = f.on(t, host, survey)
		if !strings.Contains(found[host], "DOCKER") {
			t.Fatalf("%s: no foreign rules to begin with:\n%s", host, found[host])
		}
	}
	return found
}

// awaitInventory returns how long it took until all hosts were as before.
func (f *fleet) awaitInventory(
	t *testing.T, before map[string]string, within time.Duration,
) time.Duration {
	t.Helper()
	return await(t, within, before, func() map[string]string { return f.inventory(t) })
}

// awaitHealed does the same, but overlooks guards, which may stay a little longer.
func (f *fleet) awaitHealed(
	t *testing.T, before map[string]string, within time.Duration,
) time.Duration {
	t.Helper()
	return await(t, within, before, func() map[string]string {
		found := f.inventory(t)
		for host, text := range found {
			found[host] = guards.ReplaceAllString(text, "")
		}
		return found
	})
}

// guards matches the lines of running guards, and of what they wait with.
var guards = regexp.MustCompile(`(?m)^runs (.*/guard/.*|sleep \d+ )\n`)

func await(
	t *testing.T, within time.Duration, before map[string]string, now func() map[string]string,
) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		diff := cmp.Diff(before, now())
		if diff == "" {
			return time.Since(start)
		}
		if time.Since(start) > within {
			t.Fatalf("hosts are not as before after %v (-before +now):\n%s", within, diff)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
