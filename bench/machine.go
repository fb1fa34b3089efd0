package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// describeMachine tells what the figures depend on, the cost of a sync above all.
func describeMachine(ctx context.Context, work string) (string, error) {
	sync, err := timeSync(ctx, work)
	if err != nil {
		return "", err
	}
	var system unix.Utsname
	if err := unix.Uname(&system); err != nil {
		return "", err
	}
	var memory unix.Sysinfo_t
	if err := unix.Sysinfo(&memory); err != nil {
		return "", err
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(work, &disk); err != nil {
		return "", err
	}
	if disk.Type == unix.TMPFS_MAGIC {
		return "", fmt.Errorf("%s is in memory: nothing there is ever synced", work)
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Machine: %d processors, %d GiB of memory, Linux %s, %s; a write of 4 KiB\n"+
		"with its fdatasync takes %v (median of %d); load average at the start %s; %s.\n\n",
		runtime.NumCPU(), memory.Totalram>>30, unix.ByteSliceToString(system.Release[:]),
		runtime.Version(), sync.Round(time.Microsecond), syncs,
		strings.Fields(string(load))[0], time.Now().UTC().Format("2006-01-02")), nil
}

// syncs is how many writes timeSync makes.
const syncs = 200

// timeSync measures the disk as a write-ahead log uses it: into a file that is already there.
func timeSync(ctx context.Context, work string) (time.Duration, error) {
	if err := os.MkdirAll(work, 0o700); err != nil {
		return 0, err
	}
	f, err := os.Create(filepath.Join(work, "sync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4<<10)
	if _, err := f.Write(make([]byte, syncs*len(page))); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	var took []time.Duration
	for i := range syncs {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		began := time.Now()
		if _, err := f.WriteAt(page, int64(i*len(page))); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
