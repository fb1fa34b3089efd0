package lossydisk

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gauntlet/raft/wal"
)

// memory is a Store in memory.
type memory struct {
	content map[uint64][]byte
	flushed func() // called by Flush, if set
}

func newMemory() *memory { return &memory{content: map[uint64][]byte{}} }

func (m *memory) ReadAt(file uint64, p []byte, offset int64) error {
	if have := m.content[file]; offset < int64(len(have)) {
		copy(p, have[offset:])
	}
	return nil
}

func (m *memory) WriteAt(file uint64, p []byte, offset int64) error {
	have := m.content[file]
	if grow := offset + int64(len(p)) - int64(len(have)); grow > 0 {
		have = append(have, make([]byte, grow)...)
	}
	copy(have[offset:], p)
	m.content[file] = have
	return nil
}

func (m *memory) Truncate(file uint64, length int64) error {
	have := m.content[file]
	if grow := length - int64(len(have)); grow > 0 {
		have = append(have, make([]byte, grow)...)
	}
	m.content[file] = have[:length:length]
	return nil
}

func (m *memory) Remove(file uint64) error {
	delete(m.content, file)
	return nil
}

func (m *memory) Flush([]byte) error {
	if m.flushed != nil {
		m.flushed()
	}
	return nil
}

func never() bool { return false }

// twins are a disk and the file system in memory that the simulator crashes.
type twins struct {
	disk *Disk
	wal  *wal.Memory
	open map[string]wal.File // by path; a failed rapid check shows the names
}

func (p *twins) handle(t *rapid.T, name string) Handle {
	n, err := p.disk.Lookup(Root, name)
	if err != nil {
		t.Fatal(err)
	}
	return Handle{n.Number, p.disk.Life()}
}

func must(t *rapid.T, errs ...error) {
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// step does the same to both.
func (p *twins) step(t *rapid.T, renames bool) {
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
	file, exists := p.open[name]
	verb := rapid.SampledFrom([]string{"write", "write", "sync", "fail", "names", "remove",
		"rename"}).Draw(t, "verb")
	switch {
	case !exists:
		_, err := p.disk.Make(Root, name, 0o600, "")
		made, failed := p.wal.Create(name)
		must(t, err, failed)
		p.open[name] = made
	case verb == "write":
		size, err := file.Size()
		must(t, err)
		offset := rapid.Int64Range(0, size).Draw(t, "offset")
		data := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")},
			rapid.IntRange(1, 1500).Draw(t, "length"))
		_, err = file.WriteAt(data, offset)
		must(t, err, p.disk.Write(p.handle(t, name), data, offset))
	case verb == "sync":
		must(t, file.Sync(), p.disk.Sync(p.handle(t, name), never))
	case verb == "fail":
		p.wal.Fault = func(string, string) error { return syscall.EIO }
		p.disk.Alter(func(f *Faults) { f.FailSyncs = true })
		err := p.disk.Sync(p.handle(t, name), never)
		if file.Sync() == nil || !errors.Is(err, syscall.EIO) {
			t.Fatalf("a sync that was to fail: %v", err)
		}
		p.wal.Fault = nil
		p.disk.Alter(func(f *Faults) { f.FailSyncs = false })
	case verb == "names":
		must(t, p.wal.SyncDir("."), p.disk.SyncDir(Handle{Root, p.disk.Life()}, never))
	case verb == "remove":
		must(t, p.wal.Remove(name), p.disk.Remove(Root, name, false))
		delete(p.open, name)
	case verb == "rename" && renames:
		to := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "to")
		if to != name {
			must(t, p.wal.Rename(name, to), p.disk.Rename(Root, name, Root, to, false))
			p.open[to] = file
			delete(p.open, name)
		}
	}
}

func contents(t *rapid.T, m *wal.Memory) map[string][]byte {
	names, err := m.List(".")
	must(t, err)
	all := map[string][]byte{}
	for _, name := range names {
		all[name] = m.Content(name)
	}
	return all
}

func (p *twins) agree(t *rapid.T, of *wal.Memory) {
	ours, err := p.disk.Paths()
	must(t, err)
	theirs := contents(t, of)
	if !maps.EqualFunc(ours, theirs, bytes.Equal) {
		t.Fatalf("the disk has %q, its twin %q", ours, theirs)
	}
}

