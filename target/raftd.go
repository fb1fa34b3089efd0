package target

import (
	"context"
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

// RaftdSpec says what raftd to run.
type RaftdSpec struct {
	Nodes   int    // how many hosts run one from the start on, as members
	Spares  int    // how many hosts more there are for nodes that become members later
	Binary  string // path on the controller of a static binary for the hosts
	Options RaftdOptions

	// Binaries are the older and the newer build, for the target to be Versions; then Binary is
	// not used.
	Binaries []string
	Start    Start // with Binaries; "" is StartOlder
}

// RaftdOptions are raftd's own. Zero durations mean 300 ms and a sixth of the election timeout.
type RaftdOptions struct {
	Prevote         bool
	CheckQuorum     bool
	ElectionTimeout time.Duration // the minimum, "ET"; the maximum is twice that
	Heartbeat       time.Duration
	SnapshotEntries int // between two snapshots of a node; 0: raftd's own default
}

// raftd is the Target of the raftd that comes with Gauntlet.
type raftd struct {
	nodes
	spec     RaftdSpec
	programs func() ([]program, error) // by build
	builds   builds

	identities identities
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
	all := spec.Nodes + spec.Spares
	r := &raftd{nodes: newNodes("raftd", run, all, hosts), spec: spec}
	r.identities = identities{founded: spec.Nodes, last: spec.Nodes, renewed: map[string]int{}}
	r.programs = sync.OnceValues(r.readPrograms)
	r.builds.chosen = map[string]int{}
	if len(spec.Binaries) == 0 {
		return r
	}
	for i, build := range spec.Builds() {
		if i < len(hosts) {
			r.builds.choose(hosts[i], build)
		}
	}
	return versioned{r}
}

func (r *raftd) PeerPort() int { return raftdPeerPort }

func (r *raftd) ClientAddress(h *Host) string { return address(h, raftdClientPort) }

// Deploy makes the run root and uploads the binaries into the cache, which outlives runs.
func (r *raftd) Deploy(ctx context.Context, h *Host) error {
	if err := r.valid(); err != nil {
		return h.fail("deploy", "", err)
	}
	programs, err := r.programs()
	if err != nil {
		return h.fail("deploy", "", err)
	}
	return r.deploy(ctx, h, programs...)
}

// arguments are the command line of the node of a host.
func (r *raftd) arguments(h *Host, program string) []string {
	o := r.spec.Options
	arguments := append([]string{
		// The data network is reached by others. Said by the environment, since builds older than
		// this rule know no flag for it.
		"env", "RAFTD_INSECURE=true",
		program,
		"--name=" + h.Name(),
		"--data=" + r.root(h) + "/data",
		"--listen-client=" + address(h, raftdClientPort),
		"--listen-peer=" + address(h, raftdPeerPort),
	}, r.membership(h)...)
	arguments = append(arguments,
		"--election-timeout="+o.ElectionTimeout.String(),
		"--heartbeat="+o.Heartbeat.String(),
		"--prevote="+strconv.FormatBool(o.Prevote),
		"--check-quorum="+strconv.FormatBool(o.CheckQuorum))
	if o.SnapshotEntries > 0 {
		arguments = append(arguments, "--snapshot-entries="+strconv.Itoa(o.SnapshotEntries))
	}
	return arguments
}

// membership is what a node is told of the cluster: who is in it from the start, or only what to
// call itself until it is added. Builds older than that need not know of it where nobody joins.
func (r *raftd) membership(h *Host) []string {
	if number, joins := r.identity(h); joins {
		return []string{"--join", "--id=" + strconv.Itoa(number), "--cluster=" + r.cluster()}
	}
	peers := make([]string, min(r.spec.Nodes, len(r.hosts)))
	for i := range peers {
		peers[i] = r.hosts[i].Name() + "=" + address(r.hosts[i], raftdPeerPort)
	}
	told := []string{"--peers=" + strings.Join(peers, ",")}
	if r.spec.Spares > 0 {
		told = append(told, "--cluster="+r.cluster())
	}
	return told
}

// cluster is the name by which the run's nodes know each other as of one cluster, whoever its
// members are by then.
func (r *raftd) cluster() string { return "gauntlet-" + r.run }

// Start starts the node and waits for its first answer.
func (r *raftd) Start(ctx context.Context, h *Host) (Process, error) {
	program, err := r.program(h)
	if err != nil {
		return Process{}, h.fail("start raftd", "", err)
	}
	arguments := r.arguments(h, h.Home()+"/"+program.path)
	return r.start(ctx, h, arguments, func(ctx context.Context, h *Host) error {
		_, err := r.status(ctx, h)
		return err
	})
}
