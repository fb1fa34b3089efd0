// Package target is what is under test and where it runs. A Host is a machine reached over SSH,
// whether the embedded lab made it or an inventory file names it. A Target is a replicated
// system on such hosts: deployed, started, killed, observed. Each target has a file of its own
// and is a black box: nothing of its source is imported here.
//
// Paths on a host are absolute or relative to the SSH user's home directory.
package target

import (
	"context"
	"io"
	"net"
	"time"

	"gauntlet/history"
)

// DialFunc connects to an address. The lab has one of its own, which connects inside its
// network namespace.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// HostConfig says how to reach one host. Zero durations and a nil Dial take the defaults named.
type HostConfig struct {
	Name       string // unique among the hosts of a run
	Address    string // on the data network, where the target listens: an IP address
	SSH        string // "host:port"
	User       string
	KeyFile    string // a private key without passphrase; "" if Agent
	Agent      bool   // also offer the keys of the agent at SSH_AUTH_SOCK
	KnownHosts string // file in the format of sshd(8); a host it does not name is refused

	Jump       *HostConfig       // go through this one; only what is about SSH counts; nil: directly
	Become     []string          // words before a command that make it root's, as "sudo", "-n"
	Labels     map[string]string // what the inventory says of it, for people and reports
	SharedWith string            // who else uses this host: a warning to print; "" if nobody
	Cluster    string            // whose consent marker the host must show; "" if none is known
	Disk       string            // a lossy disk's mount for the nodes' data; "": they lie in HOME

	Dial           DialFunc      // net.Dialer
	ConnectTimeout time.Duration // TCP, handshake and authentication: 10 s
	KeepAlive      time.Duration // a connection silent for this long after a question is dead: 5 s
}

// Command is one POSIX shell script to run on a host, in the home directory.
type Command struct {
	Script    string    // text of the program: never paste untrusted values into it ...
	Args      []string  // ... pass them here: the script sees $1, $2, ... exactly as they are
	Stdin     io.Reader // nil: empty
	MaxOutput int       // bytes kept of each of stdout and stderr: 0 means 1 MiB
	Root      bool      // run as root, by HostConfig.Become if the login is not; HOME stays its own
}

// Result is what a command that ran to its end said.
type Result struct {
	Stdout    []byte
	Stderr    []byte
	Exit      int  // exit status; 128 + n if signal n ended it
	Truncated bool // more was written than MaxOutput; the rest was read and dropped
}

// Process names one process of a host for ever: a pid alone may be reused.
type Process struct {
	PID       int
	StartTime uint64 // field 22 of /proc/PID/stat: clock ticks since the host's boot
}

// Target is a replicated system under test, one node on each host. All methods may be called
// again after an error.
type Target interface {
	Name() string
	// Deploy makes the run root and uploads what the target needs, unless the host has it
	// already.
	Deploy(ctx context.Context, h *Host) error
	// Start returns when the node answers. If the node dies instead, the error shows its last
	// log lines. A node that is already running is left alone.
	Start(ctx context.Context, h *Host) (Process, error)
	// Kill ends the node's process with SIGKILL and returns when it is gone, or if it already
	// was.
	Kill(ctx context.Context, h *Host) error
	// Process is the node's process, or an error that is ErrNotRunning.
	Process(ctx context.Context, h *Host) (Process, error)
	// Wipe removes the data of a node that is not running.
	Wipe(ctx context.Context, h *Host) error
	// Remove removes everything of the run from a host where nothing of it is running.
	Remove(ctx context.Context, h *Host) error
	// Logs fetches the node's log and configuration into dir, which is this node's own.
	Logs(ctx context.Context, h *Host, dir string) error
	// Observe asks the node what it believes, through SSH, so that no partition is in the way.
	// At is left zero.
	Observe(ctx context.Context, h *Host) (history.Observation, error)
	// Claims reads the leadership claims from a directory that Logs filled. At is left zero.
	Claims(dir string) ([]history.Observation, error)
	// ClientAddress is where clients reach the node of a host.
	ClientAddress(h *Host) string
	// PeerPort is the TCP port on which nodes reach each other.
	PeerPort() int
}
