package target

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The ports of etcd on the data network.
const (
	etcdClientPort = 2379
	etcdPeerPort   = 2380
)

// etcdPackaged is where Debian's package etcd-server has its program.
const etcdPackaged = "/usr/bin/etcd"

// EtcdSpec says what etcd to run.
type EtcdSpec struct {
	Nodes   int    // how many hosts run one
	Binary  string // path on the controller of an etcd to upload; "": the host's own /usr/bin/etcd
	Build   string // a folder whose go.mod pins an etcd: see Build, which gives the Binary
	Options EtcdOptions
}

// EtcdOptions are etcd's own. Zero durations mean 1 s and a tenth of the election timeout.
type EtcdOptions struct {
	Prevote         bool
	ElectionTimeout time.Duration // the minimum, "ET"; whole milliseconds; at least 5 heartbeats
	Heartbeat       time.Duration // whole milliseconds
}

// etcd is the Target of etcd, of any version since 3.4.
type etcd struct {
	nodes
	spec     EtcdSpec
	program  func() (program, error)
	packaged string // the host's own program

	mu      sync.Mutex
	members map[uint64]string // names of nodes by member id
}

// NewEtcd makes a target of etcd on the hosts of a run, whose name is 8 hexadecimal digits. What
// is wrong with the arguments is reported by Deploy.
func NewEtcd(spec EtcdSpec, run string, hosts []*Host) Target {
	if spec.Options.ElectionTimeout <= 0 {
		spec.Options.ElectionTimeout = time.Second
	}
	if spec.Options.Heartbeat <= 0 {
		spec.Options.Heartbeat = spec.Options.ElectionTimeout / 10
	}
	e := &etcd{
		nodes: newNodes("etcd", run, spec.Nodes, hosts), spec: spec, packaged: etcdPackaged,
		members: map[uint64]string{},
	}
	e.program = sync.OnceValues(e.readProgram)
	return e
}

func (e *etcd) PeerPort() int                { return etcdPeerPort }
func (e *etcd) ClientAddress(h *Host) string { return address(h, etcdClientPort) }

func (e *etcd) peerURL(h *Host) string { return "http://" + address(h, etcdPeerPort) }

func (e *etcd) clientURL(h *Host) string { return "http://" + e.ClientAddress(h) }

func (e *etcd) readProgram() (program, error) {
	p, err := readProgram(e.spec.Binary)
	if err != nil {
		return program{}, fmt.Errorf("etcd binary: %w", err)
	}
	return p, nil
}

// path is that of the program on a host.
func (e *etcd) path(h *Host) (string, error) {
	if e.spec.Binary == "" {
		return e.packaged, nil
	}
	program, err := e.program()
	return h.Home() + "/" + program.path, err
}

// Deploy makes the run root, and uploads the binary into the cache or makes sure that the host has
// one of its own.
func (e *etcd) Deploy(ctx context.Context, h *Host) error {
	if err := e.valid(); err != nil {
		return h.fail("deploy", "", err)
	}
	if e.spec.Binary != "" {
		program, err := e.program()
		if err != nil {
			return h.fail("deploy", "", err)
		}
		return e.deploy(ctx, h, program)
	}
	if e.spec.Build != "" {
		return h.fail("deploy", "", fmt.Errorf("etcd of %s has not been built", e.spec.Build))
	}
	result, err := h.Run(ctx, Command{Script: `[ -x "$1" ]`, Args: []string{e.packaged}})
	if err != nil {
		return h.reword("deploy", err)
	}
	if result.Exit != 0 {
		return h.fail("deploy", "on the host: apt-get install etcd-server; "+
			"or name a binary or a build in the suite", errors.New("no "+e.packaged))
	}
	return e.deploy(ctx, h)
}

// arguments are the command line of the node of a host, the program first. The token makes the
// cluster of one run strange to that of any other.
func (e *etcd) arguments(h *Host, program string) []string {
	cluster := make([]string, len(e.hosts))
	for i, peer := range e.hosts {
		cluster[i] = peer.Name() + "=" + e.peerURL(peer)
	}
	o := e.spec.Options
	return []string{
		program,
		"--name=" + h.Name(),
		"--data-dir=" + e.root(h) + "/data/etcd",
		"--listen-client-urls=" + e.clientURL(h),
		"--advertise-client-urls=" + e.clientURL(h),
		"--listen-peer-urls=" + e.peerURL(h),
		"--initial-advertise-peer-urls=" + e.peerURL(h),
		"--initial-cluster=" + strings.Join(cluster, ","),
		"--initial-cluster-state=new",
		"--initial-cluster-token=gauntlet-" + e.run,
		"--election-timeout=" + strconv.FormatInt(o.ElectionTimeout.Milliseconds(), 10),
		"--heartbeat-interval=" + strconv.FormatInt(o.Heartbeat.Milliseconds(), 10),
		"--pre-vote=" + strconv.FormatBool(o.Prevote),
		"--logger=zap",
		"--log-outputs=stderr",
	}
}

// Start starts the node and waits until it answers its peers. Clients it may answer only once it
// has found a leader, which under a partition may take as long as that.
func (e *etcd) Start(ctx context.Context, h *Host) (Process, error) {
	path, err := e.path(h)
	if err != nil {
		return Process{}, h.fail("start etcd", "", err)
	}
	return e.start(ctx, h, e.arguments(h, path), e.learn)
}

// Logs fetches etcd.log, and writes the command line to etcd.args, an argument a line. A node that
// never started has no log, and none is written.
func (e *etcd) Logs(ctx context.Context, h *Host, dir string) error {
	path, err := e.path(h)
	if err != nil {
		return h.fail("logs", "", err)
	}
	return e.logs(ctx, h, dir, e.arguments(h, path))
}
