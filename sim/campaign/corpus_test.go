package campaign

import (
	"path/filepath"
	"testing"

	"gauntlet/sim"
	"gauntlet/sim/schedule"
)

// Goal: no bug that was once found comes back, and what cannot work is seen to fail.
// Method: every schedule of the corpus, with all judges; it must be clean, or for the controls end
// with the failure that it expects. Traces may change from build to build.
func TestCorpus(t *testing.T) {
	const corpus = "../testdata/corpus"
	for _, dir := range []string{corpus, filepath.Join(corpus, "controls")} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("nothing in %s: %v", dir, err)
		}
		for _, path := range paths {
			s, err := schedule.Read(path)
			if err != nil {
				t.Error(err)
				continue
			}
			want := ""
			if dir != corpus {
				want = s.Expect.Signature
			}
			j := Play(func() Engine { return sim.NewWorld() }, s)
			if got := string(signature(j.Outcome.Failure)); got != want || j.Trouble != "" {
				t.Errorf("%s: ended with %q, want %q %s", path, got, want, j.Trouble)
			}
		}
	}
}
