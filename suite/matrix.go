package suite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Matrix is what a correct target does under each shape of fault, for each set of its options.
type Matrix struct {
	Name    string
	Place   string
	Options []string // the names of the sets, in the file's order
	Cells   []MatrixCell
}

// MatrixCell is one row on so many nodes with one set of options.
type MatrixCell struct {
	Row      string
	Nodes    int
	Options  string
	Expected string   // of the row, for these options
	Note     string   // why this target is known to differ from that; "": it is not
	Line     int      // where it stands
	Suite    *Suite   // nil if something is missing
	Missing  []string // what the place lacks for it
}

// Name is the cell in a few words.
func (c MatrixCell) Name() string {
	return fmt.Sprintf("%s, %d nodes, %s", c.Row, c.Nodes, c.Options)
}

// LoadMatrix reads a matrix: a suite without faults, sets of options, and rows of faults. The place
// replaces the one it names, unless it is "". An error about its content is Problems.
func LoadMatrix(path, place string) (*Matrix, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("matrix %s does not exist", path)
	} else if err != nil {
		return nil, fmt.Errorf("matrix %s cannot be read: %w", path, err)
	}
	r := &matrixReader{d: newDecoder(path, place)}
	root, m := r.d.document(text), (*Matrix)(nil)
	if r.d.isKind(root, kindMatrix) {
		m = r.matrix(root)
	}
	if len(r.d.problems) > 0 {
		return nil, r.d.sorted()
	}
	return m, nil
}

// matrixReader makes a suite of every cell.
type matrixReader struct {
	d    *decoder
	base *yaml.Node // the suite that all cells share
}

// What a matrix has beside its suite, and what a row may say of the suite.
var (
	matrixKeys = []string{"options", "rows"}
	baseKeys   = []string{"name", "place", "target", "workload", "phases", "checks", "require",
		"budget"}
	rowKeysOfSuite = []string{"cast", "timeline", "scale", "phases"}
)

func (r *matrixReader) matrix(root *yaml.Node) *Matrix {
	if root == nil || !r.d.isBlock(root, "the matrix") {
		return nil
	}
	b := r.d.block(root, "", append(baseKeys, matrixKeys...)...)
	r.base = without(root, matrixKeys...)
	m := &Matrix{}
	options := r.d.namedBlocks(b, "options")
	for _, option := range options {
		m.Options = append(m.Options, option.name)
	}
	if !b.has("options") {
		r.d.spoil("options", 1, "write options: {plain: {...}, ...}", "is missing")
	}
	rows, path := b.get("rows")
	if rows == nil || rows.Kind != yaml.SequenceNode {
		r.d.spoil(path, r.d.line(path), "write a list: - {name: ..., timeline: [...], expect: {...}}",
			"must be a list of rows")
		return m
	}
	for i, entry := range rows.Content {
		r.row(m, options, entry, fmt.Sprintf("%s[%d]", path, i))
	}
	return m
}

// row reads one row, and makes its cells.
func (r *matrixReader) row(m *Matrix, options []named, entry *yaml.Node, path string) {
	b := r.d.block(entry, path, append([]string{"name", "nodes", "expect", "notes"},
		rowKeysOfSuite...)...)
	var name string
	b.text("name", &name)
	twice := slices.ContainsFunc(m.Cells, func(c MatrixCell) bool { return c.Row == name })
	r.d.missing(path, "name", name != "")
	r.d.missing(path, "timeline", b.has("timeline"))
	r.d.relate(!twice, []string{path + ".name"}, "", "row %q stands twice", name)
	counts := r.counts(b)
	expect, notes := b.inner("expect", m.Options...), b.inner("notes", m.Options...)
	for _, option := range options {
		var expected, note string
		expect.text(option.name, &expected)
		notes.text(option.name, &note)
		r.d.missing(path+".expect", option.name, expected != "")
		for _, nodes := range counts {
			cell := MatrixCell{Row: name, Nodes: nodes, Options: option.name, Expected: expected,
				Note: strings.TrimSpace(note), Line: r.d.line(path + ".expect")}
			if !r.d.brokenBelow(path) {
				r.cell(m, &cell, option.node, entry)
			}
			m.Cells = append(m.Cells, cell)
		}
	}
}

// counts reads on how many nodes a row is to be seen.
func (r *matrixReader) counts(b block) []int {
	node, path := b.get("nodes")
	if node == nil {
		return []int{5}
	}
	var counts []int
	if node.Kind != yaml.SequenceNode || node.Decode(&counts) != nil || len(counts) == 0 {
		r.d.spoil(path, node.Line, "write nodes: [3, 5]", "must be a list of numbers")
	}
	return counts
}

// cell makes the suite of one cell. Problems are told once, though many cells may have them.
func (r *matrixReader) cell(m *Matrix, cell *MatrixCell, options, row *yaml.Node) {
	root := with(r.base, "name", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "matrix"})
	for _, key := range rowKeysOfSuite {
		if part := get(row, key); part != nil {
			root = with(root, key, part)
		}
	}
	name, kind := targetOf(root)
	if kind == nil {
		r.d.relate(false, []string{"target"}, "write target: {raftd: {...}}", "target names none")
		r.d.broken["target"] = true // said once
		return
	}
	kind = with(kind, "nodes", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int",
		Value: strconv.Itoa(cell.Nodes), Line: row.Line})
	kind = with(kind, "options", over(get(kind, "options"), options))
	d := newDecoder(r.d.file, r.d.place)
	s := d.suite(with(root, "target", with(get(root, "target"), name, kind)))
	lacks, missing := Missing(d.problems)
	switch {
	case len(d.problems) == 0:
		cell.Suite, m.Name, m.Place = s, get(r.base, "name").Value, s.Place
	case missing:
		cell.Missing = lacks
	case len(r.d.problems) == 0:
		r.d.problems = append(r.d.problems, d.problems...)
	}
}
