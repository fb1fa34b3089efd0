package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// step is an operation on a Memory, as its dumb twin knows it.
type step struct {
	what string // "create", "write", "sync", "fail", "rename", "remove", "syncdir"
	file int    // numbers files in the order of their creation
	path string
	to   string
	at   int
	data []byte
}

// world is the dumb twin of what a disk holds: it is made anew from all steps whenever needed.
type world struct {
	names   map[string]int // durable
	changes []step         // not durable
	durable map[int][]byte
	writes  map[int][]step // not durable
}

func replay(steps []step) *world {
	w := &world{map[string]int{}, nil, map[int][]byte{}, map[int][]step{}}
	for _, s := range steps {
		switch s.what {
		case "create", "rename", "remove":
			w.changes = append(w.changes, s)
		case "syncdir":
			w.rename(len(w.changes))
			w.changes = nil
		case "write":
			w.writes[s.file] = append(w.writes[s.file], s)
		case "sync":
			for _, s := range w.writes[s.file] {
				w.durable[s.file] = patch(w.durable[s.file], s.at, s.data)
			}
			w.writes[s.file] = nil
		case "fail":
			w.writes[s.file] = nil
		}
	}
	return w
}

func (w *world) rename(changes int) {
	for _, s := range w.changes[:changes] {
		if s.what != "create" {
			delete(w.names, s.path)
		}
		if s.what != "remove" {
			w.names[s.to] = s.file
		}
	}
}

func patch(content []byte, at int, data []byte) []byte {
	whole := make([]byte, max(len(content), at+len(data)))
	copy(whole, content)
	copy(whole[at:], data)
	return whole
}

// allows tells whether a crash may leave this content of a file.
func (w *world) allows(file int, model Crash, got []byte) bool {
	content, writes := w.durable[file], w.writes[file]
	switch model {
	case LoseUnsynced:
		return bytes.Equal(got, content)
	case KeepSectors:
		return anySectors(content, writes, got)
	}
	for _, next := range writes {
		if bytes.Equal(got, content) {
			return true
		}
		for n := range next.data {
			if model == TearWrite && bytes.Equal(got, patch(content, next.at, next.data[:n])) {
				return true
			}
		}
		content = patch(content, next.at, next.data)
	}
	return bytes.Equal(got, content)
}

func anySectors(content []byte, writes []step, got []byte) bool {
	if len(writes) == 0 {
		return bytes.Equal(got, content)
	}
	w, later := writes[0], writes[1:]
	if len(w.data) == 0 {
		return anySectors(content, later, got)
	}
	n := min(len(w.data), sectorBytes-w.at%sectorBytes)
	rest := append([]step{{at: w.at + n, data: w.data[n:]}}, later...)
	return anySectors(content, rest, got) ||
		anySectors(patch(content, w.at, w.data[:n]), rest, got)
}

// explains tells whether this disk is what a crash may leave of the world.
func (w *world) explains(model Crash, m *Memory) bool {
	for kept := range len(w.changes) + 1 {
		after := &world{names: maps.Clone(w.names), changes: w.changes}
		after.rename(kept)
		same := len(after.names) == len(m.names)
		for path, file := range after.names {
			same = same && m.names[path] != nil && w.allows(file, model, m.Content(path))
		}
		if same {
			return true
		}
		if model == LoseUnsynced {
			return false
		}
	}
	return false
}

// machine drives a Memory and notes the steps.
type machine struct {
	t       *rapid.T
	m       *Memory
	steps   []step
	settled int
	files   []File
	names   map[string]int
}

// take makes one step.
func (d *machine) take() {
	t := d.t
	s := step{what: rapid.SampledFrom([]string{
		"create", "write", "write", "write", "write", "sync", "sync", "fail", "rename", "remove",
		"syncdir", "settle",
	}).Draw(t, "step")}
	taken := slices.Sorted(maps.Keys(d.names))
	if len(d.files) == 0 {
		s.what = "create"
	}
	if len(taken) == 0 && (s.what == "rename" || s.what == "remove") {
		return
	}
	path := rapid.SampledFrom([]string{"/a", "/b", "/c"})
	switch s.what {
	case "create":
		s.file, s.to = len(d.files), path.Draw(t, "path")
		f, _ := d.m.Create(s.to)
		d.files, d.names[s.to] = append(d.files, f), s.file
	case "rename", "remove":
		s.path = rapid.SampledFrom(taken).Draw(t, "from")
		s.file = d.names[s.path]
		delete(d.names, s.path)
		if s.what == "remove" {
			d.m.Remove(s.path)
			break
		}
		s.to = path.Filter(func(to string) bool { return to != s.path }).Draw(t, "to")
		d.names[s.to] = s.file
		d.m.Rename(s.path, s.to)
		d.steps = append(d.steps, step{what: "create", file: s.file, to: s.to})
		s.what = "remove" // a rename is two changes of names
	case "write":
		s.file = rapid.IntRange(0, len(d.files)-1).Draw(t, "file")
		s.at = rapid.SampledFrom([]int{0, 3, 500, 1020}).Draw(t, "at")
		s.data = bytes.Repeat([]byte{byte(len(d.steps) + 1)}, rapid.IntRange(0, 25).Draw(t, "bytes"))
		s.data = append(s.data, make([]byte, rapid.IntRange(0, 15).Draw(t, "zeros"))...)
		d.files[s.file].WriteAt(s.data, int64(s.at))
	case "sync", "fail":
		s.file = rapid.IntRange(0, len(d.files)-1).Draw(t, "file")
		if s.what == "fail" {
			d.m.Fault = func(string, string) error { return errors.New("input/output error") }
		}
		d.files[s.file].Sync()
		d.m.Fault = nil
	case "syncdir":
		d.m.SyncDir("/")
	case "settle":
		d.m.Settle()
		d.settled = len(d.steps)
		return
	}
	d.steps = append(d.steps, s)
	if !d.m.Deferred {
		d.settled = len(d.steps)
	}
}

