package target

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The ports of raftd on the data network.
const (
	raftdClientPort = 4400
	raftdPeerPort   = 4401
)

// raftdStartTimeout bounds how long a node may take to answer, if the caller's context does not.
const raftdStartTimeout = 20 * time.Second

// RaftdSpec says what raftd to run.
type RaftdSpec struct {
	Nodes   int    // how many hosts run one
	Binary  string // path on the controller of a static binary for the hosts
	Options RaftdOptions
}

// RaftdOptions are raftd's own. Zero durations mean 300 ms and a sixth of the election timeout.
type RaftdOptions struct {
	Prevote         bool
	CheckQuorum     bool
	ElectionTimeout time.Duration // the minimum, "ET"; the maximum is twice that
	Heartbeat       time.Duration
}

// raftd is the Target of the raftd that comes with Gauntlet.
type raftd struct {
	spec    RaftdSpec
	run     string
	hosts   []*Host
	program func() (program, error)
	clients map[string]*http.Client // by host name: each through that host's SSH connection
}

// program is the binary as it is to lie on the hosts.
type program struct {
	bytes []byte
	path  string // on a host, relative to the home directory: named after the hash
}

// NewRaftd makes a target of raftd on the hosts of a run, whose name is 8 hexadecimal digits.
// What is wrong with the arguments is reported by Deploy.
func NewRaftd(spec RaftdSpec, run string, hosts []*Host) Target {
	if spec.Options.ElectionTimeout <= 0 {
		spec.Options.ElectionTimeout = 300 * time.Millisecond
	}
	if spec.Options.Heartbeat <= 0 {
		spec.Options.Heartbeat = spec.Options.ElectionTimeout / 6
	}
	r := &raftd{spec: spec, run: run, hosts: hosts, clients: map[string]*http.Client{}}
	r.program = sync.OnceValues(r.readProgram)
	for _, h := range hosts {
		r.clients[h.Name()] = &http.Client{Transport: &http.Transport{
			DialContext:     h.Dial,
			MaxConnsPerHost: 1, // each holds one of the host's few channels
		}}
	}
	return r
}

func (r *raftd) Name() string  { return "raftd" }
func (r *raftd) PeerPort() int { return raftdPeerPort }

func (r *raftd) ClientAddress(h *Host) string { return address(h, raftdClientPort) }

func address(h *Host, port int) string { return net.JoinHostPort(h.Address(), strconv.Itoa(port)) }

// root is the run root, absolute.
func (r *raftd) root(h *Host) string { return h.Home() + "/.gauntlet/" + r.run }

var runName = regexp.MustCompile(`^[0-9a-f]{8}$`)

// valid names what is wrong with the arguments of NewRaftd. The run's name becomes part of a
// path that is removed at the end.
func (r *raftd) valid() error {
	switch {
	case !runName.MatchString(r.run):
		return fmt.Errorf("run name %q is not 8 hexadecimal digits", r.run)
	case len(r.hosts) == 0 || r.spec.Nodes != len(r.hosts):
		return fmt.Errorf("%d nodes of raftd, but %d hosts", r.spec.Nodes, len(r.hosts))
	default:
		return nil
	}
}

func (r *raftd) readProgram() (program, error) {
	content, err := os.ReadFile(r.spec.Binary)
	if err != nil {
		return program{}, fmt.Errorf("raftd binary: %w", err)
	}
	sum := sha256.Sum256(content)
	return program{content, ".gauntlet/cache/" + hex.EncodeToString(sum[:])}, nil
}

// Deploy makes the run root and uploads the binary into the cache, which outlives runs.
func (r *raftd) Deploy(ctx context.Context, h *Host) error {
	if err := r.valid(); err != nil {
		return h.fail("deploy", "", err)
	}
	program, err := r.program()
	if err != nil {
		return h.fail("deploy", "", err)
	}
	result, err := h.Run(ctx, Command{
		Script: `set -eu
			umask 077
			mkdir -p .gauntlet/cache "$1/pids" "$1/data" "$1/log"
			[ -x "$2" ] && [ "$(sha256sum <"$2")" = "${2##*/}  -" ] || exit 44`,
		Args: []string{r.root(h), program.path},
	})
	switch {
	case err != nil:
		return h.reword("deploy", err)
	case result.Exit == missing:
		return h.Put(ctx, program.path, 0o700, bytes.NewReader(program.bytes))
	case result.Exit != 0:
		return h.fail("deploy", "", &ExitError{result.Exit, lastLine(result.Stderr)})
	default:
		return nil
	}
}

// arguments are the command line of the node of a host, the program first.
func (r *raftd) arguments(h *Host, program string) []string {
	peers := make([]string, len(r.hosts))
	for i, peer := range r.hosts {
		peers[i] = peer.Name() + "=" + address(peer, raftdPeerPort)
	}
	o := r.spec.Options
	return []string{
		program,
		"--name=" + h.Name(),
		"--data=" + r.root(h) + "/data",
		"--listen-client=" + address(h, raftdClientPort),
		"--listen-peer=" + address(h, raftdPeerPort),
		"--peers=" + strings.Join(peers, ","),
		"--election-timeout=" + o.ElectionTimeout.String(),
		"--heartbeat=" + o.Heartbeat.String(),
		"--prevote=" + strconv.FormatBool(o.Prevote),
		"--check-quorum=" + strconv.FormatBool(o.CheckQuorum),
	}
}

// Start starts the node and waits for its first answer.
func (r *raftd) Start(ctx context.Context, h *Host) (Process, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, raftdStartTimeout,
		fmt.Errorf("no answer within %v: %w", raftdStartTimeout, context.DeadlineExceeded))
	defer cancel()
	program, err := r.program()
	if err != nil {
		return Process{}, h.fail("start raftd", "", err)
	}
	arguments := r.arguments(h, h.Home()+"/"+program.path)
	p, err := process(ctx, h, "start", r.root(h), "raftd", arguments...)
	if err != nil {
		return Process{}, err
	}
	pause := time.NewTicker(25 * time.Millisecond)
	defer pause.Stop()
	for {
		_, silent := r.status(ctx, h)
		// Asked after the answer: a stranger on our port may have given it while ours was dying.
		now, err := r.Process(ctx, h)
		switch {
		case err == nil && silent == nil && now == p:
			return p, nil
		case errors.Is(err, ErrNotRunning) || err == nil && now != p:
			return Process{}, r.died(ctx, h, errors.New("it ended at once"))
		case ctx.Err() != nil:
			return Process{}, r.died(ctx, h, context.Cause(ctx))
		case err != nil:
			return Process{}, err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return Process{}, r.died(ctx, h, context.Cause(ctx))
		}
	}
}

// Kill ends the node with SIGKILL.
func (r *raftd) Kill(ctx context.Context, h *Host) error {
	_, err := process(ctx, h, "kill", r.root(h), "raftd")
	return err
}

// Process finds the running node.
func (r *raftd) Process(ctx context.Context, h *Host) (Process, error) {
	return process(ctx, h, "find", r.root(h), "raftd")
}

// Wipe empties the data directory.
func (r *raftd) Wipe(ctx context.Context, h *Host) error {
	if err := r.valid(); err != nil {
		return h.fail("wipe", "", err)
	}
	_, err := process(ctx, h, "wipe", r.root(h), "raftd")
	return err
}

// Remove removes the run root; the cache of binaries stays.
func (r *raftd) Remove(ctx context.Context, h *Host) error {
	if err := r.valid(); err != nil {
		return h.fail("remove", "", err)
	}
	_, err := process(ctx, h, "remove", r.root(h), "raftd")
	return err
}
