package target

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Goal: an inventory gives each host its own settings, then the defaults, then ours.
func TestInventory(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	dir := t.TempDir()
	file := filepath.Join(dir, "hosts.yaml")
	write(t, file, `
# a comment
defaults: {user: gauntlet, known-hosts: known}
hosts:
  - {name: n1, address: 10.0.0.11}
  - name: n2
    address: 10.0.0.12
    ssh: gateway.example:2202
    user: root
    key: ~/.ssh/id
    known-hosts: /etc/known
  - {name: "3", address: "fd00::3", key: keys/three}
`)
	got, err := LoadInventory(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []HostConfig{
		{Name: "n1", Address: "10.0.0.11", SSH: "10.0.0.11:22", User: "gauntlet", Agent: true,
			KnownHosts: filepath.Join(dir, "known")},
		{Name: "n2", Address: "10.0.0.12", SSH: "gateway.example:2202", User: "root",
			KeyFile: "/home/me/.ssh/id", KnownHosts: "/etc/known"},
		{Name: "3", Address: "fd00::3", SSH: "[fd00::3]:22", User: "gauntlet",
			KeyFile: filepath.Join(dir, "keys/three"), KnownHosts: filepath.Join(dir, "known")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := LoadInventory(file + "-none"); !os.IsNotExist(err) {
		t.Error("missing file:", err)
	}
}

// Goal: everything wrong with an inventory is said at once, each with its line and the values
// that clash.
func TestInventoryErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"empty":   {"", "h:1: no hosts: the file is empty"},
		"comment": {"# nothing\n", "h:1: no hosts: the file is empty"},
		"no list": {"\ndefaults: {}\n", "h:2: no hosts: want hosts: " +
			"[{name: n1, address: 10.0.0.11}, ...]"},
		"not yaml": {"hosts:\n  - {name: n1\n", "h:1: not YAML: did not find expected ',' or '}'"},
		"scalar": {"hello", "h:1: the inventory is not a mapping of defaults, hosts\n" +
			"h:1: no hosts: want hosts: [{name: n1, address: 10.0.0.11}, ...]"},
		"second document": {"hosts: [{name: a, address: 10.0.0.1}]\n---\nx: 1\n",
			"h:2: a second document: one file is one inventory"},
		"many": {`defaults: {usr: x, user: [a]}
hosts:
  - {name: n1, address: 10.0.0.1, adress: 10.0.0.2}
  - name: n1
    name: n2
    address: 10.0.0.1
    ssh: "x:99999"
  - {name: ../x, address: nowhere}
  - {address: 10.0.0.5, key: ~}
  - n6
`, `h:1: defaults: unknown key "usr": the keys are user, key, known-hosts
h:1: user is not a text
h:3: host: unknown key "adress": the keys are name, address, ssh, user, key, known-hosts
h:4: name "n1" is that of the host on line 3
h:5: host: key "name" again: it is on line 4 already
h:6: address 10.0.0.1 is that of the host on line 3
h:7: ssh of host "n1": "x:99999" has no host and port: want host or host:port
h:8: host name "../x": want letters, digits, dots and dashes, 63 at most
h:8: address of host "../x" is not an IP address
h:9: host name "": want letters, digits, dots and dashes, 63 at most
h:9: key is not a text
h:10: host is not a mapping of name, address, ssh, user, key, known-hosts`},
	} {
		t.Run(name, func(t *testing.T) {
			hosts, err := parseInventory("h", []byte(test.text))
			if err == nil || hosts != nil {
				t.Fatalf("accepted: %+v", hosts)
			}
			if diff := cmp.Diff(strings.Split(test.want, "\n"),
				strings.Split(err.Error(), "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Goal: no text makes the reader panic, and what it accepts is complete and without doubles.
func FuzzInventory(f *testing.F) {
	f.Add([]byte("hosts: [{name: n1, address: 10.0.0.1, ssh: 'x:22'}]"))
	f.Add([]byte("defaults: &a {user: x}\nhosts:\n- <<: *a\n  name: n1\n- *a\n- [1]\n"))
	f.Add([]byte("? [a]\n: b\n---\n"))
	f.Add([]byte("%YAML 1.1\n--- !!binary |\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		hosts, err := parseInventory("h", text)
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "h:") {
					t.Errorf("%q does not name its place", line)
				}
			}
			return
		}
		names := map[string]bool{}
		for _, host := range hosts {
			if _, err := host.complete(); err != nil {
				t.Errorf("accepted, but %v", err)
			}
			if names[host.Name] {
				t.Errorf("two hosts are called %q", host.Name)
			}
			names[host.Name] = true
		}
		if len(names) == 0 {
			t.Error("accepted no hosts")
		}
	})
}
