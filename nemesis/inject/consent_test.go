package inject

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// shellHost runs commands here, in a home directory of its own.
type shellHost struct {
	host
	home string
}

func (h shellHost) Name() string    { return "n1" }
func (h shellHost) Address() string { return "198.18.0.11" }

func (h shellHost) Run(ctx context.Context, c target.Command) (target.Result, error) {
	command := exec.CommandContext(ctx, "sh", append([]string{"-c", c.Script, "sh"}, c.Args...)...)
	command.Dir, command.Env = h.home, append(os.Environ(), "HOME="+h.home)
	out, err := command.Output()
	result := target.Result{Stdout: out}
	if exited, ok := errors.AsType[*exec.ExitError](err); ok {
		result.Stderr, result.Exit = exited.Stderr, exited.ExitCode()
		err = nil
	}
	return result, err
}

// Goal: faults are allowed by a marker of the inventory's cluster that has not expired, and by
// nothing else; every refusal is one line that says what is wrong. Method: markers of all kinds.
func TestConsent(t *testing.T) {
	const soon = "2999-01-01T00:00:00Z"
	for _, c := range []struct{ cluster, marker, want string }{
		{"c1", "cluster: c1\nexpires: " + soon + "\n", ""},
		{"c1", "# for the tests\n\n expires: " + soon + "\ncluster:c1", ""},
		{"c1", "", "it has no marker"},
		{"", "cluster: c1\nexpires: " + soon + "\n", "the inventory names no cluster to ask for"},
		{"c2", "cluster: c1\nexpires: " + soon + "\n", `its marker is for cluster "c1", not "c2"`},
		{"c1", "cluster: c1\nexpires: 2020-01-01T00:00:00Z\n",
			`its marker for cluster "c1" has expired, at 2020-01-01T00:00:00Z`},
		{"c1", "cluster: c1\n", "its marker cannot be read: no line expires: TIME"},
		{"c1", "expires: " + soon + "\n", `its marker cannot be read: cluster "": ` +
			"want letters, digits, dots and dashes, 63 at most"},
		{"c1", "cluster: c1\nexpires: tomorrow\n", `its marker cannot be read: expires "tomorrow": ` +
			"want a time such as 2030-01-31T12:00:00Z"},
		{"c1", "cluster: c1\ncluster: c2\nexpires: " + soon + "\n",
			`its marker cannot be read: "cluster" stands there twice`},
		{"c1", "yes please\n",
			`its marker cannot be read: line "yes please": want cluster: ID or expires: TIME`},
	} {
		n := node{host: shellHost{home: t.TempDir()}, cluster: c.cluster}
		path := filepath.Join(n.host.(shellHost).home, ".gauntlet", "consent")
		if c.marker != "" {
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700),
				os.WriteFile(path, []byte(c.marker), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		err := n.consented(t.Context())
		if c.want == "" {
			if err != nil || n.until.IsZero() {
				t.Errorf("%q: %v, until %v", c.marker, err, n.until)
			}
			continue
		}
		want := "n1: consent: the host's owner has not consented: " + c.want
		if err == nil || err.Error() != want || !Refused(err) || len(target.Hints(err)) != 1 {
			t.Errorf("%q:\n%v, hints %q, want\n%s", c.marker, err, target.Hints(err), want)
		}
	}
}

// Goal: what is written is what is read, and replaces what was there.
func TestWriteConsent(t *testing.T) {
	h := shellHost{home: t.TempDir()}
	for _, cluster := range []string{"first", "second"} {
		c := Consent{Cluster: cluster, Expires: time.Now().Add(time.Hour)}
		if err := writeConsent(t.Context(), h, c); err != nil {
			t.Fatal(err)
		}
		n := node{host: h, cluster: cluster}
		if err := n.consented(t.Context()); err != nil {
			t.Error(err)
		}
	}
	err := writeConsent(t.Context(), h, Consent{Cluster: "a b", Expires: time.Now()})
	if err == nil || err.Error() != `n1: consent: cluster "a b": want letters, digits, dots and `+
		"dashes, 63 at most" {
		t.Errorf("an impossible name: %v", err)
	}
}

// Goal: a consent that runs out during a run ends the faults, not the run's hosts.
func TestConsentExpiresInRun(t *testing.T) {
	var started atomic.Int32
	i, hosts := newFaint(&started, "")
	for _, n := range i.nodes {
		n.until = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	f, err := i.Inject(t.Context(), nemesis.Action{
		Event: nemesis.Event{ID: 1, Kind: nemesis.KindKill}, Hosts: []string{"n2"},
	})
	if !errors.Is(err, ErrConsent) || !Refused(err) || f.Stage != history.StageFailed ||
		err.Error() != "n1: kill: the host's owner has not consented any more: "+
			"it expired at 2020-01-01T00:00:00Z" {
		t.Errorf("%v: %+v", err, f)
	}
	if len(hosts[1].ran) != 0 {
		t.Errorf("yet the host was asked for %q", hosts[1].ran)
	}
}

// Goal: each answer of the guard becomes one line that names the host, of the right kind, with what
// to do about it.
func TestGuardErrors(t *testing.T) {
	n := &node{host: &bareHost{}}
	for _, c := range []struct {
		exit     int
		said     string
		kind     error
		want     string
		hint     string
		refusing bool
	}{
		{exitExpired, "epoch 1 is not in force", ErrExpired,
			"the guard's lease ran out: the host has undone its faults by itself", "", false},
		{exitLive, "06a68cf8 of 198.18.0.1", ErrLive,
			"another run holds this host: run 06a68cf8 of 198.18.0.1",
			"wait until it ends, or until its lease has run out", true},
		{exitStale, "06a68cf8", ErrDirty, "the host is not as it was before the run: " +
			"what run 06a68cf8 left cannot be undone",
			"verify heal --hosts FILE shows what is in the way", false},
		{exitEnded, "healed", ErrEnded, "verify heal has ended this run on the host: " +
			"the guard's lease ran out: the host has undone its faults by itself", "", true},
		{exitTwice, "n1", nil, "it is the same host as n1", "give the inventory each host once", false},
		{exitMissing, "iptables", ErrMissing, "missing on this host: iptables",
			"partitions need it: install the package iptables", false},
		{exitMissing, "root", ErrMissing, "missing on this host: root",
			"rules can be changed by root only: write become: sudo -n, or log in as root", false},
		{exitMissing, "lingering", ErrMissing, "missing on this host: lingering",
			"the guard must outlive its login: set KillUserProcesses=no in /etc/systemd/logind.conf",
			false},
		{exitMissing, "ip6tables", ErrMissing, "missing on this host: ip6tables",
			"needed only if hosts have IPv6 addresses: install the package iptables", false},
		{74, "the host's lock cannot be had", nil,
			"exit status 74: the host's lock cannot be had", "", false},
		{70, "cannot write the journal", nil, "exit status 70: cannot write the journal", "", false},
	} {
		err := n.judge("arm the guard", target.Result{Exit: c.exit, Stderr: []byte(c.said + "\n")}, nil)
		if err == nil || err.Error() != "n1: arm the guard: "+c.want ||
			c.kind != nil && !errors.Is(err, c.kind) || Refused(err) != c.refusing ||
			strings.Join(target.Hints(err), "; ") != c.hint {
			t.Errorf("exit %d: %v (refused %v, hints %q), want %s", c.exit, err, Refused(err),
				target.Hints(err), c.want)
		}
	}
}

// Goal: a wall clock that jumps by a day during a run neither ends a consent nor prolongs it.
// Method: how long it lasts is an instant of the monotonic clock, which no jump moves, with the
// less of what the two clocks leave it. Text shows a monotonic reading as "m=".
func TestConsentLastsByTheMonotonicClock(t *testing.T) {
	now := time.Now()
	for _, c := range []struct{ ours, theirs, want time.Duration }{
		{time.Hour, time.Hour, time.Hour},
		{time.Hour, 25 * time.Hour, time.Hour}, // the host's clock is a day behind
		{25 * time.Hour, time.Hour, time.Hour}, // or ahead
	} {
		expires := now.Round(0).Add(c.ours)
		until := Consent{"lab", expires}.lasts(now, expires.Add(-c.theirs))
		if left := until.Sub(now); left != c.want || !strings.Contains(until.String(), " m=") {
			t.Errorf("%v by our clock, %v by theirs: lasts %v, until %v", c.ours, c.theirs, left, until)
		}
	}
	forever := Consent{"lab", time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}
	if until := forever.lasts(now, now); !until.After(now.Add(100 * 365 * 24 * time.Hour)) {
		t.Errorf("a consent for ever ends at %v", until)
	}
}

// Goal: no text of a marker breaks its reader, and what it accepts it writes the same.
func FuzzParseConsent(f *testing.F) {
	f.Add("cluster: c1\nexpires: 2030-01-31T12:00:00Z\n")
	f.Add("cluster: c1\nexpires: 9999-12-31T23:59:59-07:00\n")
	f.Add("# x\n\nexpires: 2030-01-31T12:00:00+07:00\ncluster:  a.b-c \n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConsent(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of many lines: %q", err)
			}
			return
		}
		again, err := ParseConsent(c.String())
		if err != nil || again.Cluster != c.Cluster || !again.Expires.Equal(c.Expires.Truncate(
			time.Second)) {
			t.Errorf("%+v became %+v: %v", c, again, err)
		}
	})
}

// Goal: no answer of a host breaks its reader, and only one that ends as it should is taken.
func FuzzParseHealed(f *testing.F) {
	f.Add("did run a: x\nleft run a: y\nlive run b of z\nhealed\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHealed(text)
		if err == nil && !strings.Contains("\n"+text, "\nhealed\n") {
			t.Errorf("%q was taken for %+v", text, h)
		}
	})
}
