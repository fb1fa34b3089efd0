package suite

import (
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// mostCombinations keeps a slip of the pen from taking the memory of the machine.
const mostCombinations = 2000

// fileLines is how many lines a file has at most: so the line of a node in a merged tree also says
// which file it came from.
const fileLines = 1 << 20

// campaignReader makes suites out of a campaign's file and the files that it names.
type campaignReader struct {
	d        *decoder // of the campaign's own file
	place    string
	digest   hash.Hash
	others   []string // the other files, in the order they were read: see fileLines
	problems Problems
}

// dimensions are the choices that a combination is made of.
type dimensions struct {
	base      *yaml.Node
	options   []named
	nodes     []int
	workloads []named
	faults    []faultBlock
	exclude   []exclusion
}

// faultBlock is one entry of "faults", as the parts of a suite that it replaces.
type faultBlock struct {
	name        string
	tree        *yaml.Node // nil: of no block; those of a suite
	nodes       *yaml.Node // nil: whatever the combination has
	unavailable bool
}

type exclusion struct {
	line                      int
	options, workload, faults string
	nodes                     int
}

func (e exclusion) fits(c Combination) bool {
	return (e.options == "" || e.options == c.Options) && (e.nodes == 0 || e.nodes == c.Nodes) &&
		(e.workload == "" || e.workload == c.Workload) && (e.faults == "" || e.faults == c.Faults)
}

func (r *campaignReader) read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("campaign %s does not exist", path)
	} else if err != nil {
		return nil, fmt.Errorf("campaign %s cannot be read: %w", path, err)
	}
	fmt.Fprintf(r.digest, "%d\n%s", len(text), text)
	return text, nil
}

// file reads the tree of another file, named relative to the campaign's. A suite that is wrong by
// itself is told once, not with every combination.
func (r *campaignReader) file(path string, line int, name string) *yaml.Node {
	at := filepath.Join(filepath.Dir(r.d.file), name)
	text, err := r.read(at)
	if err != nil {
		r.d.spoil(path, line, "it is looked for beside this file", "%v",
			strings.TrimPrefix(err.Error(), "campaign "))
		return nil
	}
	own := newDecoder(at, r.place)
	root := own.document(text)
	if root == nil || len(own.problems) > 0 {
		r.problems = append(r.problems, own.problems...)
		r.d.broken[path] = true
		return nil
	}
	own.suite(root)
	if _, lacks := Missing(own.problems); len(own.problems) > 0 && !lacks {
		r.problems = append(r.problems, own.problems...)
		r.d.broken[path] = true
		return nil
	}
	r.others = append(r.others, at)
	return shifted(root, len(r.others)*fileLines, map[*yaml.Node]*yaml.Node{})
}

// faultKeysOfSuite are what a block of faults can say of the suite.
var faultKeysOfSuite = []string{"faults", "cast", "timeline", "scale", "phases", "require"}

// faultBlock reads one entry of "faults": parts of a suite, or the file of one.
func (r *campaignReader) faultBlock(entry named) faultBlock {
	d, path := r.d, "faults."+entry.name
	f := faultBlock{name: entry.name}
	available := true
	if get(entry.node, "suite") != nil {
		b := d.block(entry.node, path, "suite", "available")
		var name string
		b.text("suite", &name)
		b.boolean("available", &available)
		f.unavailable = !available
		if root := r.file(path+".suite", d.line(path+".suite"), name); root != nil {
			f.tree = only(root, faultKeysOfSuite...)
			if _, kind := targetOf(root); kind != nil {
				f.nodes = get(kind, "nodes")
			}
		}
		return f
	}
	keys := append(slices.Clone(faultKeysOfSuite), "nodes", "available")
	b := d.block(entry.node, path, keys...)
	b.boolean("available", &available)
	f.unavailable = !available
	f.tree, f.nodes = only(entry.node, faultKeysOfSuite...), get(entry.node, "nodes")
	return f
}

// combine makes a suite of every combination that is not excluded.
func (r *campaignReader) combine(c *Campaign, of dimensions) {
	if of.base == nil || len(r.problems) > 0 {
		return
	}
	excluded := make([]bool, len(of.exclude))
	for _, choice := range of.choices() {
		left := false
		for i, e := range of.exclude {
			if e.fits(choice.Combination) {
				excluded[i], left = true, true
			}
		}
		if left {
			continue
		}
		if len(c.Combinations) == mostCombinations {
			r.d.complain(1, "leave some out with exclude", "more than %d combinations", mostCombinations)
			return
		}
		c.Combinations = append(c.Combinations, r.make(c, of.base, choice))
	}
	for i, e := range of.exclude {
		if !excluded[i] {
			r.d.complain(e.line, "leave it out", "exclude[%d] fits no combination", i)
		}
	}
	ready := slices.IndexFunc(c.Combinations, func(c Combination) bool { return c.Suite != nil })
	switch {
	case ready >= 0 || len(r.problems) > 0 || len(r.d.problems) > 0:
	case len(c.Combinations) == 0:
		r.d.complain(r.d.line("exclude"), "", "exclude leaves no combination")
	default:
		r.d.complain(1, "it lacks "+strings.Join(c.Combinations[0].Missing, ", "),
			"no combination can run at place %s", c.Place)
	}
}

