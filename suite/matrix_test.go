package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Goal: what is shipped can be read, at every place that has it. Method: all incidents and the
// matrix; what a place lacks is named, and nothing else is wrong.
func TestShippedIncidents(t *testing.T) {
	files, err := filepath.Glob("../configs/incidents/*.yaml")
	if err != nil || len(files) < 17 {
		t.Fatalf("%d incidents, %v", len(files), err)
	}
	for _, file := range files {
		for _, place := range []string{PlaceSim, PlaceLab} {
			s, err := LoadAt(file, place)
			lacks, missing := Missing(err)
			switch {
			case missing && place == PlaceLab:
				t.Logf("%s at %s lacks %v", file, place, lacks)
			case err != nil:
				t.Error(err)
			case s.Incident == nil || len(s.Incident.Expect) == 0 || s.Incident.Facts == "":
				t.Errorf("%s tells of no incident", file)
			case s.Name+".yaml" != filepath.Base(file):
				t.Errorf("%s is named %s", file, s.Name)
			}
		}
	}
}

// Goal: a matrix makes one suite of each row, number of nodes and set of options, as it stands
// there. Method: the shipped one, at both places.
func TestShippedMatrix(t *testing.T) {
	for place, lacking := range map[string]int{PlaceSim: 0, PlaceLab: 8} {
		m, err := LoadMatrix("../configs/matrix.yaml", place)
		if err != nil {
			t.Fatal(err)
		}
		lacks := 0
		for _, cell := range m.Cells {
			if len(cell.Missing) > 0 {
				lacks++
				continue
			}
			raftd := cell.Suite.Target.Raftd
			if raftd.Nodes != cell.Nodes || len(cell.Suite.Timeline) == 0 || cell.Expected == "" {
				t.Errorf("%s: %+v", cell.Name(), cell)
			}
			if raftd.Options.Prevote != strings.Contains(cell.Options, "pv") ||
				raftd.Options.CheckQuorum != strings.Contains(cell.Options, "cq") {
				t.Errorf("%s: %+v", cell.Name(), raftd.Options)
			}
		}
		if len(m.Cells) != 80 || lacks != lacking {
			t.Errorf("%s: %d cells, %d of them lacking", place, len(m.Cells), lacks)
		}
	}
}

// Goal: whatever is wrong with a matrix is said with its line, once. Method: the shipped one with
// mistakes put in.
func TestMatrixProblems(t *testing.T) {
	shipped, err := os.ReadFile("../configs/matrix.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ replace, by, want string }{
		{"rows:", "rules:", `unknown key "rules"`},
		{"name: leader paused 5 ET", "name: leader isolated", `row "leader isolated" stands twice`},
		{"plain: 1.7/4.3, ", "", "rows[12].expect.plain: is missing"},
		{"pv-cq: 2.2/4.0", "both: 2.2/4.0", `unknown key "both"`},
		{"pause: {on: leader}", "pause: {on: nobody}", "nobody is called nobody"},
		{"{raftd: {options: {election-timeout: 100ms}}}", "{raft: {}}", "target names none"},
		{"nodes: [3]", "nodes: 3", "must be a list of numbers"},
		{"    notes:\n      plain: >", "    notes:\n      both: >", `unknown key "both"`},
		{"options:\n", "settings:\n", "options: is missing"},
	} {
		file := filepath.Join(t.TempDir(), "matrix.yaml")
		text := strings.Replace(string(shipped), c.replace, c.by, 1)
		if text == string(shipped) {
			t.Fatalf("%q is not in the file", c.replace)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadMatrix(file, PlaceSim)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.by, err)
		} else if strings.Count(err.Error(), c.want) != 1 {
			t.Errorf("%s: said more than once: %v", c.by, err)
		}
	}
}
