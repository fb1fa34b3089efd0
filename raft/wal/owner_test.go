package wal

import (
	"errors"
	"path/filepath"
	"testing"

	"gauntlet/raft"
)

// Goal: a directory is one member's for ever: another one, which would vote a second time in its
// name, is refused, and so is its own one once the log in it is gone. An older build's directory is
// claimed by who opens it.
// Method: open with and without owners; take the log away; garble the claim.
func TestOwner(t *testing.T) {
	disk := NewMemory()
	owned := func(owner uint64) error {
		options := testOptions(1)
		options.Owner = owner
		l, _, err := Open(disk, dir, options)
		if err != nil {
			return err
		}
		return l.Close()
	}
	l, _ := open(t, disk, 1) // of a build that did not know owners
	mustAppend(t, l, &raft.HardState{Term: 3, Vote: 2}, entry(1, 1, "a"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		owner uint64
		want  error
	}{{2, nil}, {2, nil}, {0, nil}, {3, ErrNotOurs}, {1, ErrNotOurs}, {2, nil}} {
		if err := owned(step.owner); !errors.Is(err, step.want) {
			t.Errorf("member %d: %v, want %v", step.owner, err, step.want)
		}
	}
	l, restored := open(t, disk, 1)
	if restored.HardState.Term != 3 || len(restored.Entries) != 1 {
		t.Errorf("refusals changed the log: %+v", restored)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}

	segment := filepath.Join(dir, segmentName(1))
	content := disk.Content(segment)
	if err := disk.Remove(segment); err != nil {
		t.Fatal(err)
	}
	if err := owned(2); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a member whose log is gone: %v", err)
	}
	if _, err := disk.Create(segment); err != nil {
		t.Fatal(err)
	}
	disk.SetContent(segment, content)
	for _, text := range []string{"", "member 2", "member 2\n\n", "member 02\n", "member x\n"} {
		disk.SetContent(filepath.Join(dir, ownerFile), []byte(text))
		if err := owned(2); !errors.Is(err, ErrCorrupt) {
			t.Errorf("a claim %q: %v", text, err)
		}
	}
}

// Goal: a crash on the way to a claim leaves a directory that its member can open, and no other
// one once that was done.
// Method: cut the power at every operation of the first start, keeping nothing that is not synced.
func TestCrashWhileClaiming(t *testing.T) {
	for limit := 1; ; limit++ {
		disk, operations := NewMemory(), 0
		disk.Fault = func(string, string) error {
			if operations++; operations >= limit {
				return errors.New("no power")
			}
			return nil
		}
		options := testOptions(1)
		options.Owner = 2
		_, _, failed := Open(disk, dir, options)
		disk.Fault = nil
		after := disk.Crash(LoseUnsynced, func(int) int { return 0 })
		l, _, err := Open(after, dir, options)
		if err != nil {
			t.Fatalf("after a crash at operation %d: %v", limit, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		options.Owner = 3
		if _, _, err := Open(after, dir, options); !errors.Is(err, ErrNotOurs) {
			t.Errorf("another one after a crash at operation %d: %v", limit, err)
		}
		if failed == nil {
			return
		}
	}
}
