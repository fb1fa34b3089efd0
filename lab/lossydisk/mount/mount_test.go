package mount

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gauntlet/raft"
	"gauntlet/raft/wal"
)

// What this program is, when it executes itself again: the tests in a mount namespace of their own,
// so that no mount outlives them; and in it the server of one disk.
const (
	inside  = "LOSSYDISK_TEST_INSIDE"
	serving = "LOSSYDISK_TEST_SERVE" // the directory; its content is kept beside it
)

func again(environment string) *exec.Cmd {
	self := exec.Command("/proc/self/exe", os.Args[1:]...)
	self.Env = append(os.Environ(), environment)
	self.Stderr = os.Stderr
	self.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return self
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(serving); dir != "" {
		go func() { // ends with whoever wanted the disk
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
		err := Serve(dir, dir+".content", func() { fmt.Println("ready") })
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Geteuid() != 0 || os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread() // the child dies with this thread
	self := again(inside + "=yes")
	self.Stdout = os.Stdout
	self.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
	if err := self.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("root: nobody else may mount a FUSE file system")
	}
}

// mounted is a disk, served by a process of its own.
func mounted(t *testing.T) (dir string) {
	t.Helper()
	needRoot(t)
	dir = filepath.Join(t.TempDir(), "disk")
	must(t, os.Mkdir(dir, 0o700))
	server := again(serving + "=" + dir)
	server.SysProcAttr.Pdeathsig = 0 // threads of a test come and go; the pipe tells instead
	said, err := server.StdoutPipe()
	must(t, err)
	_, err = server.StdinPipe()
	must(t, err)
	must(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		must(t, unix.Unmount(dir, unix.MNT_DETACH))
	})
	if word, err := bufio.NewReader(said).ReadString('\n'); word != "ready\n" {
		t.Fatalf("the disk is not mounted: %q, %v", word, err)
	}
	return dir
}

// tell gives a command to the disk, as the shell of a host does, and returns its answer.
func tell(t *testing.T, dir, command string) string {
	t.Helper()
	shell := exec.Command("sh", "-c", `{ echo "$1" >&8; cat <&8; } 8<>"$2"`, "sh", command,
		filepath.Join(dir, ControlName))
	said, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, said)
	}
	return strings.TrimSpace(string(said))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Goal: to processes the mount is a file system like any other.
// Method: tools of the shell that make, list, link, rename, truncate and remove, also what another
// process holds open; a listing of many names; a large file read back.
func TestAnOrdinaryFileSystem(t *testing.T) {
	dir := mounted(t)
	script := `set -eu
		mkdir -p a/b && echo hello >a/b/file && echo more >>a/b/file
		ln a/b/file hard && ln -s a/b/file soft && mv a/b/file moved
		[ "$(cat hard)" = "$(printf 'hello\nmore')" ] && [ "$(readlink soft)" = a/b/file ]
		[ ! -e soft ] && mv a c && [ -d c/b ] && rm -r c
		exec 3<moved && rm moved hard soft && [ "$(cat <&3)" = "$(printf 'hello\nmore')" ] && exec 3<&-
		dd if=/dev/urandom of=large bs=64k count=100 2>/dev/null && cp large copy && cmp large copy
		truncate -s 100 copy && [ "$(stat -c %s copy)" = 100 ] && truncate -s 200 copy
		[ "$(tail -c 100 copy | tr -d '\0' | wc -c)" = 0 ] && fallocate -l 300 copy
		[ "$(stat -c %s copy)" = 300 ] && chmod 600 copy && sync copy . && rm large copy
		mkdir many && cd many
		long=$(printf '%0200d' 0)
		i=0; while [ $i -lt 300 ]; do : >$long-$i; i=$((i + 1)); done
		[ "$(ls | wc -l)" = 300 ] && cd .. && rm -r many && [ -z "$(ls -A)" ]`
	shell := exec.Command("sh", "-c", script)
	shell.Dir = dir
	if said, err := shell.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// Goal: who had a file open when the power went is dead; what he had synced is there, and only
// that; without power nothing works but the control file.
func TestPower(t *testing.T) {
	dir := mounted(t)
	f, err := os.Create(filepath.Join(dir, "file"))
	must(t, err)
	defer f.Close()
	_, err = f.WriteString("synced")
	must(t, errors.Join(err, f.Sync(), wal.Disk{}.SyncDir(dir)))
	_, err = f.WriteString(", not synced")
	must(t, errors.Join(err, os.WriteFile(filepath.Join(dir, "new"), []byte("x"), 0o600)))

	const lost = "lost 13 bytes of 2 files and 1 changes of names (all)"
	if said := tell(t, dir, "cut all 1"); said != lost {
		t.Errorf("the cut: %q", said)
	}
	tell(t, dir, "full")
	if said := tell(t, dir, "unfull"); said != "off cuts 1 failed 0 refused 0 stalled 0" {
		t.Errorf("after the cut: %q", said)
	}
	if _, err := os.ReadDir(dir); !errors.Is(err, syscall.EIO) {
		t.Errorf("without power: %v", err)
	}
	if said := tell(t, dir, "on"); said != "healthy cuts 1 failed 0 refused 0 stalled 0" {
		t.Errorf("with power again: %q", said)
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("a file that was open: %v", err)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	content, err := os.ReadFile(filepath.Join(dir, "file"))
	must(t, err)
	if len(entries) != 1 || string(content) != "synced" {
		t.Errorf("left: %v, %q", entries, content)
	}
}

// Goal: each fault is what processes get, and ends by its command; nonsense changes nothing.
func TestFaults(t *testing.T) {
	dir := mounted(t)
	f, err := os.Create(filepath.Join(dir, "file"))
	must(t, err)
	defer f.Close()
	for _, c := range []struct {
		fault, end string
		do         func() error
		want       error
	}{
		{"fail", "unfail", f.Sync, syscall.EIO},
		{"full", "unfull", func() error { _, err := f.WriteAt([]byte("x"), 0); return err },
			syscall.ENOSPC},
	} {
		tell(t, dir, c.fault)
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.fault, err)
		}
		if tell(t, dir, c.end); c.do() != nil {
			t.Errorf("%s: not over", c.fault)
		}
	}
	if said := tell(t, dir, "heal"); said != "healthy cuts 0 failed 1 refused 1 stalled 0" {
		t.Errorf("in the end: %q", said)
	}
	for _, nonsense := range []string{
		"", "cut", "cut all x", "cut most 1", "cut all 1 x", "slow", "slow -1s", "on 1",
	} {
		err := os.WriteFile(filepath.Join(dir, ControlName), []byte(nonsense+"\n"), 0o600)
		if !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%q: %v", nonsense, err)
		}
	}
}

