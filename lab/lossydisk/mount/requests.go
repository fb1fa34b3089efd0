package mount

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"gauntlet/lab/lossydisk"
)

// fileSystem translates the kernel's requests. Nodes have the numbers of the disk's. The handle of
// a file is the life of the disk in which it was opened. The kernel may cache nothing but the pages
// of an open file: what a power cut leaves differs from what it knew.
type fileSystem struct {
	fuse.RawFileSystem // answers ENOSYS to all that is not below
	disk               *lossydisk.Disk

	mu       sync.Mutex
	talks    map[uint64]*talk    // open control files, by handle
	listings map[uint64]*listing // open directories, by handle
	last     uint64              // the latest handle of these
}

// talk is an open control file.
type talk struct{ answer []byte }

// controlNode is no node of the disk, whose numbers count up from the root's.
const controlNode = 1 << 62

func newFileSystem(disk *lossydisk.Disk) *fileSystem {
	return &fileSystem{RawFileSystem: fuse.NewDefaultRawFileSystem(), disk: disk,
		talks: map[uint64]*talk{}, listings: map[uint64]*listing{}}
}

// status is what the kernel is told of an error. What the store says of a real disk is EIO.
func status(err error) fuse.Status {
	var errno syscall.Errno
	switch {
	case err == nil:
		return fuse.OK
	case errors.As(err, &errno):
		return fuse.Status(errno)
	}
	return fuse.EIO
}

func handle(number, handle uint64) lossydisk.Handle {
	return lossydisk.Handle{File: number, Life: lossydisk.Life(handle)}
}

// modeOf is a mode as the kernel writes it.
func modeOf(mode fs.FileMode) uint32 {
	kind := uint32(syscall.S_IFREG)
	switch mode.Type() {
	case fs.ModeDir:
		kind = syscall.S_IFDIR
	case fs.ModeSymlink:
		kind = syscall.S_IFLNK
	}
	return kind | uint32(mode.Perm())
}

const blockBytes = 512 // the unit in which stat counts

func fill(a lossydisk.Attributes, out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink = a.Number, modeOf(a.Mode), 1
	out.Size = uint64(a.Size)
	out.Blocks = (out.Size + blockBytes - 1) / blockBytes
	out.SetTimes(&a.Changed, &a.Changed, &a.Changed)
}

// entry tells the kernel of a node, which it will have to forget.
func (f *fileSystem) entry(a lossydisk.Attributes, err error, out *fuse.EntryOut) fuse.Status {
	if err != nil {
		return status(err)
	}
	f.disk.Pin(a.Number)
	out.NodeId, out.Generation = a.Number, 1
	fill(a, &out.Attr)
	return fuse.OK
}

func (f *fileSystem) control() lossydisk.Attributes {
	return lossydisk.Attributes{Number: controlNode, Mode: 0o600}
}

func (f *fileSystem) Lookup(
	_ <-chan struct{}, header *fuse.InHeader, name string, out *fuse.EntryOut,
) fuse.Status {
	if header.NodeId == lossydisk.Root && name == ControlName {
		return f.entry(f.control(), nil, out)
	}
	a, err := f.disk.Lookup(header.NodeId, name)
	return f.entry(a, err, out)
}

func (f *fileSystem) Forget(number, times uint64) { f.disk.Unpin(number, times) }

func (f *fileSystem) GetAttr(
	_ <-chan struct{}, input *fuse.GetAttrIn, out *fuse.AttrOut,
) fuse.Status {
	return f.attributes(input.NodeId, out)
}

func (f *fileSystem) attributes(number uint64, out *fuse.AttrOut) fuse.Status {
	if number == controlNode {
		fill(f.control(), &out.Attr)
		return fuse.OK
	}
	a, err := f.disk.Stat(number)
	if err != nil && number == lossydisk.Root { // whoever has no power can still be told so
		a, err = lossydisk.Attributes{Number: number, Mode: fs.ModeDir | 0o700}, nil
	}
	fill(a, &out.Attr)
	return status(err)
}

