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
		"scalar": {"hello", "h:1: the inventory is not a mapping of " +
			"defaults, hosts, jumps, ssh-config\n" +
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
`, `h:1: defaults: unknown key "usr": the keys are user, port, key, known-hosts, jump, ` +
			`become, labels, shared-with, cluster
h:1: user is not a text
h:3: host: unknown key "adress": the keys are name, address, ssh, user, port, key, ` +
			`known-hosts, jump, become, labels, shared-with, cluster
h:4: name "n1" is that of the host on line 3
h:5: host: key "name" again: it is on line 4 already
h:6: address 10.0.0.1 is that of the host on line 3
h:7: ssh of host "n1": "x:99999" has no host and port: want host or host:port
h:8: host name "../x": want letters, digits, dots and dashes, 63 at most
h:8: address of host "../x" is not an IP address
h:9: host name "": want letters, digits, dots and dashes, 63 at most
h:9: key is not a text
h:10: host is not a mapping of name, address, ssh, user, port, key, known-hosts, jump, become, ` +
			`labels, shared-with, cluster`},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, test.text, test.want) })
	}
}

// refuses compares what is said of an inventory.
func refuses(t *testing.T, text, want string) {
	t.Helper()
	hosts, err := parseInventory("h", []byte(text))
	if err == nil || hosts != nil {
		t.Fatalf("accepted: %+v", hosts)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

// Goal: so is each value that cannot be, and no secret is repeated.
func TestInventoryValueErrors(t *testing.T) {
	t.Parallel()
	refuses(t, `ssh-config: [x]
jumps:
  - {name: a, jump: b}
  - {name: b, jump: a}
  - {name: c, ssh: c.example, jump: "b, c"}
  - {name: "-"}
  - {name: a, become: sudo}
defaults: {labels: x, cluster: ../x}
hosts:
  - {name: n1, address: 10.0.0.1, become: su, port: 0}
  - {name: n2, address: 10.0.0.2, become: sudo, jump: d}
  - {name: n3, address: 10.0.0.3, ssh: "x:22", port: 23, jump: "me:hunter2@gate"}
  - {name: n4, address: 10.0.0.4, ssh: "x:22", labels: {a: [b]}}
  - {name: n5, address: 10.0.0.5, ssh: "x:22", HostName: y, jump: "@x"}
  - {name: n6, address: 10.0.0.6, ssh: "x:22", cluster: ok}
`, `h:1: ssh-config is not a text
h:4: jump "a" lies behind itself
h:5: jump "c" lies behind itself
h:6: jump name "-": want letters, digits, dots and dashes, 63 at most
h:7: jump: unknown key "become": the keys are name, ssh, user, port, key, `+
		`known-hosts, jump
h:7: name "a" is that of the jump on line 3
h:8: labels is not a mapping of texts
h:8: cluster "../x": want letters, digits, dots, dashes and underlines, 63 at most
h:10: port "0" of host "n1": want 1 to 65535
h:10: become of host "n1" is "su": want "sudo -n", or "" for none
h:11: jump "d" is not one of jumps: a, b, c
h:11: become of host "n2" is "sudo": want "sudo -n", or "" for none
h:12: port of host "n3" is 23 here, and 22 in ssh: x:22
h:12: jump "me:[redacted]@gate": want the name of one of jumps, or [user@]host[:port]
h:13: label "a" is not a text
h:13: ssh x:22 is that of the host on line 12
h:14: host: key "HostName" again: it is on line 14 already
h:14: jump "@x": want the name of one of jumps, or [user@]host[:port]
h:14: ssh x:22 is that of the host on line 13
h:15: ssh x:22 is that of the host on line 14`)
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

// Goal: an entry says how a host is reached in our words or in those of ssh_config, through jump
// hosts by name, by place or by the ssh-config file, and what it says goes before the file, which
// goes before the defaults.
func TestInventoryWays(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config"), `
Host web-*
  HostName %h.example
  User web
  Port 2200
  IdentityFile "keys/%n"
  UserKnownHostsFile ~/.ssh/known_web ~/.ssh/known_web2
  ProxyJump ops@outer.example:2222,inner
Host inner
  HostName 192.0.2.7
  IdentityFile %d/.ssh/inner
Host *
  User anybody
`)
	file := filepath.Join(dir, "hosts.yaml")
	write(t, file, `
ssh-config: config
jumps:
  - {name: far, ssh: "far.example:2201", User: me, jump: near, key: /k}
  - {name: near, ProxyJump: none}
defaults:
  {user: gauntlet, port: 2020, key: id, known-hosts: known, jump: far, become: sudo -n,
   labels: {zone: a, disk: ssd}, cluster: staging, shared-with: the build farm}
hosts:
  - {name: n1, address: 10.0.0.11, labels: {zone: b}}
  - {name: n2, address: 10.0.0.12, HostName: web-2, shared-with: "", become: ""}
  - {name: n3, address: "fd00:0::13", ssh: web-3, User: root, Port: 3, jump: "", IdentityFile: /k3}
  - {name: n4, address: 10.0.0.14, jump: "gate.example:24", cluster: other}
`)
	got, err := LoadInventory(file)
	if err != nil {
		t.Fatal(err)
	}
	key, known := filepath.Join(dir, "id"), filepath.Join(dir, "known")
	near := &HostConfig{Name: "near", SSH: "near:22", User: "anybody", KeyFile: key,
		KnownHosts: known}
	far := &HostConfig{Name: "far", SSH: "far.example:2201", User: "me", KeyFile: "/k",
		KnownHosts: known, Jump: near}
	outer := &HostConfig{Name: "outer.example", SSH: "outer.example:2222", User: "ops", KeyFile: key,
		KnownHosts: known}
	inner := &HostConfig{Name: "inner", SSH: "192.0.2.7:22", User: "anybody",
		KeyFile: "/home/me/.ssh/inner", KnownHosts: known, Jump: outer}
	gate := &HostConfig{Name: "gate.example", SSH: "gate.example:24", User: "anybody", KeyFile: key,
		KnownHosts: known}
	sudo, zone := []string{"sudo", "-n"}, map[string]string{"zone": "a", "disk": "ssd"}
	want := []HostConfig{
		{Name: "n1", Address: "10.0.0.11", SSH: "10.0.0.11:2020", User: "anybody", KeyFile: key,
			KnownHosts: known, Jump: far, Become: sudo, Cluster: "staging",
			Labels: map[string]string{"zone": "b", "disk": "ssd"}, SharedWith: "the build farm"},
		{Name: "n2", Address: "10.0.0.12", SSH: "web-2.example:2200", User: "web",
			KeyFile: filepath.Join(dir, "keys/web-2"), KnownHosts: "/home/me/.ssh/known_web",
			Jump: inner, Cluster: "staging", Labels: zone},
		{Name: "n3", Address: "fd00::13", SSH: "web-3.example:3", User: "root", KeyFile: "/k3",
			KnownHosts: "/home/me/.ssh/known_web", Become: sudo, Cluster: "staging", Labels: zone,
			SharedWith: "the build farm"},
		{Name: "n4", Address: "10.0.0.14", SSH: "10.0.0.14:2020", User: "anybody", KeyFile: key,
			KnownHosts: known, Jump: gate, Become: sudo, Cluster: "other", Labels: zone,
			SharedWith: "the build farm"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Goal: what an ssh-config file says and we do not follow is refused, not passed over: it would
// lead to another host.
func TestInventoryAliasErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ config, want string }{
		"missing":      {"", ":1: ssh-config: open "},
		"match":        {"Match exec true\n User x\n", ":1: ssh-config "},
		"ProxyCommand": {"Host x\n ProxyCommand nc %h %p\n", ":3: "},
		"HostKeyAlias": {"Host *\n HostKeyAlias y\n", "says HostKeyAlias of \"x\", which is not supp"},
		"token":        {"Host x\n IdentityFile ~/%C\n", `"~/%C": the token %C is not supported here`},
		"half token":   {"Host x\n HostName a%\n", `"a%": the token % is not supported here`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if test.config != "" {
				write(t, filepath.Join(dir, "config"), test.config)
			}
			file := filepath.Join(dir, "hosts.yaml")
			write(t, file, "ssh-config: config\nhosts:\n  - {name: n1, address: 10.0.0.1, ssh: x}\n")
			_, err := LoadInventory(file)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// Goal: no ssh-config file makes the reader panic.
func FuzzAliases(f *testing.F) {
	f.Add("Host x\n HostName %h\nMatch host y\n User \"z\"\nInclude nowhere\n")
	f.Add("Host !x *\n\tPort=1 # c\n")
	f.Fuzz(func(t *testing.T, text string) {
		config, err := decodeConfig([]byte(text))
		if err != nil || strings.Contains(strings.ToLower(text), "include") {
			return // an included file may be any on this machine
		}
		inv := &inventory{path: "h", aliases: &aliases{"config", config}}
		e := &entry{inventory: inv}
		inv.aliases.of(e, "x")
		inv.aliases.knows("x")
	})
}
