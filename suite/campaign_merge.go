package suite

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// Trees are merged without changing what they are made of: combinations share it.

// get finds the value of a key, or nil.
func get(node *yaml.Node, key string) *yaml.Node {
	if node == nil {
		return nil
	}
	node = follow(node)
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// with is the block with another value for a key, in its old place if it had one.
func with(node *yaml.Node, key string, value *yaml.Node) *yaml.Node {
	changed := copied(node)
	for i := 0; i+1 < len(changed.Content); i += 2 {
		if changed.Content[i].Value == key {
			changed.Content[i+1] = value
			return changed
		}
	}
	name := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key, Line: value.Line}
	changed.Content = append(changed.Content, name, value)
	return changed
}

// without is the block without some keys.
func without(node *yaml.Node, keys ...string) *yaml.Node {
	return filtered(node, func(key string) bool { return !slices.Contains(keys, key) })
}

// only is what a block has of some keys.
func only(node *yaml.Node, keys ...string) *yaml.Node {
	return filtered(node, func(key string) bool { return slices.Contains(keys, key) })
}

func filtered(node *yaml.Node, keep func(key string) bool) *yaml.Node {
	changed := copied(node)
	changed.Content = nil
	node = follow(node)
	for i := 0; i+1 < len(node.Content); i += 2 {
		if keep(node.Content[i].Value) {
			changed.Content = append(changed.Content, node.Content[i], node.Content[i+1])
		}
	}
	return changed
}

// over is a block with the keys of another put over it.
func over(below, above *yaml.Node) *yaml.Node {
	if below == nil || follow(below).Kind != yaml.MappingNode {
		return above
	}
	above = follow(above)
	if above.Kind != yaml.MappingNode {
		return above // the reader complains of it
	}
	for i := 0; i+1 < len(above.Content); i += 2 {
		below = with(below, above.Content[i].Value, above.Content[i+1])
	}
	return below
}

func copied(node *yaml.Node) *yaml.Node {
	changed := *follow(node)
	changed.Content = slices.Clone(changed.Content)
	return &changed
}

// shifted is a tree whose lines are so much further down. An anchor stays one node, however often
// it is spoken of.
func shifted(node *yaml.Node, by int, done map[*yaml.Node]*yaml.Node) *yaml.Node {
	if node == nil {
		return nil
	}
	if moved := done[node]; moved != nil {
		return moved
	}
	moved := *node
	done[node] = &moved
	moved.Line += by
	moved.Alias = shifted(node.Alias, by, done)
	moved.Content = make([]*yaml.Node, len(node.Content))
	for i, inner := range node.Content {
		moved.Content[i] = shifted(inner, by, done)
	}
	return &moved
}

// targetOf finds the one target of a suite's tree.
func targetOf(root *yaml.Node) (name string, kind *yaml.Node) {
	target := get(root, "target")
	if target == nil {
		return "", nil
	}
	for _, known := range targetNames() {
		if kind = get(target, known); kind != nil {
			return known, kind
		}
	}
	return "", nil
}
