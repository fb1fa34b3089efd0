package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gauntlet/checker"
	"gauntlet/nemesis/inject"
)

// noLab keeps a test from a lab that somebody may hold.
func noLab(t *testing.T) {
	t.Helper()
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("TMPDIR", t.TempDir())
}

func file(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// deaf is an inventory of one host where nobody listens.
func deaf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	file(t, filepath.Join(dir, "id"), string(pem.EncodeToMemory(block)))
	file(t, filepath.Join(dir, "known"), "[127.0.0.1]:1 "+string(ssh.MarshalAuthorizedKey(key)))
	return file(t, filepath.Join(dir, "hosts.yaml"), `
defaults: {user: root, key: id, known-hosts: known}
hosts:
  - {name: n1, address: 127.0.0.1, ssh: "127.0.0.1:1", cluster: c1}
`)
}

// Goal: heal, consent and halt say in one line why they did not do their work, with the exit code
// of the kind. Method: the command line.
func TestRecoveryRefusals(t *testing.T) {
	noLab(t)
	hosts := deaf(t)
	empty := t.TempDir()
	broken := t.TempDir()
	file(t, filepath.Join(broken, controllerFile), `{"pid":1}`)
	torn := t.TempDir()
	file(t, filepath.Join(torn, controllerFile), `{"pid":`)
	const unreachable = "n1: connect: unreachable: 127.0.0.1:1: " +
		"dial tcp 127.0.0.1:1: connect: connection refused"
	const listens = "hint: check the address, and that an SSH server listens there\n"
	for name, test := range map[string]struct {
		args     string
		code     int
		out, err string
	}{
		"heal nothing": {"heal", exitUsage, "",
			"verify: no hosts: no lab is held, and no inventory is given\n" +
				"hint: name the inventory with --hosts FILE\n"},
		"heal without inventory": {"heal --hosts /none", exitUsage, "",
			"verify: open /none: no such file or directory\n"},
		"heal a deaf host": {"heal --hosts " + hosts, checker.ExitCleanup,
			"n1  NOT CLEAN: " + unreachable + "\n",
			"verify: 1 of 1 hosts are not clean\n" + listens},
		"consent of a deaf host": {"consent --cluster c1 --for 1h --hosts " + hosts, exitHarness,
			"", "verify: " + unreachable + "\n" + listens},
		"consent for another cluster": {"consent --cluster c2 --for 1h --hosts " + hosts, exitUsage,
			"", "verify: --cluster c2: host n1 of " + hosts +
				" is of cluster \"c1\": no run would use this consent\n"},
		"consent for no time": {"consent --cluster c1 --for 0s --hosts " + hosts, exitUsage, "",
			"verify: --for 0s: want more than 0 and at most 8784h0m0s\n"},
		"consent for ever": {"consent --cluster c1 --for 99999h --hosts " + hosts, exitUsage, "",
			"verify: --for 99999h0m0s: want more than 0 and at most 8784h0m0s\n"},
		"consent without time": {"consent --cluster c1 --hosts " + hosts, exitUsage, "",
			"verify: missing flags: --for=TIME\nhint: see verify consent --help\n"},
		"halt nothing": {"halt " + empty, exitUsage, "",
			"verify: " + empty + " is no run directory: it has no controller.json\n"},
		"halt nobody": {"halt " + broken, exitUsage, "",
			"verify: " + broken + "/controller.json: it names no process\n"},
		"halt a torn record": {"halt " + torn, exitUsage, "",
			"verify: " + torn + "/controller.json: unexpected end of JSON input\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, err bytes.Buffer
			code := execute(strings.Fields(test.args), &out, &err)
			if code != test.code || out.String() != test.out || err.String() != test.err {
				t.Errorf("exit %d, want %d\nstdout %s\n  want %s\nstderr %s\n  want %s",
					code, test.code, &out, test.out, &err, test.err)
			}
		})
	}
}

// Goal: the worst host decides how a healing ends.
func TestHealWorst(t *testing.T) {
	for _, c := range []struct {
		left, live int
		code       int
		want       string
	}{
		{0, 0, 0, ""},
		{0, 2, checker.ExitRefused, "verify: a live run holds 2 of 3 hosts\n" +
			"hint: wait until it ends, or stop it: verify halt; or end it: --force\n"},
		{1, 2, checker.ExitCleanup, "verify: 1 of 3 hosts are not clean\n"},
	} {
		err := worst(nil, c.left, c.live, 3)
		var said bytes.Buffer
		code := 0
		if err != nil {
			code = fail(&said, err)
		}
		if code != c.code || said.String() != c.want {
			t.Errorf("%d left, %d live: exit %d, %s", c.left, c.live, code, &said)
		}
	}
}

