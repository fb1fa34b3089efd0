package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"gauntlet/sim/schedule"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew")

// Goal: a seed means the same run on every machine, and under every runtime.
// Method: the trace hashes of many seeds against a file, with one and with several threads;
// .ci/arm64 runs this test under emulation, and make test-ci under the race detector.
func TestSeedsMeanTheSameEverywhere(t *testing.T) {
	const path = "testdata/hashes.txt"
	var text strings.Builder
	w := NewWorld()
	for seed := range uint64(60) {
		first := w.Run(schedule.FromSeed(seed), Options{})
		threads := runtime.GOMAXPROCS(1 + int(seed%4))
		second := NewWorld().Run(schedule.FromSeed(seed), Options{Trace: true, History: true})
		runtime.GOMAXPROCS(threads)
		if first.TraceHash != second.TraceHash {
			t.Errorf("seed %d: %016x, and again %016x", seed, first.TraceHash, second.TraceHash)
		}
		fmt.Fprintf(&text, "%d %016x\n", seed, first.TraceHash)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		t.Errorf("seeds mean other runs than %s says; if that is meant: go test ./sim -rewrite\n%s",
			path, text.String())
	}
}
