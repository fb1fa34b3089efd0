package wal

import "io"

// memoryFile is an open file of a Memory.
type memoryFile struct {
	m     *Memory
	path  string
	inode *inode
}

// ReadAt reads what a running process sees.
func (f *memoryFile) ReadAt(p []byte, offset int64) (int, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	content := &f.inode.content
	if offset >= int64(content.size) {
		return 0, io.EOF
	}
	n := min(len(p), content.size-int(offset))
	copied := 0
	if int(offset) < len(content.bytes) {
		copied = copy(p, content.bytes[offset:])
	}
	clear(p[copied:n])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes, which makes nothing durable.
func (f *memoryFile) WriteAt(p []byte, offset int64) (int, error) {
	if err := f.m.fault("write", f.path); err != nil {
		return 0, err
	}
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.inode.own()
	data := extentOf(p)
	start := len(f.m.arena)
	f.m.arena = append(f.m.arena, data.bytes...)
	data.bytes = f.m.arena[start:]
	f.inode.content.write(int(offset), data)
	f.m.latest = offset
	f.m.do(operation{kind: write, inode: f.inode, offset: int(offset), data: data})
	return len(p), nil
}

// Size returns the length a running process sees.
func (f *memoryFile) Size() (int64, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(f.inode.content.size), nil
}

// Sync makes the writes durable, or forgets them if it is told to fail.
func (f *memoryFile) Sync() error {
	err := f.m.fault("sync", f.path)
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	o := operation{kind: syncFile, inode: f.inode}
	if err != nil {
		o.kind = failSync
	}
	f.m.do(o)
	return err
}

// Close leaves everything as it is.
func (f *memoryFile) Close() error { return nil }

// memoryLock is a held lock.
type memoryLock struct {
	m    *Memory
	path string
}

// Close releases the lock.
func (l memoryLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.locked, l.path)
	return nil
}