// choice is one choice of each dimension, with the trees that it merges.
type choice struct {
	Combination
	options, workload *yaml.Node
	nodes             *yaml.Node
	faults            faultBlock
}

// choices are all of them, in the order of the file. Faults with a number of nodes of their own are
// had with that one alone.
func (of dimensions) choices() []choice {
	options, workloads := orBase(of.options), orBase(of.workloads)
	faults, counts := of.faults, of.nodes
	if len(faults) == 0 {
		faults = []faultBlock{{}}
	}
	if len(counts) == 0 {
		counts = []int{0}
	}
	var list []choice
	for _, option := range options {
		for i, count := range counts {
			for _, workload := range workloads {
				for _, fault := range faults {
					c := choice{options: option.node, workload: workload.node, faults: fault}
					c.Options, c.Workload, c.Faults = option.name, workload.name, fault.name
					c.Nodes, c.Unavailable = count, fault.unavailable
					switch {
					case fault.nodes != nil && i > 0:
						continue
					case fault.nodes != nil:
						c.nodes = fault.nodes
						c.Nodes, _ = strconv.Atoi(follow(fault.nodes).Value)
					case count > 0:
						c.nodes = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(count)}
					}
					list = append(list, c)
				}
			}
		}
	}
	return list
}

func orBase(list []named) []named {
	if len(list) == 0 {
		return []named{{}}
	}
	return list
}

// make reads the suite of one combination.
func (r *campaignReader) make(c *Campaign, base *yaml.Node, of choice) Combination {
	root := r.merge(base, of)
	d := newDecoder(r.d.file, r.place)
	s := d.suite(root)
	lacks, ok := Missing(d.problems)
	switch {
	case len(d.problems) == 0:
		if c.Budget.Memory > 0 {
			s.Budget.Memory = min(s.Budget.Memory, c.Budget.Memory)
		}
		of.Suite = s
		text, err := s.Resolved()
		fmt.Fprintf(r.digest, "%s\n%s%v", of.Label(), text, err)
	case ok:
		of.Missing = lacks
	default:
		r.take(d.problems, of.Label())
	}
	if s != nil {
		c.Place = s.Place
	}
	return of.Combination
}

// merge puts the parts of a combination over the base.
func (r *campaignReader) merge(base *yaml.Node, of choice) *yaml.Node {
	root := without(base, "incident", "seed")
	if label := of.joined("-"); label != "base" {
		name := label[:min(len(label), 63)]
		root = with(root, "name", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name})
	}
	if of.workload != nil {
		root = with(root, "workload", of.workload)
	}
	if tree := of.faults.tree; tree != nil {
		root = without(root, "faults", "cast", "timeline", "scale")
		if require := get(root, "require"); require != nil {
			// It counts faults that are not there any more.
			root = with(root, "require", without(require, "min-faults"))
		}
		for _, key := range faultKeysOfSuite {
			part := get(tree, key)
			switch {
			case part == nil:
			case key == "phases" || key == "require":
				root = with(root, key, over(get(root, key), part))
			default:
				root = with(root, key, part)
			}
		}
	}
	name, kind := targetOf(root)
	if kind == nil {
		return root
	}
	if of.nodes != nil {
		kind = with(kind, "nodes", of.nodes)
	}
	if of.options != nil {
		kind = with(kind, "options", over(get(kind, "options"), of.options))
	}
	return with(root, "target", with(get(root, "target"), name, kind))
}

// take keeps the problems of a combination, each once, in the file where it stands.
func (r *campaignReader) take(problems Problems, label string) {
	for _, p := range problems {
		if i := p.Line / fileLines; i > 0 && i <= len(r.others) {
			p.File, p.Line = r.others[i-1], p.Line%fileLines
		}
		told := slices.ContainsFunc(r.problems, func(q Problem) bool {
			return q.File == p.File && q.Line == p.Line && strings.HasSuffix(q.What, p.What)
		})
		if !told {
			p.What = label + ": " + p.What
			r.problems = append(r.problems, p)
		}
	}
}

// sorted puts the campaign's own problems first, each file's in the order of its lines.
func (r *campaignReader) sorted() Problems {
	rank := func(p Problem) int { return slices.Index(r.others, p.File) }
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		if rank(a) != rank(b) {
			return rank(a) - rank(b)
		}
		return a.Line - b.Line
	})
	return r.problems
}
