// Package layout holds the laws of this repository: who may import whom, and how a file looks.
package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	root   = ".."
	module = "gauntlet/"
)

// source is one parsed Go file of this module.
type source struct {
	path string // below the root, with slashes
	room string // its directory: the package's path without the module
	test bool
	text string
	fset *token.FileSet
	tree *ast.File
}

// Goal: the rooms keep their walls, so that the pure ones stay testable without a network and
// raftd stays a black box to those who judge it.
// Method: read every import of every file that is no test, close them transitively, compare with
// the laws.
func TestImportLaws(t *testing.T) {
	imports := directImports(sources(t))
	for _, room := range slices.Sorted(maps.Keys(imports)) {
		reached := reach(imports, room)
		for _, law := range laws {
			if !law.binds(room) {
				continue
			}
			for _, imported := range slices.Sorted(maps.Keys(reached)) {
				if law.forbids(room, imported) {
					t.Errorf("%s: %s must not reach %s, yet does: %s",
						law.name, room, imported, reached[imported])
				}
			}
		}
	}
}

// law forbids rooms to reach packages, however far away.
type law struct {
	name    string
	binds   func(room string) bool
	forbids func(room, imported string) bool
}

// pure rooms do no network and start no process.
var pure = []string{
	"history", "chance", "raft", "raft/kv", "raft/replica", "nemesis", "workload", "shrink",
	"report",
	"sim/failure", "sim/minimise", "sim/schedule", "sim/spacetime", "sim/trace",
}

// isPure says so of rooms whose every part is pure as well. To measure the checker, what is
// measured runs in processes of its own.
func isPure(room string) bool {
	return slices.Contains(pure, room) || within(room, "exchange") ||
		within(room, "checker") && room != "checker/measure"
}

var laws = []law{
	{
		name:  "history imports nothing of ours",
		binds: func(room string) bool { return room == "history" || room == "chance" },
		forbids: func(_, imported string) bool {
			return strings.HasPrefix(imported, module)
		},
	},
	{
		name:    "pure rooms do no network and start no process",
		binds:   isPure,
		forbids: func(_, imported string) bool { return slices.Contains(outside, imported) },
	},
	{
		name: "raftd is a black box to all but the simulator",
		binds: func(room string) bool {
			return !within(room, "sim") && room != "cmd/raftd" && room != "cmd/verify" &&
				!within(room, "raft")
		},
		forbids: func(_, imported string) bool { return within(imported, module+"raft") },
	},
	{
		name:  "the checker never knows which target or place made a history",
		binds: func(room string) bool { return within(room, "checker") },
		forbids: func(_, imported string) bool {
			return foreign(imported, "history", "workload", "chance", "shrink") &&
				!within(imported, module+"checker")
		},
	},
	{
		name: "the core knows nothing but itself",
		binds: func(room string) bool {
			return room == "raft" || room == "raft/kv" || room == "raft/replica"
		},
		forbids: func(_, imported string) bool {
			return foreign(imported, "raft", "raft/kv", "chance")
		},
	},
	{
		// The simulator names the errors of system calls, and raft/wal knows real files too.
		name:  "the simulator carries nothing out on hosts, and does no network",
		binds: func(room string) bool { return within(room, "sim") },
		forbids: func(_, imported string) bool {
			return foreign(imported, simulated...) && !within(imported, module+"checker") ||
				slices.Contains(outside, imported) &&
					imported != "syscall" && imported != "golang.org/x/sys/unix"
		},
	},
	{
		name: "what is said of a simulated run does not depend on how replicas work",
		binds: func(room string) bool {
			return within(room, "sim") && slices.Contains(pure, room) || room == "shrink"
		},
		forbids: func(_, imported string) bool { return within(imported, module+"raft") },
	},
}

