package wal

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gauntlet/raft"
)

// owner returns member 2 of a cluster of three, and opened opens the directory as whoever.
func owner() Owner {
	return Owner{Member: 2, Name: "n2", Cluster: "c", Founders: []string{"n1", "n2", "n3"}}
}

func opened(disk *Memory, as Owner) error {
	options := testOptions(1)
	options.Owner = as
	l, _, err := Open(disk, dir, options)
	if err != nil {
		return err
	}
	return l.Close()
}

// Goal: a directory is for ever one member's of one cluster. Another one, which would vote a second
// time in its name, is refused in words that tell what differs, and so is its own one with another
// founding set, which would vouch for entries that this set never chose. A directory that names no
// owner is claimed by who opens it.
// Method: open without an owner, with it, and with each part of it changed.
func TestOwner(t *testing.T) {
	disk := NewMemory()
	l, _ := open(t, disk, 1) // without an owner
	mustAppend(t, l, &raft.HardState{Term: 3, Vote: 2}, entry(1, 1, "a"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, welcome := range []Owner{owner(), owner(), {}, owner()} {
		if err := opened(disk, welcome); err != nil {
			t.Errorf("%+v: %v", welcome, err)
		}
	}
	const founded = `first members ["n1" "n2" "n3"], this has `
	for says, change := range map[string]func(*Owner){
		`member 2, this is 3`:        func(o *Owner) { o.Member = 3 },
		`name "n2", this is "n1"`:    func(o *Owner) { o.Name = "n1" },
		`cluster "c", this is ""`:    func(o *Owner) { o.Cluster = "" },
		founded + `[]`:               func(o *Owner) { o.Founders = nil },
		founded + `["n1" "n2"]`:      func(o *Owner) { o.Founders = o.Founders[:2] },
		founded + `["n3" "n2" "n1"]`: func(o *Owner) { slices.Reverse(o.Founders) },
	} {
		other := owner()
		change(&other)
		err := opened(disk, other)
		if !errors.Is(err, ErrNotOurs) || !strings.HasSuffix(err.Error(), "/OWNER says "+says) {
			t.Errorf("%+v: %v, want %s", other, err, says)
		}
	}
	l, restored := open(t, disk, 1)
	if restored.HardState.Term != 3 || len(restored.Entries) != 1 {
		t.Errorf("refusals changed the log: %+v", restored)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := opened(disk, owner()); err != nil {
		t.Errorf("refusals changed the owner: %v", err)
	}
}

// Goal: a member is refused once its log is gone, and so is everybody if nobody can tell whose the
// directory is; a build that kept less of the owner left such a one.
// Method: take the log away; garble the claim.
func TestOwnerWithoutLogOrName(t *testing.T) {
	disk := NewMemory()
	if err := opened(disk, owner()); err != nil {
		t.Fatal(err)
	}
	segment := filepath.Join(dir, segmentName(1))
	content := disk.Content(segment)
	if err := disk.Remove(segment); err != nil {
		t.Fatal(err)
	}
	if err := opened(disk, owner()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a member whose log is gone: %v", err)
	}
	if _, err := disk.Create(segment); err != nil {
		t.Fatal(err)
	}
	disk.SetContent(segment, content)
	line := owner().line()
	for _, text := range []string{
		"", "member 2\n", line[:len(line)-1], line + "\n", line + line, " " + line, "{}\n",
	} {
		disk.SetContent(filepath.Join(dir, ownerFile), []byte(text))
		if err := opened(disk, owner()); !errors.Is(err, ErrCorrupt) {
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
		options.Owner = owner()
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
		options.Owner.Member = 3
		if _, _, err := Open(after, dir, options); !errors.Is(err, ErrNotOurs) {
			t.Errorf("another one after a crash at operation %d: %v", limit, err)
		}
		if failed == nil {
			return
		}
	}
}
