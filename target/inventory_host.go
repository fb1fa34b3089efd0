package target

import (
	"cmp"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// The keys of the inventory's mappings.
var (
	routeKeys   = []string{"user", "port", "key", "known-hosts", "jump"}
	defaultKeys = slices.Concat(routeKeys, []string{"become", "labels", "shared-with", "cluster"})
	entryKeys   = slices.Concat([]string{"name", "address", "ssh"}, defaultKeys)
	jumpKeys    = slices.Concat([]string{"name", "ssh"}, routeKeys)
)

// becomes are the ways to become root, by what the inventory says.
var becomes = map[string][]string{"": nil, "sudo -n": {"sudo", "-n"}}

var (
	hostName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$`)
	clusterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
)

// entry is one host of the inventory, or a jump host, while it is being read.
type entry struct {
	*inventory
	line     int
	own      settings
	alias    map[string]string // what the ssh-config file says of it
	defaults settings
}

// hosts reads the list of hosts, whose names, addresses and SSH servers must differ.
func (inv *inventory) hosts(list *yaml.Node) []HostConfig {
	var hosts []HostConfig
	taken := map[string]int{} // the line of each thing that must differ
	for _, node := range list.Content {
		own := inv.mapping(node, "host", entryKeys...)
		if node.Kind != yaml.MappingNode {
			continue
		}
		e := &entry{inventory: inv, line: node.Line, own: own, defaults: inv.defaults}
		cfg := e.host()
		way := cfg.SSH
		for jump := cfg.Jump; jump != nil; jump = jump.Jump {
			way += " through " + jump.SSH
		}
		for _, thing := range []struct{ key, is, what string }{
			{"name", "name " + strconv.Quote(cfg.Name), cfg.Name},
			{"address", "address " + cfg.Address, cfg.Address},
			{"ssh", "ssh " + way, cfg.SSH},
		} {
			line, twice := taken[thing.is]
			if twice && thing.what != "" {
				inv.wrong(e.lineOf(thing.key), "%s is that of the host on line %d", thing.is, line)
			}
			taken[thing.is] = node.Line
		}
		hosts = append(hosts, cfg)
	}
	return hosts
}

// host reads one host.
func (e *entry) host() HostConfig {
	cfg := HostConfig{Name: e.text("name", "")}
	if !hostName.MatchString(cfg.Name) {
		e.wrong(e.lineOf("name"),
			"host name %q: want letters, digits, dots and dashes, 63 at most", cfg.Name)
	}
	if ip := net.ParseIP(e.text("address", "")); ip != nil {
		cfg.Address = ip.String()
	} else {
		e.wrong(e.lineOf("address"), "address of host %q is not an IP address", cfg.Name)
	}
	e.route(&cfg, e.text("ssh", cfg.Address))
	cfg.Jump = e.jump()

	become := e.value("become")
	words, ok := becomes[become]
	if !ok {
		e.wrong(e.lineOf("become"), `become of host %q is %q: want "sudo -n", or "" for none`,
			cfg.Name, become)
	}
	cfg.Become = words
	cfg.Labels = e.labels()
	cfg.SharedWith = e.value("shared-with")
	cfg.Cluster = e.value("cluster")
	if cfg.Cluster != "" && !clusterName.MatchString(cfg.Cluster) {
		e.wrong(e.lineOf("cluster"), "cluster %q: want letters, digits, dots, dashes and "+
			"underlines, 63 at most", cfg.Cluster)
	}
	return cfg
}

// route reads what leads to an SSH server, but for the jump hosts on the way.
func (e *entry) route(cfg *HostConfig, ssh string) {
	host, port, err := splitPort(ssh)
	e.alias = e.aliases.of(e, host)
	if own, ok := e.own["port"]; ok && port != "" && own.Value != port {
		e.wrong(own.Line, "port of host %q is %s here, and %s in ssh: %s",
			cfg.Name, own.Value, port, ssh)
	}
	if port == "" {
		port = e.text("port", "22")
		if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
			e.wrong(e.lineOf("port"), "port %q of host %q: want 1 to 65535", port, cfg.Name)
		}
	}
	switch {
	case err != nil:
		e.wrong(e.lineOf("ssh"), "ssh of host %q: %v: want host or host:port", cfg.Name, err)
	case host != "": // or else there is no address, and that was said
		cfg.SSH = net.JoinHostPort(cmp.Or(e.alias["ssh"], host), port)
	}
	cfg.User = e.text("user", currentUser())
	cfg.KeyFile = e.file("key", "")
	cfg.Agent = cfg.KeyFile == ""
	cfg.KnownHosts = e.file("known-hosts", "~/.ssh/known_hosts")
}

// find looks where a key is given: by the entry, or by defaults.
func (e *entry) find(key string) (*yaml.Node, bool) {
	if node, ok := e.own[key]; ok {
		return node, true
	}
	if _, ok := e.alias[key]; ok {
		return nil, false
	}
	node, ok := e.defaults[key]
	return node, ok
}

// text is the value of a key: the entry's own, or the ssh-config file's, or the default, or else
// otherwise.
func (e *entry) text(key, otherwise string) string {
	node, ok := e.find(key)
	switch {
	case !ok:
		return cmp.Or(e.alias[key], otherwise)
	case node.Kind != yaml.ScalarNode || node.Tag == "!!null" || node.Value == "":
		e.wrong(node.Line, "%s is not a text", key)
		return otherwise
	default:
		return node.Value
	}
}

// value is text for a key that may be empty, which takes back what defaults says.
func (e *entry) value(key string) string {
	if node, ok := e.find(key); ok && node.Kind == yaml.ScalarNode && node.Tag == "!!str" &&
		node.Value == "" {
		return ""
	}
	return e.text(key, "")
}

// lineOf is where a key is given, or the line of the entry.
func (e *entry) lineOf(key string) int {
	if node, ok := e.find(key); ok {
		return node.Line
	}
	return e.line
}

// labels are those of defaults and the host's own.
func (e *entry) labels() map[string]string {
	var labels map[string]string
	for _, from := range []settings{e.defaults, e.own} {
		node, ok := from["labels"]
		if !ok {
			continue
		}
		if node.Kind != yaml.MappingNode {
			e.wrong(node.Line, "labels is not a mapping of texts")
			continue
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode || key.Value == "" {
				e.wrong(key.Line, "label %q is not a text", key.Value)
				continue
			}
			if labels == nil {
				labels = map[string]string{}
			}
			labels[key.Value] = value.Value
		}
	}
	return labels
}

// file is a path as text gives it, made one for this process.
func (e *entry) file(key, otherwise string) string {
	path := e.text(key, otherwise)
	if _, ok := e.find(key); !ok && e.alias[key] != "" {
		return local(path, e.aliases.path)
	}
	return local(path, e.path)
}

// local is a path that a file names, relative to that file.
func local(path, by string) string {
	if home, err := os.UserHomeDir(); err == nil && strings.HasPrefix(path, "~/") {
		return filepath.Join(home, path[2:])
	}
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(by), path)
}

// splitPort splits "host" or "host:port", where host may be a bare IPv6 address.
func splitPort(address string) (host, port string, err error) {
	if net.ParseIP(address) != nil || !strings.Contains(address, ":") {
		return address, "", nil
	}
	if err := checkAddress("tcp", address); err != nil {
		return "", "", err
	}
	return net.SplitHostPort(address)
}

func currentUser() string {
	if who, err := user.Current(); err == nil {
		return who.Username
	}
	return os.Getenv("USER")
}
