// Package lab makes hosts out of Linux namespaces and takes them away again without a trace.
//
// A lab host has its own network stack, process tree, mounts, hostname and SSH server; its home
// directory lies on the machine's disk. To everything above it is a host like any other, reached
// through Lab.Dial instead of a net.Dialer.
//
// The process tree, and why nothing needs to be undone:
//
//	controller or supervisor      holds one end of a socket pair, the life line
//	└─ lab init                   pid 1 of its own pid namespace; bridge; control service
//	   ├─ host init n1            pid 1 of a nested pid namespace; mounts; reaper
//	   │  └─ ssh server           commands, terminals, forwarding
//	   └─ host init n2 ...
//
// When a pid 1 dies, the kernel kills every process below it, and a network or mount namespace
// vanishes with its last process. Lab init dies with its parent (parent-death signal, and the end
// of the life line), so kill -9 of any process of the tree leaves no part of the tree below it.
package lab

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"time"
)

// Options say what to build.
type Options struct {
	Hosts int    // how many, named n1..nN; 1 to MaxHosts
	Dir   string // keys/ and one directory a host are made here; should be on a real disk
	Lossy bool   // each host has a disk that can lose what was not synced; needs root
}

// MaxHosts bounds Options.Hosts.
const MaxHosts = 200

// Host is one host of a lab, as an SSH client needs to know it.
type Host struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"` // on the lab's only network, 198.18.0.0/15
	SSHPort int        `json:"sshPort"`
	User    string     `json:"user"`
	Disk    string     `json:"disk,omitempty"` // where its lossy disk is mounted; "": it has none
}

// Status is what a lab says of itself.
type Status struct {
	Hosts  []Host    `json:"hosts"`
	Dead   []string  `json:"dead,omitempty"`   // hosts whose first process has ended
	Holder string    `json:"holder,omitempty"` // the run that holds the lab, see Acquire
	Since  time.Time `json:"since"`            // when the lab came up
	Dir    string    `json:"dir"`              // absolute
	PID    int       `json:"pid"`              // of lab init, as the machine sees it
}

// Lab is a running lab. All methods may be called from several goroutines.
type Lab struct {
	dir     string
	hosts   []Host
	connect func() (*link, error) // opens one control connection
	tree    *tree                 // the processes below, nil if another process owns the lab
	closed  sync.Once
}

// Error is a failure that a person can do something about: one line, and a hint.
type Error struct {
	Problem string
	Hint    string
	Err     error // may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Problem
	}
	return e.Problem + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Start makes a lab that lives no longer than this process, and returns when every host answers.
// Cancelling ctx ends the attempt, not the lab.
func Start(ctx context.Context, o Options) (*Lab, error) { return start(ctx, o) }

// Up makes a lab that outlives this process and its terminal. Attach finds it, Down ends it.
// A user holds at most one.
func Up(ctx context.Context, o Options) (*Lab, error) { return up(ctx, o) }

// Hold is Up in the foreground: it calls ready once the lab is up, and returns when ctx ends or
// somebody calls Down.
func Hold(ctx context.Context, o Options, ready func(*Lab)) error { return hold(ctx, o, ready) }

// Attach finds the lab that this user holds with Up or Hold; false if there is none.
func Attach() (*Lab, bool, error) { return attach() }

// Hosts lists the lab's hosts in order of their names' numbers.
func (l *Lab) Hosts() []Host { return append([]Host(nil), l.hosts...) }

// Dir is the absolute directory with the lab's keys and its hosts' homes.
func (l *Lab) Dir() string { return l.dir }

// KeyFile is the private key, OpenSSH format, that every host accepts.
func (l *Lab) KeyFile() string { return filepath.Join(l.dir, keyFile) }

// KnownHostsFile pins the host keys, which are new in every lab.
func (l *Lab) KnownHostsFile() string { return filepath.Join(l.dir, knownHostsFile) }

// Dial connects from inside the lab's network and hands the connected socket over, so this process
// never enters a namespace. Only TCP. Errors are as net.Dialer's: *net.OpError with the errno.
func (l *Lab) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return l.dial(ctx, network, address)
}

// Acquire reserves the lab for one run at a time. The reservation ends with release, and by itself
// when this process dies.
func (l *Lab) Acquire(run string) (release func(), err error) { return l.acquire(run) }

// Status asks the lab.
func (l *Lab) Status() (Status, error) { return l.status() }

// Shell runs a command on a host, or its shell if command is empty, on this process's stdin, stdout
// and stderr; with a terminal of its own if stdin is one. It returns the command's exit status.
func (l *Lab) Shell(ctx context.Context, host, command string) (int, error) {
	return l.shell(ctx, host, command)
}

// Close ends a lab made by Start and returns when its last process is gone; connections obtained
// from Dial keep only an empty network namespace alive. A lab from Up or Attach lives on.
func (l *Lab) Close() error {
	if l.tree == nil {
		return nil
	}
	l.closed.Do(func() {
		l.tree.end()
		removeLeftovers(l.dir, l.hosts)
	})
	return nil
}

// Down ends the lab, whoever made it, and returns when its last process is gone.
func (l *Lab) Down() error {
	if l.tree != nil {
		return l.Close()
	}
	return l.down()
}