// Goal: what a power cut leaves is what the simulator's file system leaves, under each model.
// Method: random operations on both; what processes see must be equal after each, and what is left
// after a cut for which both draw the same. Renames only where nothing is drawn: to the twin, one
// is two changes of names.
func TestACutLeavesWhatTheSimulatorsDoes(t *testing.T) {
	models := map[Model]wal.Crash{LoseAll: wal.LoseUnsynced, KeepPrefix: wal.KeepPrefix,
		TearWrite: wal.TearWrite, KeepSectors: wal.KeepSectors}
	rapid.Check(t, func(t *rapid.T) {
		model := rapid.SampledFrom(Models()).Draw(t, "model")
		p := &twins{New(newMemory()), wal.NewMemory(), map[string]wal.File{}}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			p.step(t, model == LoseAll)
			p.agree(t, p.wal)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		draws := func() func(int) int { return rand.New(rand.NewPCG(seed, 0)).IntN }
		left := p.wal.Crash(models[model], draws())
		_, err := p.disk.Cut(model, draws())
		must(t, err)
		p.disk.Alter(func(f *Faults) { f.Off = false })
		p.agree(t, left)
	})
}

// lossy is a disk with helpers that end the test on an error.
type lossy struct {
	*Disk
	t *testing.T
}

func newLossy(t *testing.T) lossy { return lossy{New(newMemory()), t} }

func (d lossy) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d lossy) make(dir uint64, name string, mode fs.FileMode) uint64 {
	d.t.Helper()
	n, err := d.Make(dir, name, mode, "")
	d.must(err)
	return n.Number
}

func (d lossy) handle(number uint64) Handle { return Handle{number, d.Life()} }

func (d lossy) write(number uint64, text string) {
	d.t.Helper()
	d.must(d.Write(d.handle(number), []byte(text), 0))
}

func (d lossy) sync(number uint64) {
	d.t.Helper()
	d.must(d.Sync(d.handle(number), never))
}

func (d lossy) syncDir(number uint64) {
	d.t.Helper()
	d.must(d.SyncDir(d.handle(number), never))
}

// cut loses everything unsynced, and gives power again.
func (d lossy) cut() Loss {
	d.t.Helper()
	loss, err := d.Cut(LoseAll, nil)
	d.must(err)
	d.Alter(func(f *Faults) { f.Off = false })
	return loss
}

func (d lossy) wants(paths ...string) {
	d.t.Helper()
	all, err := d.Paths()
	d.must(err)
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, paths) {
		d.t.Errorf("left: %q, want %q", got, paths)
	}
}

// Goal: a file needs its own sync and that of its directory, and a directory that of its parent.
// Method: cut the power after each combination.
func TestNamesNeedTheirDirectory(t *testing.T) {
	d := newLossy(t)
	dir := d.make(Root, "dir", fs.ModeDir|0o700)
	file := d.make(dir, "file", 0o600)
	d.write(file, "hello")
	d.sync(file)
	d.syncDir(dir)
	if loss := d.cut(); loss != (Loss{Bytes: 5, Files: 1, Names: 1}) {
		t.Errorf("the parent unsynced: lost %+v", loss)
	}
	d.wants()

	dir = d.make(Root, "dir", fs.ModeDir|0o700)
	d.syncDir(Root)
	d.write(d.make(dir, "unnamed", 0o600), "x")
	if loss := d.cut(); loss != (Loss{Bytes: 1, Files: 1, Names: 1}) {
		t.Errorf("the directory unsynced: lost %+v", loss)
	}
	d.wants("dir/")

	file = d.make(dir, "file", 0o600)
	d.write(file, "unsynced")
	d.syncDir(dir)
	d.cut()
	d.wants("dir/", "dir/file")
	if n, _ := d.Stat(file); n.Size != 0 {
		t.Errorf("the file unsynced: %d bytes are left", n.Size)
	}
}

