package online

import (
	"bytes"
	"flag"
	"fmt"
	"iter"
	"os"
	"runtime"
	"testing"
	"time"

	"gauntlet/checker/synth"
	"gauntlet/history"
)

var operations = flag.Int("operations", 100_000,
	"length of the history that TestEndurance watches, a multiple of 800")

// The goals of make check-online, which hold for 10,000,000 operations.
const (
	mostMemory = 1 << 30 // resident, in bytes
	mostTime   = 5 * time.Minute
)

// rotation is a long history of several keys at a time, each used for so many operations.
func rotation(seed uint64, operations int, first int64) iter.Seq[history.Operation] {
	const perKey, clients = 200, 4
	return func(yield func(history.Operation) bool) {
		for n := 0; n < operations; n += perKey {
			s := synth.Spec{Clients: clients, Operations: min(perKey, operations-n), CAS: true,
				Pending: 0.01, Seed: seed + uint64(n)}
			for op := range lines(s, fmt.Sprintf("k%d-%d", seed, n/perKey), first+int64(n)) {
				if !yield(op) {
					return
				}
			}
		}
	}
}

// endless is what TestEndurance watches, event by event: half of it one hot key, half of it keys
// that give way to others; and last a key with a stale read.
func endless(operations int) iter.Seq[history.Operation] {
	wrong := synth.Spec{Clients: 10, Operations: operations / 100, CAS: true, Stale: true, Seed: 2}
	last := int64(operations - wrong.Operations)
	operations -= wrong.Operations
	hot := synth.Spec{Clients: 20, Operations: operations / 2, CAS: true, Pending: 0.01, Seed: 1}
	const rotations = 4
	sources := []iter.Seq[history.Operation]{lines(hot, "hot", 1)}
	for i := range rotations {
		each := operations / 2 / rotations
		sources = append(sources, rotation(uint64(i)<<32, each, int64(operations/2+i*each+1)))
	}
	return func(yield func(history.Operation) bool) {
		var next []func() (history.Operation, bool)
		for _, source := range sources {
			pull, stop := iter.Pull(source)
			defer stop()
			next = append(next, pull)
		}
		for turn, left := 0, len(next); left > 0; turn++ {
			i := (turn % (2 * rotations)) * (turn % 2) / 2 // every other event is of the hot key
			if turn%2 == 1 {
				i++
			}
			if next[i] == nil {
				continue
			}
			op, more := next[i]()
			if !more {
				next[i] = nil
				left--
			} else if !yield(op) {
				return
			}
		}
		for op := range lines(wrong, "wrong", last+1) {
			if !yield(op) {
				return
			}
		}
	}
}

// Goal: a run of any length is watched in memory that does not follow it, much faster than it is
// recorded.
// Method: a generated history, JSON included, is shown event by event, as a run does; nothing of it
// is kept. One answer in it is wrong, and is found. make check-online watches 10,000,000
// operations; here are fewer.
func TestEndurance(t *testing.T) {
	w := watch(t)
	var invoked, unanswered, alarms int
	var most runtime.MemStats
	started := time.Now()
	for op := range endless(*operations) {
		switch op.Outcome {
		case "":
			invoked++
		case history.OutcomeInfo:
			unanswered++
		}
		alarm, err := w.Observe(op)
		if err != nil {
			t.Fatal(err)
		}
		if alarm != nil {
			alarms++
			t.Logf("alarm at #%d after %d operations: key %s: %s", alarm.Operation, invoked, alarm.Key,
				alarm.Text)
			if alarm.Key != "wrong" {
				t.Errorf("a false alarm: %+v", alarm)
			}
		}
	}
	elapsed := time.Since(started)
	runtime.ReadMemStats(&most)
	t.Logf("%d operations (%d unanswered) on %d keys, generated and watched in %v: %.0f a second",
		invoked, unanswered, len(w.keys), elapsed.Round(time.Millisecond),
		float64(invoked)/elapsed.Seconds())
	peak := peakMemory(t)
	t.Logf("%d versions held at the end; peak resident memory %d MiB, heap from the system %d MiB",
		w.live, peak>>20, most.HeapSys>>20)
	if invoked != *operations || alarms != 1 {
		t.Errorf("%d operations, want %d; %d alarms, want 1", invoked, *operations, alarms)
	}
	if len(w.open) > 0 {
		t.Errorf("%d operations are still remembered as open", len(w.open))
	}
	if elapsed > mostTime || peak > mostMemory {
		t.Errorf("want at most %v and %d MiB", mostTime, mostMemory>>20)
	}
}

// peakMemory is the most bytes that this process had resident.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := bytes.Cut(status, []byte("\nVmHWM:"))
	var peak int64
	if _, err := fmt.Sscan(string(rest[:min(len(rest), 40)]), &peak); err != nil || !found {
		t.Fatalf("no VmHWM in /proc/self/status: %v", err)
	}
	return peak << 10
}
