package suite

import (
	"slices"

	"gopkg.in/yaml.v3"
)

// The kinds of files that a person may take for each other.
const (
	kindSuite    = "suite"
	kindCampaign = "campaign"
	kindMatrix   = "matrix"
	kindSchedule = "schedule"
)

// distinctive are the keys by which a kind is known, in the order in which they are looked for:
// only it has them, or it has what comes later, too.
var distinctive = []struct {
	kind    string
	keys    []string
	command string // for it
}{
	{kindSchedule, []string{"operations", "version"}, "verify replay"},
	{kindMatrix, []string{"rows"}, "verify matrix"},
	{kindMatrix, []string{"options", "target"}, "verify matrix"},
	{kindCampaign, []string{"base"}, "verify campaign"},
	{kindSuite, []string{"target", "workload"}, "verify run"},
}

// isKind reports whether a document is of that kind, as far as its keys tell. One that is of
// another is a single problem, not one for each of its keys.
func (d *decoder) isKind(root *yaml.Node, wanted string) bool {
	if root == nil || root.Kind != yaml.MappingNode {
		return true // for whoever reads it to complain of
	}
	for _, k := range distinctive {
		has := func(key string) bool { return get(root, key) != nil }
		if !slices.ContainsFunc(k.keys, func(key string) bool { return !has(key) }) {
			if k.kind == wanted {
				return true
			}
			d.complain(0, k.command+" "+d.file, "this is a %s, not a %s", k.kind, wanted)
			return false
		}
	}
	return true
}