func (f *fileSystem) SetAttr(
	_ <-chan struct{}, input *fuse.SetAttrIn, out *fuse.AttrOut,
) fuse.Status {
	if input.NodeId == controlNode {
		return f.attributes(input.NodeId, out)
	}
	if mode, ok := input.GetMode(); ok {
		if err := f.disk.Chmod(input.NodeId, fs.FileMode(mode)); err != nil {
			return status(err)
		}
	}
	if size, ok := input.GetSize(); ok {
		if err := f.disk.Resize(input.NodeId, int64(size)); err != nil {
			return status(err)
		}
	}
	return f.attributes(input.NodeId, out)
}

func (f *fileSystem) made(
	dir uint64, name string, mode fs.FileMode, target string, out *fuse.EntryOut,
) fuse.Status {
	if dir == lossydisk.Root && name == ControlName {
		return fuse.Status(syscall.EEXIST)
	}
	a, err := f.disk.Make(dir, name, mode, target)
	return f.entry(a, err, out)
}

func (f *fileSystem) Mknod(
	_ <-chan struct{}, input *fuse.MknodIn, name string, out *fuse.EntryOut,
) fuse.Status {
	if kind := input.Mode & syscall.S_IFMT; kind != syscall.S_IFREG && kind != 0 {
		return fuse.EPERM
	}
	return f.made(input.NodeId, name, fs.FileMode(input.Mode).Perm(), "", out)
}

func (f *fileSystem) Mkdir(
	_ <-chan struct{}, input *fuse.MkdirIn, name string, out *fuse.EntryOut,
) fuse.Status {
	return f.made(input.NodeId, name, fs.ModeDir|fs.FileMode(input.Mode).Perm(), "", out)
}

func (f *fileSystem) Symlink(
	_ <-chan struct{}, header *fuse.InHeader, target, name string, out *fuse.EntryOut,
) fuse.Status {
	return f.made(header.NodeId, name, fs.ModeSymlink|0o777, target, out)
}

func (f *fileSystem) Readlink(_ <-chan struct{}, header *fuse.InHeader) ([]byte, fuse.Status) {
	target, err := f.disk.Target(header.NodeId)
	return []byte(target), status(err)
}

func (f *fileSystem) Link(
	_ <-chan struct{}, input *fuse.LinkIn, name string, out *fuse.EntryOut,
) fuse.Status {
	a, err := f.disk.Link(input.Oldnodeid, input.NodeId, name)
	return f.entry(a, err, out)
}

func (f *fileSystem) Unlink(_ <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	return status(f.disk.Remove(header.NodeId, name, false))
}

func (f *fileSystem) Rmdir(_ <-chan struct{}, header *fuse.InHeader, name string) fuse.Status {
	return status(f.disk.Remove(header.NodeId, name, true))
}

// renameKeep is the kernel's RENAME_NOREPLACE.
const renameKeep = 1

func (f *fileSystem) Rename(
	_ <-chan struct{}, input *fuse.RenameIn, from, to string,
) fuse.Status {
	if input.Flags&^renameKeep != 0 {
		return fuse.EINVAL
	}
	return status(f.disk.Rename(input.NodeId, from, input.Newdir, to, input.Flags == renameKeep))
}

func (f *fileSystem) StatFs(
	_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut,
) fuse.Status {
	const pageBytes, room = 4096, 1 << 40
	out.Bsize, out.Frsize, out.NameLen = pageBytes, pageBytes, 255
	out.Blocks, out.Bfree, out.Bavail = room/pageBytes, room/pageBytes, room/pageBytes
	return fuse.OK
}

// dying tells whether the process behind a request is being killed. It waits for our answer first,
// so whoever holds it up must look; interrupts do not tell, as any signal is one.
func dying(header *fuse.InHeader) func() bool {
	return func() bool {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(int(header.Pid)) + "/status")
		if err != nil {
			return header.Pid != 0 && errors.Is(err, fs.ErrNotExist)
		}
		for line := range strings.Lines(string(text)) {
			name, bits, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			if name != "SigPnd" && name != "ShdPnd" {
				continue
			}
			pending, err := strconv.ParseUint(bits, 16, 64)
			if err == nil && pending&(1<<(syscall.SIGKILL-1)) != 0 {
				return true
			}
		}
		return false
	}
}
