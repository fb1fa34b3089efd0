package suite

import (
	"os"
	"path/filepath"
	"testing"
)

// Goal: a file of another kind is one problem that names the command for it, and no file is taken
// for another kind. Method: what is shipped of each kind, and a schedule, given to each reader.
func TestKindsOfFiles(t *testing.T) {
	schedule := filepath.Join(t.TempDir(), "schedule.json")
	text := []byte(`{"version": 1, "seed": 1, "options": {}, "faults": [], "operations": []}`)
	if err := os.WriteFile(schedule, text, 0o600); err != nil {
		t.Fatal(err)
	}
	const suite, campaign, matrix = "../configs/smoke.yaml", "../configs/gate.yaml",
		"../configs/matrix.yaml"
	read := map[string]func(string) error{
		kindSuite:    func(file string) error { _, err := Load(file); return err },
		kindCampaign: func(file string) error { _, err := LoadCampaign(file, ""); return err },
		kindMatrix:   func(file string) error { _, err := LoadMatrix(file, PlaceSim); return err },
	}
	for file, is := range map[string][2]string{
		suite: {kindSuite, "run"}, campaign: {kindCampaign, "campaign"}, matrix: {kindMatrix, "matrix"},
		schedule: {kindSchedule, "replay"},
	} {
		for wanted, read := range read {
			err := read(file)
			want := file + ": this is a " + is[0] + ", not a " + wanted + "\n  hint: verify " + is[1] +
				" " + file
			if is[0] == wanted && err != nil {
				t.Errorf("%s as a %s: %v", file, wanted, err)
			}
			if is[0] != wanted && (err == nil || err.Error() != want) {
				t.Errorf("%s as a %s: got\n%v\nwant\n%s", file, wanted, err, want)
			}
		}
	}
}
