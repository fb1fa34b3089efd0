package mount

import (
	"io/fs"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"gauntlet/lab/lossydisk"
)

// What the kernel asks of files and directories that are open.

func (f *fileSystem) Open(
	_ <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut,
) fuse.Status {
	if input.NodeId == controlNode {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.last++
		f.talks[f.last] = &talk{}
		out.Fh, out.OpenFlags = f.last, fuse.FOPEN_DIRECT_IO|fuse.FOPEN_STREAM
		return fuse.OK
	}
	if _, err := f.disk.Stat(input.NodeId); err != nil {
		return status(err)
	}
	if input.Flags&syscall.O_TRUNC != 0 {
		if err := f.disk.Resize(input.NodeId, 0); err != nil {
			return status(err)
		}
	}
	out.Fh = uint64(f.disk.Life())
	return fuse.OK
}

func (f *fileSystem) Create(
	_ <-chan struct{}, input *fuse.CreateIn, name string, out *fuse.CreateOut,
) fuse.Status {
	out.Fh = uint64(f.disk.Life())
	return f.made(input.NodeId, name, fs.FileMode(input.Mode).Perm(), "", &out.EntryOut)
}

func (f *fileSystem) Release(_ <-chan struct{}, input *fuse.ReleaseIn) {
	if input.NodeId == controlNode {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.talks, input.Fh)
	}
}

func (f *fileSystem) Read(
	_ <-chan struct{}, input *fuse.ReadIn, buffer []byte,
) (fuse.ReadResult, fuse.Status) {
	if input.NodeId == controlNode {
		f.mu.Lock()
		defer f.mu.Unlock()
		t := f.talks[input.Fh]
		n := copy(buffer, t.answer)
		t.answer = t.answer[n:]
		return fuse.ReadResultData(buffer[:n]), fuse.OK
	}
	n, err := f.disk.Read(handle(input.NodeId, input.Fh), buffer, int64(input.Offset))
	return fuse.ReadResultData(buffer[:n]), status(err)
}

func (f *fileSystem) Write(
	_ <-chan struct{}, input *fuse.WriteIn, data []byte,
) (uint32, fuse.Status) {
	if input.NodeId == controlNode {
		return f.hear(input.Fh, data)
	}
	err := f.disk.Write(handle(input.NodeId, input.Fh), data, int64(input.Offset))
	if err != nil {
		return 0, status(err)
	}
	return uint32(len(data)), fuse.OK
}

// hear takes a command, which is answered to whoever reads next.
func (f *fileSystem) hear(handle uint64, data []byte) (uint32, fuse.Status) {
	if len(data) > maxCommand {
		return 0, fuse.EINVAL
	}
	answer, err := obey(f.disk, strings.TrimSpace(string(data)))
	if err != nil {
		return 0, fuse.EINVAL
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.talks[handle].answer = []byte(answer)
	return uint32(len(data)), fuse.OK
}

func (f *fileSystem) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

func (f *fileSystem) Fsync(_ <-chan struct{}, input *fuse.FsyncIn) fuse.Status {
	if input.NodeId == controlNode {
		return fuse.OK
	}
	return status(f.disk.Sync(handle(input.NodeId, input.Fh), dying(&input.InHeader)))
}

func (f *fileSystem) Fallocate(_ <-chan struct{}, input *fuse.FallocateIn) fuse.Status {
	if input.Mode != 0 {
		return fuse.Status(syscall.EOPNOTSUPP)
	}
	a, err := f.disk.Stat(input.NodeId)
	if end := int64(input.Offset + input.Length); err == nil && end > a.Size {
		err = f.disk.Resize(input.NodeId, end)
	}
	return status(err)
}

// listing is an open directory. What is in it is looked up when the first of it is asked for.
type listing struct {
	life  lossydisk.Life
	names []string
	all   []lossydisk.Attributes
}

func (f *fileSystem) OpenDir(
	_ <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut,
) fuse.Status {
	if _, err := f.disk.Stat(input.NodeId); err != nil {
		return status(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.listings[f.last] = &listing{life: f.disk.Life()}
	out.Fh = f.last
	return fuse.OK
}

func (f *fileSystem) ReadDir(
	_ <-chan struct{}, input *fuse.ReadIn, out *fuse.DirEntryList,
) fuse.Status {
	l := f.listing(input.Fh)
	if input.Offset == 0 {
		var err error
		l.names, l.all, err = f.disk.Entries(handle(input.NodeId, uint64(l.life)))
		if err != nil {
			return status(err)
		}
	}
	for i := int(input.Offset); i < len(l.names); i++ {
		e := fuse.DirEntry{Name: l.names[i], Ino: l.all[i].Number, Mode: modeOf(l.all[i].Mode)}
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

func (f *fileSystem) listing(handle uint64) *listing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.listings[handle]
}

func (f *fileSystem) ReleaseDir(input *fuse.ReleaseIn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.listings, input.Fh)
}

func (f *fileSystem) FsyncDir(_ <-chan struct{}, input *fuse.FsyncIn) fuse.Status {
	h := handle(input.NodeId, uint64(f.listing(input.Fh).life))
	return status(f.disk.SyncDir(h, dying(&input.InHeader)))
}