// Goal: a rename is undone as a whole unless one of its directories was synced, and then done as a
// whole, with what it rests on.
func TestRenamesAreWhole(t *testing.T) {
	d := newLossy(t)
	from, to := d.make(Root, "from", fs.ModeDir|0o700), d.make(Root, "to", fs.ModeDir|0o700)
	old := d.make(to, "x", 0o600)
	d.syncDir(Root)
	d.syncDir(to)
	d.make(from, "x", 0o600)
	d.must(d.Rename(from, "x", to, "x", false))
	d.cut()
	d.wants("from/", "to/", "to/x")
	if n, _ := d.Lookup(to, "x"); n.Number != old {
		t.Error("the file that was replaced is not back")
	}

	file := d.make(from, "x", 0o600)
	d.must(d.Rename(from, "x", to, "x", false))
	d.syncDir(to)
	d.cut()
	d.wants("from/", "to/", "to/x")
	if n, _ := d.Lookup(to, "x"); n.Number != file {
		t.Error("a rename into a synced directory is undone")
	}
}

// Goal: who held a file open when the power went is dead, and can neither read nor write again.
func TestHandlesDieWithThePower(t *testing.T) {
	d := newLossy(t)
	file := d.make(Root, "file", 0o600)
	h := d.handle(file)
	d.write(file, "x")
	d.syncDir(Root)
	d.cut()
	_, failed := d.Read(h, make([]byte, 1), 0)
	for _, err := range []error{failed, d.Write(h, []byte("y"), 0), d.Sync(h, never)} {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("a handle of an earlier life: %v", err)
		}
	}
	if err := d.Write(d.handle(file), []byte("y"), 0); err != nil {
		t.Errorf("a new one: %v", err)
	}
}

// Goal: what a sync has not returned from is not durable.
// Method: cut the power while the real disk is at work.
func TestACutInTheMiddleOfASync(t *testing.T) {
	store := newMemory()
	d := lossy{New(store), t}
	file := d.make(Root, "file", 0o600)
	d.syncDir(Root)
	d.write(file, "hello")
	store.flushed = func() { d.cut() }
	if err := d.Sync(d.handle(file), never); !errors.Is(err, syscall.EIO) {
		t.Errorf("the sync returned %v", err)
	}
	if n, _ := d.Stat(file); n.Size != 0 {
		t.Errorf("%d bytes survived", n.Size)
	}
}

// Goal: a slow disk holds syncs up until it is fast again, and never one whose caller is dying.
func TestStalls(t *testing.T) {
	d := newLossy(t)
	file := d.make(Root, "file", 0o600)
	d.Alter(func(f *Faults) { f.Slow = time.Hour })
	if err := d.Sync(d.handle(file), func() bool { return true }); !errors.Is(err, syscall.EINTR) {
		t.Errorf("a dying caller: %v", err)
	}
	done := make(chan error)
	go func() { done <- d.Sync(d.handle(file), never) }()
	for ; ; runtime.Gosched() {
		if _, counts := d.State(); counts.Stalled == 2 {
			break
		}
	}
	d.Alter(func(f *Faults) { f.Slow = 0 })
	if err := <-done; err != nil {
		t.Errorf("the stalled sync: %v", err)
	}
}

// Goal: a full disk refuses writes and new names, and says how many; what is there stays.
func TestFull(t *testing.T) {
	d := newLossy(t)
	file := d.make(Root, "file", 0o600)
	d.write(file, "x")
	d.Alter(func(f *Faults) { f.Full = true })
	_, failed := d.Make(Root, "more", 0o600, "")
	for _, err := range []error{failed, d.Write(d.handle(file), []byte("y"), 1)} {
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a full disk: %v", err)
		}
	}
	if _, counts := d.State(); counts.Refused != 2 {
		t.Errorf("counts %+v", counts)
	}
	d.sync(file)
	all, err := d.Paths()
	d.must(err)
	if string(all["file"]) != "x" {
		t.Errorf("left %q", all)
	}
}

// Goal: what nobody can reach any more takes no room.
func TestRemovedFilesAreForgotten(t *testing.T) {
	store := newMemory()
	d := lossy{New(store), t}
	file := d.make(Root, "file", 0o600)
	d.write(file, "x")
	d.sync(file)
	d.syncDir(Root)
	d.must(d.Remove(Root, "file", false))
	if len(store.content) != 1 {
		t.Error("forgotten although a power cut could bring it back")
	}
	d.syncDir(Root)
	if len(store.content) != 0 || len(d.nodes) != 1 {
		t.Errorf("%d files and %d nodes are left", len(store.content), len(d.nodes))
	}
}
