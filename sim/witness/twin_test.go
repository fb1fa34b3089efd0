package witness

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"gauntlet/chance"
	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// anyCommand draws a command on few keys with values that often clash.
func anyCommand(draw *chance.Stream) kv.Command {
	key := func() string { return fmt.Sprint("k", draw.Intn(3)) }
	value := func() []byte {
		values := []string{
			"", "x", "1", "-7", "+2", "07", strconv.Itoa(math.MaxInt64), strconv.Itoa(math.MinInt64),
		}
		return []byte(values[draw.Intn(len(values))])
	}
	c := kv.Command{Op: kv.Op(1 + draw.Intn(int(kv.Txn))), Key: key(), Value: value()}
	switch {
	case c.Op == kv.CAS && draw.Intn(2) == 0:
		c.Expected = value()
	case c.Op == kv.Txn:
		c.Key, c.Value = "", nil
		ops := []kv.Op{kv.Get, kv.Put, kv.Append, kv.Add, kv.Add, kv.Delete}
		for range draw.Intn(5) {
			op := ops[draw.Intn(len(ops))]
			c.Steps = append(c.Steps, kv.Step{Op: op, Key: key(), Value: value()})
		}
	}
	return c
}

// Goal: the twin is raftd's state machine, and remembers every state of it. Method: random commands
// on both, for several lives of the twin; each result is compared when it is made, each state again
// at the end.
func TestTwin(t *testing.T) {
	twin := newTwin()
	conflicts, swaps := 0, 0
	for seed := range uint64(50) {
		twin.reset()
		draw, store := chance.New(seed, "twin", 0), kv.New()
		states := [][3]kv.Result{{}}
		for index := uint64(1); index <= 200; index++ {
			c := anyCommand(draw)
			data := c.Encode()
			_, want, ok := store.Apply(raft.Entry{Kind: raft.EntryCommand, Data: slices.Clone(data)})
			decoded, applied := command(raft.Entry{Kind: raft.EntryCommand, Data: data})
			if !ok || !applied {
				t.Fatalf("%+v was not applied", c)
			}
			got := twin.apply(index, decoded)
			if !same(got, want) {
				t.Fatalf("seed %d, entry %d: %+v gave %s, raftd's gave %s",
					seed, index, c, show(got), show(want))
			}
			clear(data) // the twin must not have kept it
			if got.Conflict {
				conflicts++
			}
			if got.Swapped {
				swaps++
			}
			states = append(states, [3]kv.Result{store.Get("k0"), store.Get("k1"), store.Get("k2")})
		}
		for index, state := range states {
			for k, want := range state {
				value, found := twin.at(fmt.Sprint("k", k), uint64(index))
				if got := (kv.Result{Found: found, Value: value}); !same(got, want) {
					t.Fatalf("seed %d, after entry %d: k%d is %s, was %s",
						seed, index, k, show(got), show(want))
				}
			}
		}
	}
	if conflicts < 500 || swaps < 50 {
		t.Errorf("only %d conflicts and %d swaps", conflicts, swaps)
	}
}

// Goal: a value that outgrows what a store takes is a conflict for the twin, too.
// Method: at the limit, and beyond it.
func TestTwinBoundsValues(t *testing.T) {
	twin := newTwin()
	put := kv.Command{Op: kv.Put, Key: "k", Value: make([]byte, kv.MaxValueBytes-1)}
	more := kv.Command{Op: kv.Append, Key: "k", Value: []byte("x")}
	twin.apply(1, put)
	if r := twin.apply(2, more); r.Conflict {
		t.Error("a value of the greatest size was refused")
	}
	if r := twin.apply(3, more); !r.Conflict {
		t.Error("a value above the greatest size was taken")
	}
}