// Goal: a process that waits for a slow disk can be killed; one that got another signal waits on.
func TestAStalledProcessCanBeKilled(t *testing.T) {
	dir := mounted(t)
	tell(t, dir, "slow 1h")
	waiting := exec.Command("sh", "-c", `trap : USR1; : >file; exec sync file`)
	waiting.Dir = dir
	must(t, waiting.Start())
	ended := make(chan error, 1)
	go func() { ended <- waiting.Wait() }()
	for !strings.HasSuffix(tell(t, dir, "state"), "stalled 1") {
	}
	must(t, waiting.Process.Signal(syscall.SIGCONT))
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(5 * 20 * time.Millisecond): // several looks at it
	}
	must(t, waiting.Process.Kill())
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it outlives SIGKILL")
	}
}

// careless is a real disk whose user forgets a sync.
type careless struct {
	wal.Disk
	files, names bool // which
}

func (c careless) SyncDir(dir string) error {
	if c.names {
		return nil
	}
	return c.Disk.SyncDir(dir)
}

func (c careless) Create(path string) (wal.File, error) {
	f, err := c.Disk.Create(path)
	if c.files {
		f = forgetful{f}
	}
	return f, err
}

type forgetful struct{ wal.File }

func (forgetful) Sync() error { return nil }

// Goal: raftd's log keeps what it has acknowledged, through every model of a power cut and over
// segments begun in between; forgetting either kind of sync shows within three cuts.
// Method: append until the power goes, open again, compare.
func TestALogOnALossyDisk(t *testing.T) {
	for name, c := range map[string]struct {
		fs     wal.FS
		loses  bool
		models []string
	}{
		"clean":            {wal.Disk{}, false, []string{"all", "prefix", "torn", "subset"}},
		"no sync of files": {careless{files: true}, true, []string{"all"}},
		"no sync of names": {careless{names: true}, true, []string{"all"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := mounted(t)
			for cut := range uint64(len(c.models) * 3) {
				log, kept, err := appended(t, c.fs, dir)
				if c.loses && (err != nil || kept < 20*cut) {
					return
				}
				if err != nil || kept < 20*cut {
					t.Fatalf("%d entries are left after %d cuts: %v", kept, cut, err)
				}
				model := c.models[cut%uint64(len(c.models))]
				tell(t, dir, fmt.Sprintf("cut %s %d", model, cut))
				tell(t, dir, "on")
				_ = log.Close()
			}
			if c.loses {
				t.Error("nothing was lost")
			}
		})
	}
}

// appended opens the log, appends twenty entries behind those it finds, and returns how many it
// found.
func appended(t *testing.T, fs wal.FS, dir string) (*wal.Log, uint64, error) {
	t.Helper()
	log, restored, err := wal.Open(fs, filepath.Join(dir, "log"), wal.Options{SegmentBytes: 4096})
	if err != nil {
		return nil, 0, err
	}
	t.Cleanup(func() { _ = log.Close() })
	found := uint64(len(restored.Entries))
	for i := range uint64(20) {
		must(t, log.Append(nil, []raft.Entry{{Index: found + i + 1, Term: 1, Kind: raft.EntryCommand,
			Data: make([]byte, 300)}}))
	}
	return log, found, nil
}

// Goal: the control file is in the way of nobody who lists or empties the disk.
func TestTheControlFileIsHidden(t *testing.T) {
	dir := mounted(t)
	empty := exec.Command("find", dir, "-mindepth", "1", "-delete")
	if said, err := empty.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	f, err := os.Create(filepath.Join(dir, ControlName))
	must(t, err)
	must(t, f.Close())
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) > 0 {
		t.Errorf("there is %v", entries)
	}
}
