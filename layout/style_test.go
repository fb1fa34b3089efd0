package layout

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/token"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// The sizes that keep a file readable in one sitting.
const (
	maxColumns       = 100 // of the text: a tab counts as one
	maxFunctionLines = 70
	maxFileLines     = 400 // tests may be longer
)

// Goal: every file stays short, narrow and made of small functions.
// Method: count lines and columns of every file, and the lines of every function from its name to
// its brace.
func TestSizes(t *testing.T) {
	for _, file := range sources(t) {
		lines := strings.Split(strings.TrimSuffix(file.text, "\n"), "\n")
		if !file.test && len(lines) > maxFileLines {
			t.Errorf("%s: %d lines, at most %d: split it", file.path, len(lines), maxFileLines)
		}
		for i, line := range lines {
			if n := utf8.RuneCountInString(line); n > maxColumns {
				t.Errorf("%s:%d: %d columns, at most %d", file.path, i+1, n, maxColumns)
			}
		}
		for _, declaration := range file.tree.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			first := file.fset.Position(function.Pos()).Line
			last := file.fset.Position(function.End()).Line
			if n := last - first + 1; n >= maxFunctionLines {
				t.Errorf("%s: function %s has %d lines, below %d are allowed",
					file.position(function.Pos()), function.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

// Goal: no commit waits for the long half of CI to hear that a file is not formatted.
// Method: format every file as gofmt does, compare.
func TestFormat(t *testing.T) {
	for _, file := range sources(t) {
		formatted, err := format.Source([]byte(file.text))
		if err != nil {
			t.Fatalf("%s: %v", file.path, err)
		}
		if string(formatted) != file.text {
			t.Errorf("%s: not formatted by gofmt", file.path)
		}
	}
}

// Goal: a package is found by its name, says what it is for, and does nothing before main.
// Method: no catch-all names, no init, one package comment, and it stands in the file named after
// the package.
func TestPackages(t *testing.T) {
	documented := map[string]string{}
	rooms := map[string]bool{}
	for _, file := range sources(t) {
		name := file.tree.Name.Name
		if slices.Contains([]string{"util", "utils", "common", "helpers", "misc"}, name) {
			t.Errorf("%s: package %s says nothing about what it holds", file.path, name)
		}
		for _, declaration := range file.tree.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if ok && function.Recv == nil && function.Name.Name == "init" {
				t.Errorf("%s: init: list plug-ins in a table instead", file.position(function.Pos()))
			}
		}
		if file.test {
			continue
		}
		rooms[file.room] = true
		if file.tree.Doc == nil {
			continue
		}
		if before := documented[file.room]; before != "" {
			t.Errorf("%s: package %s is already documented in %s", file.path, name, before)
		}
		documented[file.room] = file.path
		if want := file.room + "/" + name + ".go"; file.path != want {
			t.Errorf("%s: the package comment of %s belongs into %s", file.path, name, want)
		}
	}
	for room := range rooms {
		if documented[room] == "" {
			t.Errorf("%s: no file says what the package is for", room)
		}
	}
}

// Goal: a skipped test names what the machine lacks, and can be counted.
// Method: Skip is called only in functions whose name starts with "need", which say what is
// needed.
func TestSkipsAreNamed(t *testing.T) {
	for _, file := range sources(t) {
		for _, declaration := range file.tree.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || strings.HasPrefix(function.Name.Name, "need") {
				continue
			}
			ast.Inspect(function, func(node ast.Node) bool {
				call, ok := node.(*ast.SelectorExpr)
				if ok && strings.HasPrefix(call.Sel.Name, "Skip") && isTester(call.X) {
					t.Errorf("%s: %s skips by itself: call a need... function that names what is missing",
						file.position(call.Pos()), function.Name.Name)
				}
				return true
			})
		}
	}
}

func isTester(x ast.Expr) bool {
	name, ok := x.(*ast.Ident)
	return ok && slices.Contains([]string{"t", "b", "f", "tb"}, name.Name)
}

// Goal: a run can be replayed: the rooms that decide have no clock, chance or scheduler of their
// own.
// Method: in the files of these rooms no goroutine is started and nothing asks for the time or
// global chance.
func TestDecidersAreDeterministic(t *testing.T) {
	deciders := []string{
		"raft", "raft/kv", "raft/replica", "nemesis", "workload", "chance", "suite", "shrink", "sim",
		"sim/failure", "sim/invariant", "sim/minimise", "sim/schedule", "sim/spacetime", "sim/trace",
		"sim/witness",
	}
	banned := map[string][]string{
		"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"},
		"rand": {"Int", "IntN", "Intn", "Uint64", "Float64", "Perm", "Shuffle", "N"},
	}
	for _, file := range sources(t) {
		if file.test || !slices.Contains(deciders, file.room) {
			continue
		}
		ast.Inspect(file.tree, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: starts a goroutine", file.position(n.Pos()))
			case *ast.SelectorExpr:
				of, ok := n.X.(*ast.Ident)
				if ok && slices.Contains(banned[of.Name], n.Sel.Name) {
					t.Errorf("%s: uses %s.%s", file.position(n.Pos()), of.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

// position names a place as an editor at the root opens it.
func (s source) position(p token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(p).Line)
}
