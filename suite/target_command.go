package suite

import (
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/nemesis"
	"gauntlet/target"
	"gauntlet/workload"
)

const commandPath = "target.command"

func readCommand(b block) Target {
	spec := &target.CommandSpec{Nodes: 5, ElectionTimeout: time.Second}
	command := b.inner("command", "nodes", "files", "start", "ready", "stop", "observe", "data-dir",
		"logs", "client-port", "peer-port", "client", "election-timeout")
	command.integer("nodes", &spec.Nodes, between[int]{1, 25})
	spec.Files = readFiles(command)
	for _, text := range []struct {
		key  string
		into *string
	}{
		{"start", &spec.Start}, {"ready", &spec.Ready}, {"stop", &spec.Stop},
		{"observe", &spec.Observe}, {"data-dir", &spec.DataDir},
	} {
		command.text(text.key, text.into)
	}
	command.texts("logs", &spec.Logs)
	command.integer("client-port", &spec.ClientPort, between[int]{1, 65535})
	spec.PeerPort = spec.ClientPort
	command.integer("peer-port", &spec.PeerPort, between[int]{1, 65535})
	command.texts("client", &spec.Client)
	command.duration("election-timeout", &spec.ElectionTimeout,
		between[time.Duration]{20 * time.Millisecond, time.Minute})
	return Target{Command: spec}
}

func readFiles(b block) []target.CommandFile {
	node, path := b.get("files")
	if node == nil {
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		b.d.spoil(path, node.Line, "write a list: - {path: a.conf, template: ...}",
			"must be a list, not %s", describe(node))
		return nil
	}
	var files []target.CommandFile
	for i, entry := range node.Content {
		var file target.CommandFile
		one := b.d.block(entry, fmt.Sprintf("%s[%d]", path, i), "path", "template", "from")
		one.text("path", &file.Path)
		one.text("template", &file.Template)
		one.text("from", &file.From)
		files = append(files, file)
	}
	return files
}

// relateCommand asks package target, which alone knows what its commands need. It begins each
// complaint with the key that it is about.
func relateCommand(d *decoder, t Target) {
	d.missing(commandPath, "start", t.Command.Start != "")
	d.missing(commandPath, "client", len(t.Command.Client) > 0)
	d.missing(commandPath, "client-port", t.Command.ClientPort > 0)
	if d.brokenBelow(commandPath) {
		return
	}
	for _, err := range leaves(t.Command.Valid()) {
		key, _, _ := strings.Cut(err.Error(), ":")
		d.complain(d.line(commandPath+"."+key), "", "%s.%v", commandPath, err)
	}
}

func writeCommand(t Target) *yaml.Node {
	c := t.Command
	node := object("nodes", c.Nodes)
	if len(c.Files) > 0 {
		files := &yaml.Node{Kind: yaml.SequenceNode}
		for _, file := range c.Files {
			entry := object()
			extendTexts(entry, "path", file.Path, "template", file.Template, "from", file.From)
			files.Content = append(files.Content, entry)
		}
		extend(node, "files", files)
	}
	extendTexts(node, "start", c.Start, "ready", c.Ready, "stop", c.Stop, "observe", c.Observe,
		"data-dir", c.DataDir)
	if len(c.Logs) > 0 {
		extend(node, "logs", list(c.Logs))
	}
	extend(node, "client-port", c.ClientPort, "peer-port", c.PeerPort, "client", list(c.Client),
		"election-timeout", c.ElectionTimeout)
	return node
}

// extendTexts adds the texts that are not empty.
func extendTexts(object *yaml.Node, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			extend(object, pairs[i], pairs[i+1])
		}
	}
}

func factsOfCommand(t Target) targetFacts {
	return targetFacts{nodes: t.Command.Nodes, does: []nemesis.Kind{nemesis.KindRestart},
		election: t.Command.ElectionTimeout,
		observed: t.Command.Observe != "", reads: []string{ReadsLinearizable},
		models: []string{workload.ModelRegister}}
}
