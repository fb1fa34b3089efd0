package suite

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"
)

// Resolved writes the suite with every default filled in, ET as plain durations, the timeline's
// times scaled and the seed included. Parse reads it back to an equal value, but for Scale, which
// is 1 then: a run directory says what was run without the file it came from.
func (s *Suite) Resolved() ([]byte, error) {
	root := object("name", s.Name, "place", s.Place)
	if s.Seed != nil {
		extend(root, "seed", *s.Seed)
	}
	extend(root,
		"target", s.Target.node(),
		"workload", s.Workload.node(),
		"faults", faultNodes(s.Faults),
	)
	extendIf(root, len(s.Cast) > 0, "cast", castNode(s.Cast))
	extendIf(root, len(s.Timeline) > 0, "timeline", timelineNodes(s.Timeline))
	extendIf(root, s.Incident != nil, "incident", s.Incident.node())
	extendIf(root, s.Capture != "", "capture", s.Capture)
	extendIf(root, s.StopOn != "", "stop-on", s.StopOn)
	extend(root,
		"phases", object("warm-up", s.Phases.WarmUp, "load", s.Phases.Load,
			"recovery", s.Phases.Recovery),
		"checks", list(s.Checks),
		"require", s.requireNode(),
		"budget", object("time", s.Budget.Time, "memory", formatBytes(s.Budget.Memory)),
	)
	extendIf(root, len(s.Warnings) > 0, "warnings", list(s.Warnings))
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("write suite %s: %w", s.Name, err)
	}
	return out.Bytes(), encoder.Close()
}

func (w Workload) node() *yaml.Node {
	s := w.Spec
	spec := object("clients", s.Clients, "rate", s.Rate, "keys", s.Keys, "ops-per-key", s.OpsPerKey)
	if s.KeysPerGroup > 0 {
		extend(spec, "keys-per-group", s.KeysPerGroup)
	}
	return object(w.Model, spec, "reads", w.Reads, "timeout", w.Timeout)
}

func (s *Suite) requireNode() *yaml.Node {
	least := object()
	for _, kind := range faultKinds {
		if count, ok := s.Require.MinFaults[kind]; ok {
			extend(least, kind, count)
		}
	}
	node := object("ok-per-kind", s.Require.OKPerKind)
	if len(least.Content) > 0 {
		extend(node, "min-faults", least)
	}
	extend(node, "available-after-heal", s.Require.AvailableAfterHeal)
	extendIf(node, s.Require.Gap > 0, "gap", s.Require.Gap)
	extendIf(node, s.Require.GapLeaderLost > 0, "gap-leader-lost", s.Require.GapLeaderLost)
	return node
}

// object makes a mapping of alternating keys and values, in that order.
func object(pairs ...any) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	extend(node, pairs...)
	return node
}

func extend(object *yaml.Node, pairs ...any) {
	for i := 0; i+1 < len(pairs); i += 2 {
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: pairs[i].(string)}
		object.Content = append(object.Content, key, value(pairs[i+1]))
	}
}

func value(of any) *yaml.Node {
	switch v := of.(type) {
	case *yaml.Node:
		return v
	case time.Duration:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		return &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	case string: // quoted where plain would be read as something else
		node := &yaml.Node{}
		node.SetString(v)
		return node
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)}
	}
}

// list writes words on one line: [a, b].
func list[W ~string](words []W) *yaml.Node {
	sequence := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, word := range words {
		sequence.Content = append(sequence.Content, value(string(word)))
	}
	return sequence
}
