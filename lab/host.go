package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"gauntlet/lab/sshd"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// hostHome is $HOME on a host: a bind of its directory on the machine's disk.
const hostHome = "/run/home"

// hostConfig goes down to host init, and on to its SSH server.
type hostConfig struct {
	Host
	Home          string `json:"home"`          // on the machine
	HostKey       []byte `json:"hostKey"`       // PEM; never on disk
	AuthorizedKey []byte `json:"authorizedKey"` // wire format
}

// runHost is pid 1 of a host. The message that it waits for comes after its network cable.
func runHost(up *link) error {
	// Dropping a capability and forking must happen on the same thread.
	runtime.LockOSThread()
	var config hostConfig
	if _, err := up.receive(&config); err != nil {
		return err
	}
	vital, err := config.boot()
	if sendErr := up.send(report(err)); sendErr != nil {
		return sendErr
	}
	if err != nil {
		return err
	}
	return reap(vital)
}

// boot returns the processes without which this is no host, by pid.
func (c hostConfig) boot() (map[int]string, error) {
	vital := map[int]string{}
	if err := c.mount(); err != nil {
		return nil, err
	}
	if err := consent(hostHome); err != nil {
		return nil, err
	}
	if c.Disk != "" {
		disk, err := attachDisk()
		if err != nil {
			return nil, err
		}
		vital[disk.Process.Pid] = "lossy disk"
	}
	if err := protectMachine(); err != nil {
		return nil, err
	}
	if err := unix.Sethostname([]byte(c.Name)); err != nil {
		return nil, fmt.Errorf("hostname: %w", err)
	}
	if err := configureHost(c.Address); err != nil {
		return nil, err
	}
	at := net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.Address, sshPort))
	listener, err := net.ListenTCP("tcp", at)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	f, err := listener.File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	server, err := spawn(roleSSH, &unix.SysProcAttr{Setsid: true}, os.Stderr)
	if err != nil {
		return nil, err
	}
	vital[server.Process.Pid] = "ssh server"
	return vital, server.down.send(c, f)
}

// mount gives this mount namespace a /proc and /sys that tell of this host, and a /run and /tmp
// that are empty and its own.
func (c hostConfig) mount() error {
	// Opened first: the path may lead through what is covered below.
	home, err := os.OpenFile(c.Home, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer home.Close()
	const strict = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	const scratch = unix.MS_NOSUID | unix.MS_NODEV
	for _, m := range []struct {
		kind, target string
		flags        uintptr
		options      string
	}{
		{"proc", "/proc", strict, ""},
		{"sysfs", "/sys", strict, ""},
		{"tmpfs", "/run", scratch, "mode=0755"},
		{"tmpfs", "/tmp", scratch, "mode=1777"},
	} {
		if err := unix.Mount(m.kind, m.target, m.kind, m.flags, m.options); err != nil {
			return fmt.Errorf("mounting %s: %w", m.target, err)
		}
	}
	if err := os.Mkdir(hostHome, 0o700); err != nil {
		return err
	}
	source := fmt.Sprintf("/proc/self/fd/%d", home.Fd())
	if err := unix.Mount(source, hostHome, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mounting %s: %w", hostHome, err)
	}
	return nil
}

// protectMachine takes from the host what would reach past it: the machine's clock and its reset
// button. What namespaces separate needs no protection.
func protectMachine() error {
	err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_TIME, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("dropping CAP_SYS_TIME: %w", err)
	}
	const button = "/proc/sysrq-trigger"
	err = unix.Mount(button, button, "", unix.MS_BIND, "")
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err == nil {
		err = unix.Mount("", button, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|
			unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	}
	if err != nil {
		return fmt.Errorf("protecting %s: %w", button, err)
	}
	return nil
}

// reap is the life of pid 1: bury orphans until one of the vital processes has ended.
func reap(vital map[int]string) error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case vital[pid] != "":
			return fmt.Errorf("the %s ended: status %#x", vital[pid], uint32(status))
		}
	}
}

// runSSH is a host's SSH server, apart from pid 1 so that burying orphans never takes the exit
// status of a command from it.
func runSSH(up *link) error {
	sshd.DefaultSignals()
	var config hostConfig
	files, err := up.receive(&config)
	if err != nil {
		return err
	}
	defer closeAll(files)
	if len(files) != 1 {
		return fmt.Errorf("%d listening sockets, want 1", len(files))
	}
	listener, err := net.FileListener(files[0])
	if err != nil {
		return err
	}
	key, err := ssh.ParsePrivateKey(config.HostKey)
	if err != nil {
		return err
	}
	client, err := ssh.ParsePublicKey(config.AuthorizedKey)
	if err != nil {
		return err
	}
	return sshd.Serve(listener, sshd.Config{
		HostKey: key, AuthorizedKey: client, User: config.User, Home: hostHome,
	})
}
