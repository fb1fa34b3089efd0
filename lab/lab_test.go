package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// TestMain lets the test binary play the parts of a lab, as cmd/verify does.
func TestMain(m *testing.M) {
	if IsReexec(os.Args) {
		os.Exit(Main(os.Args))
	}
	if len(os.Args) > 1 && testParts[os.Args[1]] != nil {
		testParts[os.Args[1]](os.Args[2:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// startLab makes a lab that ends with the test.
func startLab(t *testing.T, hosts int) *Lab {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	dir := t.TempDir()
	l, err := Start(ctx, Options{Hosts: hosts, Dir: dir})
	if err != nil {
		log, _ := os.ReadFile(dir + "/" + logFile)
		t.Fatalf("%v\n%s", err, log)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// sh runs a command on a host over SSH and returns what it printed.
func sh(t *testing.T, l *Lab, host, command string) string {
	t.Helper()
	c, err := l.login(t.Context(), host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	out, err := run(c, command)
	if err != nil {
		t.Fatalf("%s on %s: %v\n%s", command, host, err, out)
	}
	return strings.TrimSpace(out)
}

func run(c *ssh.Client, command string) (string, error) {
	s, err := c.NewSession()
	if err != nil {
		return "", err
	}
	defer s.Close()
	out, err := s.CombinedOutput(command)
	return string(out), err
}

// Goal: a host looks like a machine of its own. Method: ask it, over SSH, what it sees.
func TestHostIsAMachineOfItsOwn(t *testing.T) {
	l := startLab(t, 3)
	for command, want := range map[string]string{
		"hostname":          "n2",
		"pwd; echo $HOME":   "/run/home\n/run/home",
		"id -u; echo $USER": "0\nroot",
		"echo $SSH_CONNECTION | cut -d' ' -f1,3-":               "198.18.0.1 198.18.0.12 22",
		"cut -d' ' -f1 /proc/uptime | grep -c .":                "1",
		"ls /run; ls -A /tmp":                                   "home",
		"ls /sys/class/net | xargs":                             "eth0 lo",
		"cat /proc/1/comm | grep -c .":                          "1",
		"flock . echo locked":                                   "locked",
		"echo hello > f; cat f; rm f":                           "hello",
		"test $(ls /proc | grep -c '^[0-9]*$') -lt 12; echo $?": "0",
	} {
		if got := sh(t, l, "n2", command); got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", command, got, want)
		}
	}
}

// Goal: a host cannot set the machine's clock. Method: read its bounding set; trying is no option.
func TestClockIsOutOfReach(t *testing.T) {
	l := startLab(t, 1)
	set := sh(t, l, "n1", "sed -n s/^CapBnd:.//p /proc/self/status")
	bounds, err := strconv.ParseUint(set, 16, 64)
	if err != nil || bounds == 0 || bounds>>unix.CAP_SYS_TIME&1 == 1 {
		t.Errorf("capabilities %#x, %v", bounds, err)
	}
}

// Goal: data written on a host lies on the machine's disk, in the lab's directory.
func TestHomeIsOnDisk(t *testing.T) {
	l := startLab(t, 1)
	if err := OnDisk(l.Dir()); err != nil {
		t.Logf("not proven here: %v", err)
	}
	sh(t, l, "n1", "echo kept > data; chmod +x data")
	got, err := os.ReadFile(l.Dir() + "/n1/data")
	if err != nil || string(got) != "kept\n" {
		t.Errorf("got %q, %v", got, err)
	}
	var disk, home unix.Statfs_t
	if err := unix.Statfs(l.Dir(), &disk); err != nil {
		t.Fatal(err)
	}
	kind := sh(t, l, "n1", "stat -f -c %t .")
	unix.Statfs(l.Dir()+"/n1", &home)
	if want := fmt.Sprintf("%x", home.Type); kind != want || home.Type != disk.Type {
		t.Errorf("file system of a host's home is %s, of the lab's directory %s", kind, want)
	}
}

// Goal: a lab of five hosts is up in well under a second.
func TestStartIsFast(t *testing.T) {
	begin := time.Now()
	startLab(t, 5)
	took := time.Since(begin)
	t.Logf("five hosts in %v", took.Round(time.Millisecond))
	if took > 3*time.Second { // generous: the machine may be busy with other tests
		t.Errorf("took %v", took)
	}
}

// Goal: a lab may have as many hosts as it says. Method: what its first process is told of the most
// arrives over a link, lossy disks and a long path included.
func TestMostHosts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 100))
	told, _, err := prepare(&Options{Hosts: MaxHosts, Dir: dir, Lossy: true})
	if err != nil {
		t.Fatal(err)
	}
	ours, end, err := newLink()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.close()
	theirs, err := linkFrom(end)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.close()
	if err := ours.send(told); err != nil {
		t.Fatal(err)
	}
	var heard initConfig
	if _, err := theirs.receive(&heard); err != nil || len(heard.Hosts) != MaxHosts {
		t.Errorf("%d hosts arrive, %v", len(heard.Hosts), err)
	}
}

// Goal: Dial behaves as a net.Dialer inside the lab would, errors included.
func TestDial(t *testing.T) {
	l := startLab(t, 2)
	c, err := l.Dial(t.Context(), "tcp", "198.18.0.12:22")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, ok := c.(*net.TCPConn); !ok {
		t.Errorf("connection is a %T", c)
	}
	c.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadlines do not work on it: %v", err)
	}
	_, err = l.Dial(t.Context(), "tcp", "198.18.0.12:1")
	var op *net.OpError
	if !errors.Is(err, unix.ECONNREFUSED) || !errors.As(err, &op) || op.Op != "dial" {
		t.Errorf("closed port: %v", err)
	}
	_, err = l.Dial(t.Context(), "tcp", "192.0.2.1:80")
	if !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("there is a way out of the lab: %v", err)
	}
	if _, err = l.Dial(t.Context(), "udp", "198.18.0.12:1"); err == nil {
		t.Error("udp was accepted")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = l.Dial(ctx, "tcp", "198.18.0.99:22") // nobody there: ARP goes unanswered
	var timeout net.Error
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &timeout) ||
		!timeout.Timeout() {
		t.Errorf("no host: %v", err)
	}
}

// Goal: many workers dial at once, and every connection works.
func TestDialsConcurrently(t *testing.T) {
	l := startLab(t, 2)
	results := make(chan error)
	const workers = 50
	for i := range workers {
		go func() {
			c, err := l.Dial(t.Context(), "tcp", fmt.Sprintf("198.18.0.%d:22", 11+i%2))
			if err == nil {
				_, err = c.Read(make([]byte, 1))
				c.Close()
			}
			results <- err
		}()
	}
	for range workers {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// Goal: hosts reach one another, and an iptables rule of one host concerns no other.
func TestRulesAreAHostsOwn(t *testing.T) {
	l := startLab(t, 3)
	sh(t, l, "n1", "iptables -w -A INPUT -s 198.18.0.12 -p tcp --dport 22 -j DROP")
	probe := "ssh-keyscan -T 1 198.18.0.11 2>/dev/null | grep -c ed25519; true"
	if got := sh(t, l, "n3", probe); got != "1" {
		t.Errorf("n3 to n1: %q", got)
	}
	if got := sh(t, l, "n2", probe); got != "0" {
		t.Errorf("n2 to n1 despite the rule: %q", got)
	}
	if got := sh(t, l, "n2", "iptables-save | grep -c DROP; true"); got != "0" {
		t.Errorf("the rule shows on n2")
	}
	sh(t, l, "n1", `iptables -w -A INPUT -p tcp -m u32 --u32 "0&0xFFFF=0x64:0xFFFF" -m comment `+
		`--comment x -m multiport --dports 1,2 -m length --length 1 -j REJECT`)
}

// Goal: one run at a time, released by hand or by death. Method: hold, try, release, hold.
func TestAcquire(t *testing.T) {
	l := startLab(t, 1)
	release, err := l.Acquire("aaaa")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Acquire("bbbb"); err == nil || !strings.Contains(err.Error(), "run aaaa") {
		t.Errorf("second run: %v", err)
	}
	if s, err := l.Status(); err != nil || s.Holder != "aaaa" {
		t.Errorf("status %+v, %v", s, err)
	}
	release()
	release, err = l.Acquire("bbbb")
	if err != nil {
		t.Fatal(err)
	}
	release()
}

// Goal: what cannot work is refused in one line.
func TestRefusals(t *testing.T) {
	for _, n := range []int{-1, 0, MaxHosts + 1} {
		if _, err := Start(t.Context(), Options{Hosts: n, Dir: t.TempDir()}); err == nil {
			t.Errorf("%d hosts were accepted", n)
		}
	}
	file := t.TempDir() + "/file"
	os.WriteFile(file, nil, 0o600)
	if _, err := Start(t.Context(), Options{Hosts: 1, Dir: file}); err == nil {
		t.Error("a file was accepted as a directory")
	}
	l := startLab(t, 1)
	if _, err := l.login(t.Context(), "n7"); err == nil {
		t.Error("n7 of a lab with one host")
	}
	c, err := l.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var a answer
	c.send(map[string]any{"op": "format the disk"})
	if c.receive(&a); !strings.Contains(a.Error, "unknown request") {
		t.Errorf("answer %+v", a)
	}
}

// Goal: no bytes that a client may send stop the control service.
func FuzzRequest(f *testing.F) {
	f.Add([]byte(`{"op":"dial","network":"tcp","address":"198.18.0.11:22"}`))
	f.Add([]byte(`{"op":7}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, theirs, err := newLink()
		if err != nil {
			t.Fatal(err)
		}
		defer ours.close()
		defer theirs.Close()
		unix.Write(int(theirs.Fd()), bytes.TrimSpace(data))
		theirs.Close()
		var r request
		if _, err := ours.receive(&r); err == nil {
			r.valid()
		}
	})
}

// Goal: what this machine can do is found out by trying. Method: a lab works here, so must these.
func TestCapabilities(t *testing.T) {
	found := make(map[string]Capability)
	for _, c := range Capabilities() {
		t.Logf("%-20s %-5v %s", c.Name, c.OK, c.Detail)
		found[c.Name] = c
		if c.OK != (c.Hint == "") {
			t.Errorf("%s: a hint belongs to what is missing, and only there: %+v", c.Name, c)
		}
	}
	for _, name := range []string{"namespaces", "flock", "iptables", "iptables u32"} {
		if !found[name].OK {
			t.Errorf("%s: %+v", name, found[name])
		}
	}
}
