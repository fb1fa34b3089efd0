package agreement

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

var histories = flag.Uint64("histories", 1000, "how many histories of each type")

// chunk is how many histories go to one core at a time.
const chunk = 500

// Goal: the checker, with all its engines, decides what porcupine decides.
// Method: random small histories of every type, on all cores; their seeds are their numbers.
func TestAgreement(t *testing.T) {
	for _, typ := range Types {
		t.Run(typ.Name, func(t *testing.T) {
			tally := compare(typ, *histories)
			fmt.Printf("%-16s%s\n", typ.Name, tally.String())
			for i, d := range tally.Differences {
				if i < 3 {
					t.Error(d)
				}
			}
			if n := len(tally.Differences); n > 0 {
				t.Errorf("%d differences", n)
			}
			if !tally.Balanced() {
				t.Errorf("%d valid and %d invalid histories", tally.Valid, tally.Invalid)
			}
		})
	}
}

// Goal: a difference would be seen, and could be looked into.
// Method: a twin that lets a register begin with 1; the difference shows the history, and its seed
// makes it again.
func TestDifference(t *testing.T) {
	typ := Types[0]
	typ.initial = int64(1)
	tally := compare(typ, 200)
	if len(tally.Differences) == 0 {
		t.Fatal("no difference")
	}
	for _, d := range tally.Differences {
		again := typ.Compare(d.Seed, d.Seed+1)
		if len(again.Differences) != 1 || again.Differences[0].String() != d.String() {
			t.Errorf("seed %d: not the same again: %v", d.Seed, again.Differences)
		}
		if lines := strings.Count(d.String(), "\n"); lines != len(d.History)+1 {
			t.Errorf("%d lines of %d operations", lines, len(d.History))
		}
	}
}

// compare compares the first n histories of a type on all cores.
func compare(typ Type, n uint64) Tally {
	var mu sync.Mutex
	var next uint64
	var sum Tally
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				mu.Lock()
				from := next
				next += chunk
				mu.Unlock()
				if from >= n {
					return
				}
				tally := typ.Compare(from, min(from+chunk, n))
				mu.Lock()
				sum.Add(tally)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return sum
}
