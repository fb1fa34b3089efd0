package lab

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"gauntlet/lab/lossydisk/mount"
)

// The lossy disk of a host: where it is mounted there, and where what is durable of it is kept, on
// the machine's disk.
const (
	diskPath   = "/run/disk"
	diskKept   = hostHome + "/" + diskFolder
	diskFolder = ".disk"
)

// attachDisk has a process of the host serve a lossy disk, and returns when it can be used. Mount
// and process end with the host's namespaces.
func attachDisk() (*child, error) {
	if err := os.Mkdir(diskPath, 0o700); err != nil {
		return nil, err
	}
	server, err := spawn(roleDisk, &unix.SysProcAttr{Setsid: true}, os.Stderr)
	if err != nil {
		return nil, err
	}
	var r initReport
	if _, err := server.down.receive(&r); err != nil {
		return nil, fmt.Errorf("the lossy disk: %w", err)
	}
	if r.Error != "" {
		return nil, &Error{Problem: r.Error, Hint: "lossy disks need root and /dev/fuse"}
	}
	return server, nil
}

// runDisk is the process that serves a host's lossy disk.
func runDisk(up *link) error {
	mounted := false
	err := mount.Serve(diskPath, diskKept, func() {
		mounted = true
		up.send(initReport{})
	})
	if !mounted {
		return errors.Join(err, up.send(report(err)))
	}
	return err
}