// visible checks what a running process sees: everything, always.
func (d *machine) visible() {
	if len(d.names) != len(d.m.names) {
		d.t.Fatalf("%d names, want %d", len(d.m.names), len(d.names))
	}
	for path, file := range d.names {
		var want []byte
		for _, s := range d.steps {
			if s.what == "write" && s.file == file {
				want = patch(want, s.at, s.data)
			}
		}
		if got := d.m.Content(path); !bytes.Equal(got, want) {
			d.t.Fatalf("%s holds %v, want %v", path, got, want)
		}
	}
}

// changesNothingElse writes to a machine that came back, which neither the one it came from may
// notice nor, until it is synced, its own disk.
func changesNothingElse(t *rapid.T, old, m *Memory) {
	for path := range m.names {
		before, own := old.durably(path), m.durably(path)
		file, _ := m.Open(path)
		room := make([]byte, len(m.Content(path))+1)
		n, err := file.ReadAt(room, 0)
		if !errors.Is(err, io.EOF) || !bytes.Equal(room[:n], m.Content(path)) {
			t.Fatalf("read %d bytes and %v of %s", n, err, path)
		}
		file.WriteAt([]byte("changed"), 0)
		if got := m.durably(path); got != own {
			t.Fatalf("%s became durably %q without a sync", path, got)
		}
		file.Sync()
		m.Settle()
		if got := old.durably(path); got != before {
			t.Fatalf("%s of the old machine became %q", path, got)
		}
	}
}

// durably returns what is left of a file if all that can be lost is.
func (m *Memory) durably(path string) string {
	lost := m.Crash(LoseUnsynced, func(int) int { return 0 })
	return string(lost.Content(path))
}

// Goal: a crash leaves what the disk was made to do, up to any point not before the last Settle,
// and of what was not synced by then no more than the model lets it; a running process sees all it
// did; and a crash changes nothing for the old machine.
// Method: random operations with and without Deferred, against a dumb twin that looks for a point
// and a choice of survivors that explain the disk found.
func TestCrashIsExplained(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &machine{t: t, m: NewMemory(), names: map[string]int{}}
		d.m.Deferred = rapid.Bool().Draw(t, "deferred")
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			d.take()
			if rapid.IntRange(0, 3).Draw(t, "crash") > 0 {
				continue
			}
			model := Crash(rapid.IntRange(0, int(KeepSectors)).Draw(t, "model"))
			after := d.m.Crash(model, func(n int) int {
				return rapid.IntRange(0, n-1).Draw(t, "survives")
			})
			reached := d.settled
			for reached <= len(d.steps) && !replay(d.steps[:reached]).explains(model, after) {
				reached++
			}
			if reached > len(d.steps) {
				t.Fatalf("nothing from step %d of %d on explains the disk", d.settled, len(d.steps))
			}
			changesNothingElse(t, d.m, after)
		}
		d.m.Restart()
		d.visible()
	})
}

// Goal: with Deferred a crash can find the disk after each of the pending operations, and before
// them. Method: every number that can be drawn, for two writes with a sync each.
func TestCrashReachesEveryPoint(t *testing.T) {
	m := NewMemory()
	f, _ := m.Create("/f")
	m.SyncDir("/")
	m.Deferred = true
	for i := range 2 {
		f.WriteAt(fmt.Append(nil, i), int64(i))
		f.Sync()
	}
	for model, want := range map[Crash]string{
		LoseUnsynced: "'' '' '0' '0' '01'",
		KeepSectors:  "'' '0' '0' '01' '01'", // whatever was written survives
	} {
		var found []string
		for reached := range 5 {
			drawn := 0
			after := m.Crash(model, func(n int) int {
				if drawn++; drawn == 1 {
					return reached
				}
				return 0
			})
			found = append(found, fmt.Sprintf("'%s'", after.Content("/f")))
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("model %d leaves %s, want %s", model, got, want)
		}
	}
	m.Settle()
	if got := m.Crash(LoseUnsynced, nil).Content("/f"); string(got) != "01" {
		t.Errorf("after Settle a crash left %q", got)
	}
}

// Goal: it is known where the latest write began, in whatever file: nothing before can be torn.
// Method: writes to two files.
func TestLatestWrite(t *testing.T) {
	m := NewMemory()
	for i, name := range []string{"data/a", "data/b"} {
		file, err := m.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt([]byte("xy"), int64(7+i)); err != nil {
			t.Fatal(err)
		}
		if at := m.LatestWrite(); at != int64(7+i) {
			t.Errorf("the latest write began at %d, want %d", at, 7+i)
		}
	}
}
