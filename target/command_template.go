package target

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

// CommandNode is what the templates of a CommandSpec are written over: the node they are for.
type CommandNode struct {
	CommandPeer
	Root   string        // the run root, absolute: the directory in which commands run
	Data   string        // the data directory, absolute
	Log    string        // the file into which goes what the process prints, absolute
	Nodes  []CommandPeer // all of them, this one too, in the order of the inventory
	Others []CommandPeer // all but this one
}

// CommandPeer is one node as the others see it.
type CommandPeer struct {
	Name       string
	Address    string // IP address on the data network
	Host       string // Address as it stands in front of a port: in brackets if it is one of IPv6
	Index      int    // from 0
	ClientPort int
	PeerPort   int
}

// commandPlan is what the templates say for one node.
type commandPlan struct {
	files                       []CommandFile
	start, ready, stop, observe string
	data                        string
	logs                        []string
}

// plan carries the templates out for the node of a host.
func (c *command) plan(h *Host) (commandPlan, error) {
	var peers []CommandPeer
	self := -1
	for i, host := range c.hosts {
		peers = append(peers, c.spec.peer(i, host.Name(), host.Address()))
		if host == h {
			self = i
		}
	}
	if self < 0 {
		return commandPlan{}, errors.New("not a host of this target")
	}
	plan, errs := c.spec.plan(c.spec.node(self, peers, c.root(h), c.run))
	return plan, errors.Join(errs...)
}

func (s CommandSpec) peer(index int, name, address string) CommandPeer {
	host := address
	if strings.Contains(address, ":") {
		host = "[" + address + "]"
	}
	return CommandPeer{name, address, host, index, s.ClientPort, s.PeerPort}
}

func (s CommandSpec) node(self int, peers []CommandPeer, root, run string) CommandNode {
	n := CommandNode{
		CommandPeer: peers[self], Root: root, Data: root + "/data", Log: root + "/log/command.log",
		Nodes: peers, Others: slices.Delete(slices.Clone(peers), self, self+1),
	}
	if s.DataDir != "" {
		n.Data = "gauntlet-" + run + "-" + n.Name // below DataDir, which is not known yet
	}
	return n
}

// plan carries every template out. Each error begins with the key that it is about, as a suite
// names it.
func (s CommandSpec) plan(n CommandNode) (commandPlan, []error) {
	var errs []error
	fill := func(key, text string) string {
		filled, err := fill(text, n)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
		return filled
	}
	p := commandPlan{data: n.Data}
	if s.DataDir != "" {
		dir := fill("data-dir", s.DataDir)
		if !path.IsAbs(dir) || path.Clean(dir) == "/" {
			errs = append(errs, fmt.Errorf("data-dir: %q is no absolute path of a directory", dir))
		}
		p.data = path.Join(dir, n.Data)
		n.Data = p.data
	}
	p.start, p.ready = fill("start", s.Start), fill("ready", s.Ready)
	p.stop, p.observe = fill("stop", s.Stop), fill("observe", s.Observe)
	for i, file := range s.Files {
		file.Template = fill(fmt.Sprintf("files[%d].template", i), file.Template)
		p.files = append(p.files, file)
	}
	for i, log := range s.Logs {
		p.logs = append(p.logs, fill(fmt.Sprintf("logs[%d]", i), log))
	}
	return p, errs
}

// fill carries one template out. A name that is not there is an error.
func fill(text string, n CommandNode) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", reworded(err)
	}
	var filled bytes.Buffer
	if err := t.Execute(&filled, n); err != nil {
		return "", reworded(err)
	}
	return filled.String(), nil
}

var (
	templateLine = regexp.MustCompile(`^template: :(\d+):(?:\d+:)? (?s:(.*))$`)
	absentField  = regexp.MustCompile(`can't evaluate field (\w+) in type (\S+)`)
)

// reworded says in our words what package template found.
func reworded(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	line := ""
	if m := templateLine.FindStringSubmatch(text); m != nil {
		line, text = "line "+m[1]+": ", m[2]
	}
	m := absentField.FindStringSubmatch(text)
	switch {
	case m != nil && m[2] == fmt.Sprintf("%T", CommandNode{}):
		text = fmt.Sprintf("there is no .%s, but %s", m[1], strings.Join(fieldNames, " "))
	case m != nil:
		text = fmt.Sprintf("there is no .%s in a %s", m[1], m[2])
	}
	return errors.New(line + strings.TrimPrefix(text, `executing "" `))
}

// fieldNames are the names that templates may use of the node they are for.
var fieldNames = []string{
	".Name", ".Address", ".Host", ".Index", ".ClientPort", ".PeerPort", ".Root", ".Data", ".Log",
	".Nodes", ".Others",
}

// Valid returns all that is wrong with a spec whatever the hosts, joined. Each error begins with
// the key that it is about, as a suite names it.
func (s CommandSpec) Valid() error {
	var errs []error
	check := func(holds bool, format string, args ...any) {
		if !holds {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(s.Nodes > 0, "nodes: %d, want 1 or more", s.Nodes)
	check(strings.TrimSpace(s.Start) != "", "start: there is no command")
	check(s.ClientPort > 0 && s.ClientPort < 1<<16, "client-port: %d is no port", s.ClientPort)
	check(s.PeerPort > 0 && s.PeerPort < 1<<16, "peer-port: %d is no port", s.PeerPort)
	check(len(s.Client) > 0 && s.Client[0] != "", "client: there is no program")
	for i, file := range s.Files {
		key := fmt.Sprintf("files[%d]", i)
		check(isFree(file.Path), "%s.path: %q does not lead to a place of its own in the run root",
			key, file.Path)
		check((file.Template == "") != (file.From == ""), "%s: write one of template and from", key)
		same := func(other CommandFile) bool { return path.Clean(other.Path) == path.Clean(file.Path) }
		check(!slices.ContainsFunc(s.Files[:i], same), "%s.path: %q stands twice", key, file.Path)
	}
	var peers []CommandPeer
	for i := range s.Nodes {
		peers = append(peers, s.peer(i, fmt.Sprintf("n%d", i+1), fmt.Sprintf("198.18.0.%d", i+1)))
	}
	// Any of the nodes may take another way through a template; one complaint of each is enough.
	said := map[string]bool{}
	for i := range peers {
		_, wrong := s.plan(s.node(i, peers, "/root/.gauntlet/01234567", "01234567"))
		for _, err := range wrong {
			key, _, _ := strings.Cut(err.Error(), ":")
			if !said[key] {
				errs = append(errs, err)
			}
			said[key] = true
		}
	}
	return errors.Join(errs...)
}

// isFree reports whether a path lies in the run root and apart from what Gauntlet keeps there.
func isFree(at string) bool {
	first, _, _ := strings.Cut(path.Clean(at), "/")
	ours := []string{".", "pids", "data", "log", "guard"}
	return filepath.IsLocal(at) && !strings.HasSuffix(at, "/") && !slices.Contains(ours, first)
}
