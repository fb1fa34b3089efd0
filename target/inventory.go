package target

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// LoadInventory reads an inventory file: the hosts that a run may use.
//
//	defaults: {user: gauntlet, key: ~/.ssh/gauntlet, known-hosts: known_hosts}
//	hosts:
//	  - {name: n1, address: 10.0.0.11}
//	  - {name: n2, address: 10.0.0.12, ssh: "gateway.example:2202", user: root}
//
// Each host has a name, the address of its data network, and: ssh, as host or host:port (the
// address, port 22); user (who runs us); key (none: the SSH agent's keys); known-hosts
// (~/.ssh/known_hosts). Files are relative to the inventory. Everything wrong with the file is
// reported at once, each problem on a line of its own that begins with file:line.
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
		top := inv.mapping(root, "the inventory", "defaults", "hosts")
		defaults := settings{}
		if node, ok := top["defaults"]; ok {
			defaults = inv.mapping(node, "defaults", "user", "key", "known-hosts")
		}
		list, ok := top["hosts"]
		if !ok || list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
			inv.wrong(root.Line, "no hosts: want hosts: [{name: n1, address: 10.0.0.11}, ...]")
		} else {
			hosts = inv.hosts(list, defaults)
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
		all = append(all, fmt.Errorf("%s:%d: %s", inv.path, p.line, p.what))
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
		if earlier, twice := found[key.Value]; twice {
			inv.wrong(key.Line, "%s: key %q again: it is on line %d already",
				what, key.Value, earlier.Line)
		} else if !slices.Contains(keys, key.Value) {
			inv.wrong(key.Line, "%s: unknown key %q: the keys are %s",
				what, key.Value, strings.Join(keys, ", "))
		} else {
			found[key.Value] = value
		}
	}
	return found
}

// hosts reads the list of hosts, whose names and addresses must differ.
func (inv *inventory) hosts(list *yaml.Node, defaults settings) []HostConfig {
	var hosts []HostConfig
	names, addresses := map[string]int{}, map[string]int{}
	for _, node := range list.Content {
		own := inv.mapping(node, "host", "name", "address", "ssh", "user", "key", "known-hosts")
		if node.Kind != yaml.MappingNode {
			continue
		}
		cfg := inv.host(node.Line, own, defaults)
		if line, taken := names[cfg.Name]; taken && cfg.Name != "" {
			inv.wrong(own["name"].Line, "name %q is that of the host on line %d", cfg.Name, line)
		}
		if line, taken := addresses[cfg.Address]; taken && cfg.Address != "" {
			inv.wrong(own["address"].Line, "address %s is that of the host on line %d",
				cfg.Address, line)
		}
		names[cfg.Name], addresses[cfg.Address] = node.Line, node.Line
		hosts = append(hosts, cfg)
	}
	return hosts
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$`)

// host reads one host.
func (inv *inventory) host(line int, own, defaults settings) HostConfig {
	text := func(key, otherwise string) string {
		node, ok := own[key]
		if !ok {
			node, ok = defaults[key]
		}
		if !ok {
			return otherwise
		}
		if node.Kind != yaml.ScalarNode || node.Tag == "!!null" || node.Value == "" {
			inv.wrong(node.Line, "%s is not a text", key)
			return otherwise
		}
		line = node.Line
		return node.Value
	}
	cfg := HostConfig{Name: text("name", "")}
	if !hostName.MatchString(cfg.Name) {
		inv.wrong(line, "host name %q: want letters, digits, dots and dashes, 63 at most", cfg.Name)
	}
	if ip := net.ParseIP(text("address", "")); ip != nil {
		cfg.Address = ip.String()
	} else {
		inv.wrong(line, "address of host %q is not an IP address", cfg.Name)
	}
	var err error
	if cfg.SSH, err = withPort(text("ssh", cfg.Address)); err != nil {
		inv.wrong(line, "ssh of host %q: %v: want host or host:port", cfg.Name, err)
	}
	cfg.User = text("user", currentUser())
	cfg.KeyFile = inv.file(text("key", ""))
	cfg.Agent = cfg.KeyFile == ""
	cfg.KnownHosts = inv.file(text("known-hosts", "~/.ssh/known_hosts"))
	return cfg
}

// withPort completes "host" or "host:port", where host may be a bare IPv6 address.
func withPort(address string) (string, error) {
	if net.ParseIP(address) != nil || !strings.Contains(address, ":") {
		return net.JoinHostPort(address, "22"), nil
	}
	return address, checkAddress("tcp", address)
}

// file makes a path of the inventory one for this process.
func (inv *inventory) file(path string) string {
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(path, "~/") {
		return filepath.Join(home, path[2:])
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(inv.path), path)
}

func currentUser() string {
	if who, err := user.Current(); err == nil {
		return who.Username
	}
	return os.Getenv("USER")
}