// pretend starts a shell script and writes down that it carries out a run on the given hosts.
func pretend(t *testing.T, script, hosts string) (dir string, ended func() bool) {
	t.Helper()
	c := exec.Command("sh", "-c", script)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	_, _ = out.Read(make([]byte, 8)) // it is ready
	go func() { _ = c.Wait(); close(gone) }()
	t.Cleanup(func() { _ = c.Process.Kill(); <-gone })
	dir = t.TempDir()
	if err := announce(dir, "06a68cf8", hosts); err != nil {
		t.Fatal(err)
	}
	found, err := readController(dir)
	if err != nil {
		t.Fatal(err)
	}
	found.PID = c.Process.Pid
	if found.Start, err = startTime(found.PID); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	file(t, filepath.Join(dir, controllerFile), string(text))
	return dir, func() bool {
		select {
		case <-gone:
			return true
		case <-time.After(5 * time.Second):
			return false
		}
	}
}

// Goal: halt asks first, kills when it must, and heals what was left; and it never touches a
// process that merely has the same pid. Method: shells that play a controller.
func TestHalt(t *testing.T) {
	noLab(t)
	hosts := deaf(t)
	const obeys = `trap 'exit 0' INT; echo ready; while :; do sleep 0.05; done`
	const refuses = `trap '' INT; echo ready; while :; do sleep 0.05; done`
	number := regexp.MustCompile(`process \d+`)
	for name, test := range map[string]struct {
		script, hosts string
		stranger      bool
		code          int
		want          string
	}{
		"obeys": {obeys, "", false, 0, "run 06a68cf8: interrupting its controller, process N\n" +
			"run 06a68cf8: its controller has ended and cleaned up\n"},
		"refuses": {refuses, "", false, 0, "run 06a68cf8: interrupting its controller, process N\n" +
			"run 06a68cf8: still there after 300ms: killing it\n" +
			"run 06a68cf8: its lab ended with it\n"},
		"refuses, on hosts": {refuses, hosts, false, checker.ExitCleanup,
			"run 06a68cf8: interrupting its controller, process N\n" +
				"run 06a68cf8: still there after 300ms: killing it\n" +
				"n1  NOT CLEAN: n1: connect: unreachable: 127.0.0.1:1: " +
				"dial tcp 127.0.0.1:1: connect: connection refused\n"},
		"a stranger": {obeys, "", true, 0, "run 06a68cf8: its controller is not running\n" +
			"run 06a68cf8: its lab ended with it\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, ended := pretend(t, test.script, test.hosts)
			if test.stranger {
				found, err := readController(dir)
				if err != nil {
					t.Fatal(err)
				}
				found.Start++
				text, _ := json.Marshal(found)
				file(t, filepath.Join(dir, controllerFile), string(text))
			}
			var out, err bytes.Buffer
			code := execute([]string{"halt", "--wait", "300ms", dir}, &out, &err)
			said := number.ReplaceAllString(out.String(), "process N")
			if code != test.code || said != test.want {
				t.Errorf("exit %d, want %d\n%s\nwant\n%s\n%s", code, test.code, said, test.want, &err)
			}
			if test.stranger {
				return
			}
			if !ended() {
				t.Error("the controller is still there")
			}
		})
	}
}

// Goal: what was done is said host by host, in the order of the inventory.
func TestPrintHealed(t *testing.T) {
	var out bytes.Buffer
	left, live := printHealed(&out, []string{"n1", "n2", "n3", "n4"}, []inject.Healed{
		{}, {Did: []string{"run a: x", "run a: y"}}, {Live: []string{"run b of z"}},
		{Did: []string{"run c: x"}, Left: []string{"run c: y"}, Live: []string{"run b of z"}},
	}, make([]error, 4))
	want := `n1  clean: there was nothing to undo
n2  run a: x
n2  run a: y
n2  clean
n3  LEFT ALONE: run b of z
n4  run c: x
n4  LEFT ALONE: run b of z
n4  NOT CLEAN: run c: y
`
	if out.String() != want || left != 1 || live != 1 {
		t.Errorf("%d left, %d live\n%s\nwant\n%s", left, live, &out, want)
	}
}
