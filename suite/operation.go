package suite

import (
	"slices"
	"strings"

	"gauntlet/nemesis"
)

// operations lists every operation there is.
func operations() []nemesis.Kind {
	return slices.DeleteFunc(nemesis.Kinds(), func(k nemesis.Kind) bool { return !k.Traits().Does })
}

// operable complains of an operation that the target does not have, or for which no host is left.
func (d *decoder) operable(path string, kind nemesis.Kind, spare bool, s *Suite) {
	if !kind.Traits().Does {
		return
	}
	known := s.Target.facts().does
	words := make([]string, len(known))
	for i, one := range known {
		words[i] = string(one)
	}
	d.relate(slices.Contains(known, kind), []string{path, "target"},
		"target "+s.Target.Kind()+" has: "+strings.Join(words, ", "),
		"%s: target %s does not have it", path, s.Target.Kind())
	d.relate(!spare || s.Target.Spares() > 0, []string{path, "target." + s.Target.Kind()},
		"write them: target: {raftd: {nodes: 5, spares: 1}}", "%s: the target has no spares", path)
}
