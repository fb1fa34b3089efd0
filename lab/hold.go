package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Names inside the state directory. Who holds the lock holds the lab, for as long as it lives, so
// a socket without a lock is always a dead supervisor's.
const (
	socketFile = "lab.sock"
	lockFile   = "lab.lock"
)

// stateDirs lists where a user's held lab may be found, best first. The second is for users whose
// home directory does not exist or is not theirs.
func stateDirs() []string {
	var dirs []string
	base := os.Getenv("XDG_STATE_HOME")
	if home, err := os.UserHomeDir(); base == "" && err == nil {
		base = filepath.Join(home, ".local", "state")
	}
	if base != "" {
		dirs = append(dirs, filepath.Join(base, "gauntlet"))
	}
	return append(dirs, filepath.Join(os.TempDir(), "gauntlet-"+strconv.Itoa(os.Geteuid())))
}

// openState opens a state directory that belongs to this user alone.
func openState(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	var s unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &s)
	if err == nil && (int(s.Uid) != os.Geteuid() || s.Mode&0o022 != 0) {
		err = fmt.Errorf("%s: writable by others, or not yours", dir)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// makeState returns the first state directory that works, and its open file.
func makeState() (string, *os.File, error) {
	var failures []error
	for _, dir := range stateDirs() {
		err := os.MkdirAll(dir, 0o700)
		if err == nil {
			var f *os.File
			if f, err = openState(dir); err == nil {
				return dir, f, nil
			}
		}
		failures = append(failures, err)
	}
	return "", nil, errors.Join(failures...)
}

// socketAddress is short, however deep the directory lies: a socket's path has room for 107 bytes.
func socketAddress(dir *os.File) *net.UnixAddr {
	name := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketFile)
	return &net.UnixAddr{Name: name, Net: "unixpacket"}
}

// lock takes the user's lock, or says that it is taken.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, &Error{Problem: "a lab is up already", Hint: "verify lab down ends it"}
	}
	return nil, &os.PathError{Op: "flock", Path: f.Name(), Err: err}
}

// awaitRelease returns when no supervisor holds a lock any more.
func awaitRelease() error {
	deadline := time.Now().Add(10 * time.Second)
	for _, dir := range stateDirs() {
		for {
			f, err := lock(dir)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
				break
			}
			if err == nil {
				f.Close()
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the lab's supervisor does not end: %w", err)
			}
			time.Sleep(5 * time.Millisecond) // flock(2) cannot wait with a deadline
		}
	}
	return nil
}

func hold(ctx context.Context, o Options, ready func(*Lab)) error {
	dir, state, err := makeState()
	if err != nil {
		return err
	}
	defer state.Close()
	held, err := lock(dir)
	if err != nil {
		return err
	}
	defer held.Close()
	if o.Dir == "" {
		o.Dir = filepath.Join(dir, "lab")
	}
	l, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer l.Close()
	socket := filepath.Join(dir, socketFile)
	os.Remove(socket) // a dead supervisor's: the lock is ours
	listener, err := net.ListenUnix("unixpacket", socketAddress(state))
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	defer os.Remove(socket)
	defer listener.Close()
	go l.tree.admit(listener)
	ready(l)
	select {
	case <-ctx.Done():
	case <-l.tree.gone:
	}
	return nil
}

// admit hands every client's connection to lab init, unread.
func (t *tree) admit(listener *net.UnixListener) {
	for {
		c, err := listener.AcceptUnix()
		if err != nil {
			return
		}
		if f, err := c.File(); err == nil {
			t.root.send(struct{}{}, f)
			f.Close()
		}
		c.Close()
	}
}

// runHold is the supervisor that Up leaves behind.
func runHold(up *link) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	signal.Ignore(unix.SIGHUP)
	var o Options
	if _, err := up.receive(&o); err != nil {
		return err
	}
	err := hold(ctx, o, func(*Lab) { up.send(initReport{}) })
	if err != nil {
		up.send(report(err))
	}
	return err
}

func up(ctx context.Context, o Options) (*Lab, error) {
	if l, ok, _ := attach(); ok {
		return nil, &Error{
			Problem: "a lab is up already, in " + l.Dir(), Hint: "verify lab down ends it",
		}
	}
	if o.Dir != "" {
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return nil, err
		}
		o.Dir = dir
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	supervisor, err := spawn(roleHold, &syscall.SysProcAttr{Setsid: true}, null)
	if err != nil {
		return nil, err
	}
	defer supervisor.down.close()
	stop := context.AfterFunc(ctx, func() { supervisor.Process.Kill() })
	defer stop()
	var r initReport
	if err = supervisor.down.send(o); err == nil {
		_, err = supervisor.down.receive(&r)
	}
	if err == nil {
		err = r.err()
	}
	if err != nil {
		supervisor.Process.Kill()
		supervisor.Wait()
		return nil, err
	}
	supervisor.Process.Release()
	l, ok, err := attach()
	if err == nil && !ok {
		err = errGone
	}
	return l, err
}

func attach() (*Lab, bool, error) {
	for _, dir := range stateDirs() {
		l := &Lab{connect: func() (*link, error) { return connect(dir) }}
		c, err := l.connect()
		absent := errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) ||
			errors.Is(err, unix.ENOTDIR)
		if absent {
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("looking for a lab in %s: %w", dir, err)
		}
		c.close()
		s, err := l.status()
		if errors.Is(err, errGone) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		l.dir, l.hosts = s.Dir, s.Hosts
		return l, true, nil
	}
	return nil, false, nil
}

func connect(dir string) (*link, error) {
	state, err := openState(dir)
	if err != nil {
		return nil, err
	}
	defer state.Close()
	c, err := net.DialUnix("unixpacket", nil, socketAddress(state))
	if err != nil {
		return nil, err
	}
	return &link{c}, nil
}