// simulated are the rooms that a simulated run is made of and judged by.
var simulated = []string{
	"chance", "checker", "history", "nemesis", "raft", "raft/kv", "raft/replica", "raft/wal",
	"raft/wire", "shrink", "sim", "sim/failure", "sim/invariant", "sim/minimise", "sim/schedule",
	"sim/spacetime", "sim/trace", "sim/witness", "workload",
}

// outside are the packages that reach beyond the process. net/netip and net/url only parse.
var outside = []string{
	"net", "net/http", "net/rpc", "os/exec", "os/signal", "syscall", "golang.org/x/sys/unix",
	"golang.org/x/crypto/ssh", "github.com/vishvananda/netlink", "github.com/vishvananda/netns",
}

// foreign reports whether a package is ours, and none of the rooms.
func foreign(imported string, rooms ...string) bool {
	room, ours := strings.CutPrefix(imported, module)
	return ours && !slices.Contains(rooms, room)
}

// within reports whether a path is the directory or lies below it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// Goal: the command line reaches the core through the simulator only.
// Method: the same closure, with the simulator's rooms taken out.
func TestVerifyReachesTheCoreThroughTheSimulatorOnly(t *testing.T) {
	imports := directImports(sources(t))
	maps.DeleteFunc(imports, func(room string, _ []string) bool { return within(room, "sim") })
	for imported, chain := range reach(imports, "cmd/verify") {
		if within(imported, module+"raft") {
			t.Errorf("cmd/verify reaches %s: %s", imported, chain)
		}
	}
}

// directImports maps each room to what its files import, tests aside.
func directImports(files []source) map[string][]string {
	imports := map[string][]string{}
	for _, file := range files {
		if file.test {
			continue
		}
		for _, spec := range file.tree.Imports {
			imports[file.room] = append(imports[file.room], strings.Trim(spec.Path.Value, `"`))
		}
	}
	return imports
}

// reach closes the imports of a room transitively over our own packages: each package with the
// chain that leads to it.
func reach(imports map[string][]string, room string) map[string]string {
	reached := map[string]string{}
	var visit func(room, chain string)
	visit = func(room, chain string) {
		for _, imported := range imports[room] {
			if _, seen := reached[imported]; seen {
				continue
			}
			reached[imported] = chain + " -> " + imported
			if inner, ours := strings.CutPrefix(imported, module); ours {
				visit(inner, reached[imported])
			}
		}
	}
	visit(room, room)
	return reached
}

// Goal: someone new finds every room on the map.
// Method: each directory that holds Go files stands in ARCHITECTURE.md, by its path or, beside the
// room it belongs to, as `name/`.
func TestArchitectureNamesEveryRoom(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	rooms := map[string]bool{}
	for _, file := range sources(t) {
		rooms[file.room] = true
	}
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		alone := "`" + path.Base(room) + "/`"
		if !strings.Contains(string(text), room) && !strings.Contains(string(text), alone) {
			t.Errorf("ARCHITECTURE.md does not mention %s", room)
		}
	}
}

// sources parses every Go file of this module; other modules below the root are not ours to
// judge.
func sources(t *testing.T) []source {
	t.Helper()
	var files []source
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && at != root && isForeign(at, entry.Name()) {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(at) != ".go" {
			return nil
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(fset, at, text, parser.ParseComments)
		if err != nil {
			return err
		}
		at = filepath.ToSlash(strings.TrimPrefix(at, root+string(filepath.Separator)))
		files = append(files, source{
			path: at, room: path.Dir(at), test: strings.HasSuffix(at, "_test.go"),
			text: string(text), fset: fset, tree: tree,
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d files found: the laws were not tested", len(files))
	}
	return files
}

// isForeign reports whether a directory holds none of our Go files: hidden, test data, or another
// module.
func isForeign(at, name string) bool {
	_, err := os.Stat(filepath.Join(at, "go.mod"))
	return err == nil || name[0] == '.' || name[0] == '_' || name == "testdata" ||
		name == "runs" || name == "bin"
}
