package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The parts that this program plays when it executes itself again, as its first argument.
const (
	roleInit  = "__lab-init"
	roleHost  = "__lab-host"
	roleSSH   = "__lab-sshd"
	roleDisk  = "__lab-disk"
	roleHold  = "__lab-hold"
	roleProbe = "__lab-probe"
)

var roles = map[string]func(*link) error{
	roleInit:  runInit,
	roleHost:  runHost,
	roleSSH:   runSSH,
	roleDisk:  runDisk,
	roleHold:  runHold,
	roleProbe: runProbe,
}

// IsReexec reports whether this process is a part of a lab, so that main must call Main at once.
func IsReexec(args []string) bool { return len(args) == 2 && roles[args[1]] != nil }

// Main plays the part that args name and returns the exit code.
func Main(args []string) int {
	up, err := linkFrom(os.NewFile(3, "parent"))
	if err == nil {
		err = roles[args[1]](up)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s %s: %v\n", time.Now().Format(time.DateTime), args[1][2:], err)
		return 1
	}
	return 0
}

// child is this program, executed again to play a part; down leads to it.
type child struct {
	*exec.Cmd
	down *link
}

// spawn starts a child whose stdout and stderr go to log.
func spawn(role string, attr *syscall.SysProcAttr, log *os.File) (*child, error) {
	down, theirs, err := newLink()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd := exec.Command("/proc/self/exe") // also right when the file was replaced meanwhile
	cmd.Args = []string{filepath.Base(os.Args[0]), role}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		down.close()
		return nil, err
	}
	return &child{cmd, down}, nil
}

// hostNamespaces is what a host has for itself.
const hostNamespaces = unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID |
	unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// rootless maps this user, and nobody else, to root of a user namespace.
func rootless(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= unix.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
}

// spawnIsolated starts a child in namespaces of its own that dies with the calling thread.
// A session of its own keeps the terminal's Ctrl-C from it: who asked for the lab ends it.
func spawnIsolated(role string, log *os.File) (*child, error) {
	attr := func() *syscall.SysProcAttr {
		return &syscall.SysProcAttr{
			Cloneflags: hostNamespaces, Setsid: true, Pdeathsig: unix.SIGKILL,
		}
	}
	if os.Geteuid() == 0 {
		c, err := spawn(role, attr(), log)
		if !errors.Is(err, unix.EPERM) { // root in a container may still have user namespaces
			return c, refusal(err)
		}
	}
	a := attr()
	rootless(a)
	c, err := spawn(role, a, log)
	return c, refusal(err)
}

// refusal explains an error that means that namespaces are not allowed here.
func refusal(err error) error {
	var explained *Error
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) ||
		errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EINVAL)
	if !refused || errors.As(err, &explained) {
		return err
	}
	return &Error{
		Problem: "this machine does not allow a lab",
		Hint: "run as root (in a container: --privileged), or allow user namespaces: sysctl " +
			"user.max_{user,net}_namespaces=10000 kernel.apparmor_restrict_unprivileged_userns=0",
		Err: err,
	}
}

// tree is the processes of a lab, seen from the one that started them.
type tree struct {
	root *link // life line, and the way to hand connections over
	init *child
	gone chan struct{} // closed when lab init, hence every process of the lab, is gone
}

// plant starts lab init. The parent-death signal is tied to the thread that forks (prctl(2)), so
// one thread does nothing but start it and wait for its end.
func plant(log *os.File) (*tree, error) {
	t := &tree{gone: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c, err := spawnIsolated(roleInit, log)
		if err == nil {
			t.init, t.root = c, c.down
		}
		started <- err
		if err == nil {
			c.Wait() // how it ended is in its log
			close(t.gone)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return t, nil
}

// end returns when every process is gone: the kernel reaps a pid namespace before its pid 1.
func (t *tree) end() {
	t.init.Process.Kill()
	<-t.gone
	t.root.close()
}

// initConfig goes down to lab init first; an initReport comes back once, as from every child.
type initConfig struct {
	Hosts []hostConfig `json:"hosts"`
	Dir   string       `json:"dir"`
}

type initReport struct {
	Error string        `json:"error,omitempty"`
	Hint  string        `json:"hint,omitempty"`
	Errno syscall.Errno `json:"errno,omitempty"`
}

func report(err error) initReport {
	if err == nil {
		return initReport{}
	}
	r := initReport{Error: err.Error()}
	errors.As(err, &r.Errno)
	var explained *Error
	if errors.As(err, &explained) {
		r.Hint = explained.Hint
	}
	return r
}

func (r initReport) err() error {
	switch {
	case r.Error == "":
		return nil
	case r.Hint != "":
		return &Error{Problem: r.Error, Hint: r.Hint}
	default:
		return &remoteError{r.Error, r.Errno}
	}
}

// remoteError is an error of another process of the lab.
type remoteError struct {
	text  string
	errno syscall.Errno
}

func (e *remoteError) Error() string { return e.text }

func (e *remoteError) Unwrap() error {
	if e.errno == 0 {
		return nil
	}
	return e.errno
}

func start(ctx context.Context, o Options) (*Lab, error) {
	config, hosts, err := prepare(&o)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(o.Dir, logFile),
		os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	t, err := plant(log)
	if err != nil {
		removeLeftovers(o.Dir, hosts)
		return nil, err
	}
	l := &Lab{dir: o.Dir, hosts: hosts, tree: t, connect: t.connect}
	stop := context.AfterFunc(ctx, t.root.close)
	err = t.configure(config)
	if !stop() {
		err = fmt.Errorf("lab: %w", context.Cause(ctx))
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (t *tree) configure(c initConfig) error {
	if err := t.root.send(c); err != nil {
		return err
	}
	var r initReport
	_, err := t.root.receive(&r)
	if errors.Is(err, io.EOF) {
		return &Error{Problem: "the lab died while it started", Hint: "see " +
			filepath.Join(c.Dir, logFile)}
	}
	if err != nil {
		return err
	}
	return refusal(r.err())
}

// connect makes a control connection by handing one end of a new link to lab init.
func (t *tree) connect() (*link, error) {
	ours, theirs, err := newLink()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	if err := t.root.send(struct{}{}, theirs); err != nil {
		ours.close()
		return nil, err
	}
	return ours, nil
}
