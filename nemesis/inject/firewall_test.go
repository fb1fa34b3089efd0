package inject

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"gauntlet/nemesis"
)

// needRoot skips what an ordinary user cannot see.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: nobody else can read back rules of iptables-legacy")
	}
}

// needNft makes nft sure, which no run needs: the Makefile installs it where it may.
func needNft(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	_, err := exec.LookPath("nft")
	if err == nil {
		return
	}
	if os.Geteuid() == 0 {
		t.Fatal("this test needs nft: install the package nftables")
	}
	t.Skip("needs nft: install the package nftables")
}

// Goal: rules in the other backend are seen, do not stand in the way of ours, and stay as they are.
// Method: a legacy firewall that accepts everything, below an iptables on nftables, and a cut.
func TestOtherBackendInLab(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("iptables-legacy"); err != nil {
		t.Fatal("this test needs iptables-legacy: install the package iptables")
	}
	w := newWorld(t, 2, 0)
	for i := range w.hosts {
		if out := w.sh(i, `iptables-legacy -A INPUT -p tcp -j ACCEPT 2>&1
			iptables-legacy -A INPUT -j ACCEPT 2>&1`); out != "" {
			t.Fatal(out)
		}
	}
	before := w.sh(0, "iptables-legacy-save | grep '^-A'")
	if _, others, err := w.nodes[0].survey(t.Context()); err != nil ||
		strings.Join(others, "; ") != "2 rules of iptables-legacy" {
		t.Errorf("saw %q: %v", others, err)
	}
	w.arm()
	w.proven(w.heal(w.inject(w.partition(1, nemesis.ShapeIsolateLeader, 0, 1))))
	w.clean()
	if after := w.sh(0, "iptables-legacy-save | grep '^-A'"); after != before {
		t.Errorf("legacy rules were\n%s\nand are\n%s", before, after)
	}
}

// Goal: a firewall that stands before our rules is refused by its name, and nothing of ours stays.
// Method: an nftables table that drops the packet of the proof before any INPUT chain sees it; the
// same table without that rule is no obstacle.
func TestFirewallInLab(t *testing.T) {
	needNft(t)
	w := newWorld(t, 1, 0)
	if out := w.sh(0, `nft add table inet early 2>&1 && nft add chain inet early pre \
		'{ type filter hook prerouting priority -400; }' 2>&1`); out != "" {
		t.Fatal(out)
	}
	w.arm()
	w.clean()
	w.sh(0, "nft add rule inet early pre ip daddr 127.93.7.1 drop")
	err := New(Config{Run: "beef", Hosts: w.hosts}).Arm(t.Context())
	if !errors.Is(err, ErrFirewall) || Refused(err) ||
		err.Error() != "n1: try a rule: the host's firewall stands before our rules: nftables "+
			"table inet early (n1: dial 127.93.7.1:9: context deadline exceeded)" {
		t.Errorf("arm: %v", err)
	}
	if left := w.sh(0, `iptables -S; ls .gauntlet/beef /run/gauntlet/holder 2>/dev/null`); strings.
		Contains(left, "GNT") || strings.Contains(left, "holder") || strings.Contains(left, "guard") {
		t.Errorf("left behind: %s", left)
	}
}

// Goal: every backend is told by the text of its version. Method: the texts as they are printed.
func TestBackends(t *testing.T) {
	for text, want := range map[string]string{
		"iptables v1.8.9 (nf_tables)": "nf_tables", "iptables v1.8.7 (legacy)": "legacy",
		"iptables v1.6.1": "legacy", "iptables v1.4.21": "legacy", "iptables v1.8.9": "unknown",
		"BusyBox v1.36": "unknown", "": "unknown",
	} {
		dir := t.TempDir()
		tool := "#!/bin/sh\necho '" + text + "'\n"
		if err := os.WriteFile(dir+"/iptables", []byte(tool), 0o700); err != nil {
			t.Fatal(err)
		}
		c := exec.Command("sh", "-c", firewallScript+"\nbackend")
		c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		if out, err := c.Output(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%q: %s, want %s: %v", text, out, want, err)
		}
	}
}

// Goal: firewalld, ufw and foreign tables are named. Method: tools that say what the real ones do.
func TestOthers(t *testing.T) {
	dir := t.TempDir()
	for tool, script := range map[string]string{
		"iptables":             "echo 'iptables v1.8.7 (legacy)'",
		"iptables-nft-save":    "printf '*filter\n-A INPUT -j DROP\nCOMMIT\n'",
		"nft":                  "printf 'table inet firewalld\ntable ip filter\ntable ip6 nat\n'",
		"firewall-cmd":         "echo running",
		"ufw":                  "echo 'Status: active'",
		"iptables-legacy-save": "exit 1",
	} {
		text := "#!/bin/sh\n" + script + "\n"
		if err := os.WriteFile(dir+"/"+tool, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("sh", "-c", firewallScript+"\nothers")
	c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	want := "1 rules of iptables-nft\nnftables table inet firewalld\nfirewalld is active\n" +
		"ufw is active\n"
	if out, err := c.Output(); err != nil || string(out) != want {
		t.Errorf("%s, want %s: %v", out, want, err)
	}
}
