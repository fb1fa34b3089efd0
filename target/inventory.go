package target

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"gauntlet/redact"
)

// LoadInventory reads an inventory file: the hosts that a run may use, and no others.
//
//	ssh-config: ~/.ssh/config
//	defaults: {user: gauntlet, key: ~/.ssh/gauntlet, become: sudo -n, cluster: staging}
//	jumps:
//	  - {name: gateway, ssh: "gateway.example:2222", user: me}
//	hosts:
//	  - {name: n1, address: 10.0.0.11, labels: {zone: a}}
//	  - {name: n2, address: 10.0.0.12, ssh: web-2, port: 2202, jump: gateway}
//	  - {name: n3, address: "fd00::13", user: root, become: "", shared-with: the build farm}
//
// A host has a name; an address on the data network, IPv4 or IPv6; and, each optional:
//
//	ssh          host or host:port, or an alias of the file ssh-config; the address
//	user         who runs us
//	port         22
//	key          a private key file; the SSH agent's keys
//	known-hosts  ~/.ssh/known_hosts
//	jump         the name of one of jumps, or [user@]host[:port], or several with commas between:
//	             the first is the first on the way
//	become       "sudo -n", which must not ask for a password
//	labels       texts by key, for people and reports
//	shared-with  who else uses the host: a warning at the start of each run
//	cluster      whose consent marker the host must show
//
// All but name, address, ssh and labels are the same for all hosts if defaults says so. HostName,
// User, Port, IdentityFile, UserKnownHostsFile and ProxyJump mean ssh, user, port, key,
// known-hosts and jump. What the host itself does not say, the file ssh-config says as it does to
// ssh, then defaults. Files are relative to the file that names them. Everything wrong with the
// file is reported at once, each problem on a line of its own that begins with file:line.
func LoadInventory(path string) ([]HostConfig, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseInventory(path, text)
}

// inventory collects what is wrong with a file while it is being read.
type inventory struct {
	path     string
	problems []problem
	aliases  *aliases
	defaults settings
	jumps    map[string]*jump // by name
}

// problem is one thing that is wrong, and the line of the file where it is.
type problem struct {
	line int
	what string
}

func parseInventory(path string, text []byte) ([]HostConfig, error) {
	inv := &inventory{path: path}
	var hosts []HostConfig
	if root := inv.document(text); root != nil {
		top := inv.mapping(root, "the inventory", "defaults", "hosts", "jumps", "ssh-config")
		inv.aliases = inv.sshConfig(top["ssh-config"])
		if node, ok := top["defaults"]; ok {
			inv.defaults = inv.mapping(node, "defaults", defaultKeys...)
		}
		inv.readJumps(top["jumps"])
		list, ok := top["hosts"]
		if !ok || list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
			inv.wrong(root.Line, "no hosts: want hosts: [{name: n1, address: 10.0.0.11}, ...]")
		} else {
			hosts = inv.hosts(list)
		}
	}
	if err := inv.err(); err != nil {
		return nil, err
	}
	return hosts, nil
}

// wrong notes a problem, once: a default that is wrong is met again with every host.
func (inv *inventory) wrong(line int, format string, args ...any) {
	p := problem{max(line, 1), fmt.Sprintf(format, args...)}
	if !slices.Contains(inv.problems, p) {
		inv.problems = append(inv.problems, p)
	}
}

// err is all that is wrong, in the order of the lines; nil if nothing is.
func (inv *inventory) err() error {
	byLine := func(a, b problem) int { return cmp.Compare(a.line, b.line) }
	slices.SortStableFunc(inv.problems, byLine)
	var all []error
	for _, p := range inv.problems {
		all = append(all, fmt.Errorf("%s:%d: %s", inv.path, p.line, redact.String(p.what)))
	}
	return errors.Join(all...)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// document parses the text, which must be exactly one YAML document.
func (inv *inventory) document(text []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	err := decoder.Decode(&first)
	if errors.Is(err, io.EOF) {
		inv.wrong(1, "no hosts: the file is empty")
		return nil
	}
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			inv.wrong(second.Line, "a second document: one file is one inventory")
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		var line int
		if found := yamlLine.FindStringSubmatch(err.Error()); found != nil {
			_, _ = fmt.Sscan(found[1], &line)
		}
		inv.wrong(line, "not YAML: %s", yamlLine.ReplaceAllString(err.Error(), ""))
		return nil
	}
	return first.Content[0]
}

// synonyms are the names that ssh_config(5) has for keys of ours, in lower case as it reads them.
var synonyms = map[string]string{
	"hostname": "ssh", "user": "user", "port": "port", "identityfile": "key",
	"userknownhostsfile": "known-hosts", "proxyjump": "jump",
}

// settings are the values of a mapping by key.
type settings map[string]*yaml.Node

// mapping reads a mapping that may have only the given keys, each once.
func (inv *inventory) mapping(node *yaml.Node, what string, keys ...string) settings {
	found := settings{}
	if node.Kind != yaml.MappingNode {
		inv.wrong(node.Line, "%s is not a mapping of %s", what, strings.Join(keys, ", "))
		return found
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		name := key.Value
		if ours, ok := synonyms[strings.ToLower(name)]; ok {
			name = ours
		}
		if earlier, twice := found[name]; twice {
			inv.wrong(key.Line, "%s: key %q again: it is on line %d already",
				what, key.Value, earlier.Line)
		} else if !slices.Contains(keys, name) {
			inv.wrong(key.Line, "%s: unknown key %q: the keys are %s",
				what, key.Value, strings.Join(keys, ", "))
		} else {
			found[name] = value
		}
	}
	return found
}
