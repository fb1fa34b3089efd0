// Package mount gives a lossydisk.Disk to processes, as a FUSE file system. It needs /dev/fuse and
// root. The disk is empty when it is mounted, and is as lasting as the process that serves it: when
// that dies, by whatever, the kernel fails everything that is asked of the mount, and who keeps it
// in a mount namespace of its own has nothing to undo.
package mount

import (
	"fmt"

	"github.com/hanwen/go-fuse/v2/fuse"

	"gauntlet/lab/lossydisk"
)

// maxWrite is the most that one request of the kernel carries, in bytes: what it allows at most.
const maxWrite = 1 << 20

// Serve mounts an empty disk at a directory, calls ready, and serves until somebody unmounts it.
// What is durable of it is kept in the directory content, which should lie on a real disk, and is
// emptied first.
//
// The serving process must never hold a file of the mount open: as it dies, the kernel would have
// it answer a last request about that file, and it never could. So it needs to be a process of its
// own.
func Serve(dir, content string, ready func()) error {
	store, err := newStore(content)
	if err != nil {
		return fmt.Errorf("lossy disk: %w", err)
	}
	defer store.close()
	server, err := fuse.NewServer(newFileSystem(lossydisk.New(store)), dir, &fuse.MountOptions{
		FsName: "lossydisk", Name: "lossydisk", DirectMountStrict: true, DisableXAttrs: true,
		MaxWrite: maxWrite, DisableReadDirPlus: true, AllowOther: true,
	})
	if err != nil {
		return fmt.Errorf("mounting a lossy disk: %w", err)
	}
	go server.Serve()
	if err := server.WaitMount(); err != nil {
		return fmt.Errorf("mounting a lossy disk: %w", err)
	}
	ready()
	server.Wait()
	return nil
}
