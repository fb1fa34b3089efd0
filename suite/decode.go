package suite

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// decoder walks a YAML tree and collects every problem instead of stopping at the first one. It
// reads nodes and not Go structs, because yaml.v3 loses strictness inside custom unmarshalers and
// stops at its first type error.
type decoder struct {
	file     string
	problems Problems
	lines    map[string]int           // where each value stands, by dotted path, for later relations
	broken   map[string]bool          // values that are wrong by themselves, by dotted path
	election unit                     // what "ET" means, once the target is known
	place    string                   // instead of the one that the suite names; "": that one
	timeline []entry                  // of the timeline, as written
	unscaled map[string]time.Duration // the times that scale changed, by dotted path
	variant  bool                     // of an expectation: it has none of its own
}

func newDecoder(file, place string) *decoder {
	return &decoder{file: file, place: place, lines: map[string]int{}, broken: map[string]bool{},
		unscaled: map[string]time.Duration{}}
}

func (d *decoder) parse(text []byte) (*Suite, error) {
	root := d.document(text)
	if !d.isKind(root, kindSuite) {
		return nil, d.sorted()
	}
	return d.read(root)
}

func (d *decoder) read(root *yaml.Node) (*Suite, error) {
	s := d.suite(root)
	if len(d.problems) > 0 {
		return nil, d.sorted()
	}
	return s, nil
}

func (d *decoder) complain(line int, hint, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	d.problems = append(d.problems, Problem{File: d.file, Line: line, What: what, Hint: hint})
}

// spoil complains of the value at path and keeps relations from complaining of it again.
func (d *decoder) spoil(path string, line int, hint, format string, args ...any) {
	d.broken[path] = true
	d.complain(line, hint, path+": "+format, args...)
}

// relate complains of a relation between values, unless one of them is already known to be wrong.
// The problem is put where the first path stands.
func (d *decoder) relate(holds bool, paths []string, hint, format string, args ...any) {
	if holds {
		return
	}
	for _, path := range paths {
		if d.broken[path] {
			return
		}
	}
	d.complain(d.line(paths[0]), hint, format, args...)
}

// brokenBelow reports whether any value at or below path is known to be wrong.
func (d *decoder) brokenBelow(path string) bool {
	for at := range d.broken {
		if at == path || strings.HasPrefix(at, path+".") {
			return true
		}
	}
	return false
}

// line finds where a path stands; a value left to its default stands where its nearest block
// does.
func (d *decoder) line(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return 1
}

// document reads the one YAML document of a file. A second one would be silently ignored by
// yaml.v3, and with it whatever its author meant: it is a problem.
func (d *decoder) document(text []byte) *yaml.Node {
	source := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	if err := source.Decode(&document); errors.Is(err, io.EOF) {
		d.complain(1, "see configs/smoke.yaml for a complete one", "the suite is empty")
		return nil
	} else if err != nil {
		d.syntax(err)
		return nil
	}
	if err := source.Decode(&second); err == nil {
		d.complain(second.Line, "keep one suite in a file", "a second document follows the first")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
	}
	return document.Content[0]
}

// syntax reports an error of the YAML parser, which knows the line but says it in its text.
func (d *decoder) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	var line int
	if _, scan := fmt.Sscanf(text, "line %d:", &line); scan == nil {
		_, text, _ = strings.Cut(text, ": ")
	}
	d.complain(line, "", "not YAML: %s", text)
}

// block is one mapping with a fixed set of keys.
type block struct {
	d      *decoder
	path   string
	values map[string]*yaml.Node
}

// block reads a mapping and complains of unknown and duplicate keys.
func (d *decoder) block(node *yaml.Node, path string, keys ...string) block {
	b := block{d: d, path: path, values: map[string]*yaml.Node{}}
	node = follow(node)
	if !d.isBlock(node, path) {
		return b
	}
	d.lines[path] = node.Line
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		before, twice := b.values[key.Value]
		switch {
		case !slices.Contains(keys, key.Value):
			d.broken[path] = true // it may be the misspelling of one that is missed
			d.complain(key.Line, "known here: "+strings.Join(keys, ", "), "unknown key %q in %s",
				key.Value, cmp.Or(path, "the suite"))
		case twice:
			d.complain(key.Line, "", "duplicate key %q: it already stands on line %d",
				key.Value, before.Line)
		default:
			b.values[key.Value] = value
			d.lines[b.at(key.Value)] = value.Line
		}
	}
	return b
}

func (d *decoder) isBlock(node *yaml.Node, path string) bool {
	if node.Kind != yaml.MappingNode {
		d.spoil(path, node.Line, "write keys and values", "must be a block, not %s", describe(node))
	}
	return node.Kind == yaml.MappingNode
}

func (b block) at(key string) string {
	if b.path == "" {
		return key
	}
	return b.path + "." + key
}

func (b block) has(key string) bool { return b.values[key] != nil }

// get returns the node of a key, or nil when the key is absent and its default holds.
func (b block) get(key string) (*yaml.Node, string) {
	if node := b.values[key]; node != nil {
		return follow(node), b.at(key)
	}
	return nil, b.at(key)
}

// inner reads the mapping under a key. Without the key it is an empty block, so every default
// holds.
func (b block) inner(key string, keys ...string) block {
	node, path := b.get(key)
	if node == nil {
		return block{d: b.d, path: path}
	}
	return b.d.block(node, path, keys...)
}

// one reads a block that must hold exactly one of the keys, and returns which; "" when it does
// not.
func (b block) one(what string, keys ...string) string {
	var found []string
	for _, key := range keys {
		if b.has(key) {
			found = append(found, key)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	if !b.d.broken[b.path] {
		b.d.spoil(b.path, b.d.line(b.path), "write one of: "+strings.Join(keys, ", "),
			"must name exactly one %s, not %d", what, len(found))
	}
	return ""
}

// follow resolves an alias, so that anchors may be used to avoid repetition.
func follow(node *yaml.Node) *yaml.Node {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// describe names a node for a person.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a block"
	case yaml.SequenceNode:
		return "a list"
	}
	if node.Tag == "!!null" {
		return "nothing"
	}
	return fmt.Sprintf("%q", node.Value)
}
