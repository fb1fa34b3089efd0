//go:build lab

package acceptance

import (
	"os"
	"slices"
	"testing"
	"time"

	"gauntlet/history"
)

// BenchmarkFirstOperation measures what a person waits for: from the start of the program, through
// making the lab and deploying, to the first acknowledged operation. The goal is 3 s.
func BenchmarkFirstOperation(b *testing.B) {
	var total time.Duration
	for b.Loop() {
		start := time.Now()
		e := launch(b, "testdata/first-operation.yaml")
		for !e.acknowledged() {
			select {
			case <-e.ended:
				b.Fatalf("no operation was acknowledged\n%s", &e.talk)
			case <-time.After(5 * time.Millisecond):
			}
		}
		total += time.Since(start)
		b.StopTimer()
		_ = e.command.Process.Signal(os.Interrupt)
		e.wait()
		b.StartTimer()
	}
	b.ReportMetric(total.Seconds()/float64(b.N), "s/first-operation")
}

// acknowledged reports whether the history shows an ok operation yet.
func (e *execution) acknowledged() bool {
	return slices.ContainsFunc(e.history().Operations, func(op history.Operation) bool {
		return op.Outcome == history.OutcomeOK
	})
}
