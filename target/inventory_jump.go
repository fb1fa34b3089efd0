package target

import (
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// jump is one of the inventory's jump hosts.
type jump struct {
	entry   *entry
	reading bool
	config  *HostConfig // nil: not read yet
}

// readJumps reads the list of jump hosts. One may lie behind another, in any order.
func (inv *inventory) readJumps(list *yaml.Node) {
	inv.jumps = map[string]*jump{}
	if list == nil {
		return
	}
	if list.Kind != yaml.SequenceNode {
		inv.wrong(list.Line, "jumps is not a list: want jumps: [{name: gw, ssh: gw.example}, ...]")
		return
	}
	var names []string
	for _, node := range list.Content {
		own := inv.mapping(node, "jump", jumpKeys...)
		if node.Kind != yaml.MappingNode {
			continue
		}
		e := &entry{inventory: inv, line: node.Line, own: own, defaults: inv.who()}
		name := e.text("name", "")
		if !hostName.MatchString(name) {
			inv.wrong(e.lineOf("name"),
				"jump name %q: want letters, digits, dots and dashes, 63 at most", name)
		} else if inv.jumps[name] != nil {
			inv.wrong(e.lineOf("name"), "name %q is that of the jump on line %d", name,
				inv.jumps[name].entry.line)
		} else {
			inv.jumps[name] = &jump{entry: e}
			names = append(names, name)
		}
	}
	for _, name := range names {
		inv.named(name, list.Line)
	}
}

// who is what a jump host has of the defaults: who we are, and whom we trust.
func (inv *inventory) who() settings {
	who := settings{}
	for _, key := range []string{"user", "key", "known-hosts"} {
		if node, ok := inv.defaults[key]; ok {
			who[key] = node
		}
	}
	return who
}

// named is the jump host of that name.
func (inv *inventory) named(name string, line int) *HostConfig {
	j := inv.jumps[name]
	switch {
	case j.reading:
		inv.wrong(line, "jump %q lies behind itself", name)
		return nil
	case j.config == nil:
		j.reading = true
		config := &HostConfig{Name: name}
		j.entry.route(config, j.entry.text("ssh", name))
		config.Jump = j.entry.jump()
		j.reading, j.config = false, config
	}
	return j.config
}

// jump reads the way to a host: nil is the direct one. Each jump host of a list lies behind the one
// before it.
func (e *entry) jump() *HostConfig {
	way, line := e.value("jump"), e.lineOf("jump")
	if way == "" || way == "none" {
		return nil
	}
	var last *HostConfig
	for i, one := range strings.Split(way, ",") {
		one = strings.TrimSpace(one)
		var next *HostConfig
		if _, ok := e.jumps[one]; ok {
			next = e.named(one, line)
		} else {
			next = e.spec(one, line)
		}
		if next == nil {
			return nil
		}
		if i > 0 {
			if next.Jump != nil {
				e.wrong(line, "jump %q has a way of its own, and cannot lie behind %q", one, last.Name)
				return nil
			}
			behind := *next
			behind.Jump = last
			next = &behind
		}
		last = next
	}
	return last
}

// spec reads a jump host that is written as [user@]host[:port].
func (e *entry) spec(spec string, line int) *HostConfig {
	login, server, named := strings.Cut(spec, "@")
	if !named {
		login, server = "", login
	}
	host, _, err := splitPort(server)
	if err != nil || host == "" || named == (login == "") || strings.Contains(login, ":") ||
		strings.ContainsAny(host+login, " \t@") {
		e.wrong(line, "jump %q: want the name of one of jumps, or [user@]host[:port]", spec)
		return nil
	}
	if len(e.jumps) > 0 && !strings.ContainsAny(spec, ".:@") && !e.aliases.knows(host) {
		e.wrong(line, "jump %q is not one of jumps: %s", spec,
			strings.Join(slices.Sorted(maps.Keys(e.jumps)), ", "))
		return nil
	}
	own := settings{}
	if login != "" {
		own["user"] = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: login, Line: line}
	}
	j := &entry{inventory: e.inventory, line: line, own: own, defaults: e.who()}
	config := &HostConfig{Name: host}
	j.route(config, server)
	return config
}
