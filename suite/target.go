package suite

import (
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/nemesis"
	"gauntlet/target"
)

// targetKind is one kind of target as a suite writes it.
type targetKind struct {
	name   string
	is     func(Target) bool
	read   func(block) Target       // fills in the defaults, and sets what ET means
	relate func(*decoder, Target)   // complains of what no single value shows
	write  func(Target) *yaml.Node  // with every default, for read to read back
	facts  func(Target) targetFacts // what the rest of a suite needs to know
}

// targetFacts are what every kind of target has.
type targetFacts struct {
	nodes    int
	spares   int            // hosts more, whose nodes are no members at the start
	does     []nemesis.Kind // the operations that can be done to it
	election time.Duration  // the least election timeout; 0: none is known
	binary   *string        // where the one program to deploy is named; nil: there is none
	observed bool           // the nodes say who leads
	reads    []string       // how its clients can read
	models   []string       // the workloads that its clients can run
	builds   []int          // the build that each node begins with; nil: there is only one
}

// targetKinds is the one list of what a suite can name under "target".
var targetKinds = []targetKind{
	{"raftd", func(t Target) bool { return t.Raftd != nil },
		readRaftd, relateRaftd, writeRaftd, factsOfRaftd},
	{"etcd", func(t Target) bool { return t.Etcd != nil },
		readEtcd, relateEtcd, writeEtcd, factsOfEtcd},
	{"command", func(t Target) bool { return t.Command != nil },
		readCommand, relateCommand, writeCommand, factsOfCommand},
}

// Nodes is the number of nodes of the target that are members from the start.
func (t Target) Nodes() int { return t.facts().nodes }

// Spares is the number of hosts beside them, for nodes that become members later.
func (t Target) Spares() int { return t.facts().spares }

// Hosts is the number of hosts that a run of the target takes.
func (t Target) Hosts() int { return t.Nodes() + t.Spares() }

// ElectionTimeout is the target's least election timeout: what "ET" means in the suite. 0: the
// target has none that is known.
func (t Target) ElectionTimeout() time.Duration { return t.facts().election }

// Binary is where the target names the program to deploy, or nil if it deploys none of its own.
func (t Target) Binary() *string { return t.facts().binary }

// Kind is the target's name in a suite: "raftd", "etcd" or "command".
func (t Target) Kind() string { return t.kind().name }

// observed reports whether the nodes say who leads.
func (t Target) observed() bool { return t.facts().observed }

func (t Target) facts() targetFacts { return t.kind().facts(t) }

func (t Target) node() *yaml.Node {
	kind := t.kind()
	return object(kind.name, kind.write(t))
}

// kind finds the row of the table. A target that is none, which Load refuses, is a raftd.
func (t Target) kind() targetKind {
	for _, kind := range targetKinds {
		if kind.is(t) {
			return kind
		}
	}
	return targetKinds[0]
}

func targetNames() []string {
	names := make([]string, len(targetKinds))
	for i, kind := range targetKinds {
		names[i] = kind.name
	}
	return names
}

// target reads the one target of a suite. What is none is taken for a raftd, so that the rest of
// the file can be read.
func (d *decoder) target(b block) Target {
	named := b.one("target", targetNames()...)
	read := targetKinds[0]
	for _, kind := range targetKinds {
		if kind.name == named {
			read = kind
		}
	}
	t := read.read(b)
	d.election = unit(read.facts(t).election)
	return t
}

func readRaftd(b block) Target {
	spec := &target.RaftdSpec{Nodes: 5}
	spec.Options = target.RaftdOptions{
		Prevote: true, CheckQuorum: true, ElectionTimeout: 300 * time.Millisecond,
	}
	raftd := b.inner("raftd", "nodes", "spares", "binary", "binaries", "start", "options")
	raftd.integer("nodes", &spec.Nodes, between[int]{1, 25})
	raftd.integer("spares", &spec.Spares, between[int]{0, 25})
	raftd.text("binary", &spec.Binary)
	words(raftd, "binaries", &spec.Binaries)
	if start := string(target.StartOlder); raftd.has("binaries") || raftd.has("start") {
		raftd.word("start", &start, string(target.StartOlder), string(target.StartNewer),
			string(target.StartMixed))
		spec.Start = target.Start(start)
	}
	options := raftd.inner("options", "prevote", "check-quorum", "election-timeout", "heartbeat",
		"snapshot-entries")
	options.integer("snapshot-entries", &spec.Options.SnapshotEntries, between[int]{1, 1_000_000_000})
	options.boolean("prevote", &spec.Options.Prevote)
	options.boolean("check-quorum", &spec.Options.CheckQuorum)
	options.elections(&spec.Options.ElectionTimeout, &spec.Options.Heartbeat, 6)
	return Target{Raftd: spec}
}

// elections reads an election timeout, which ET then is, and the heartbeat: by default one of so
// many in each timeout.
func (b block) elections(timeout, heartbeat *time.Duration, beats int) {
	b.duration("election-timeout", timeout,
		between[time.Duration]{20 * time.Millisecond, time.Minute})
	b.d.election = unit(*timeout)
	*heartbeat = *timeout / time.Duration(beats)
	b.duration("heartbeat", heartbeat, between[time.Duration]{time.Millisecond, time.Minute})
}

func relateRaftd(d *decoder, t Target) {
	const raftd = "target.raftd."
	count := len(t.Raftd.Binaries)
	d.relate(count == 0 || count == 2, []string{raftd + "binaries"},
		"write the older build and the newer one: [old, new]",
		"binaries must name two builds, not %d", count)
	d.relate(count == 0 || t.Raftd.Binary == "", []string{raftd + "binary", raftd + "binaries"},
		"", "binary %q and binaries %v exclude each other", t.Raftd.Binary, t.Raftd.Binaries)
	d.relate(count > 0 || t.Raftd.Start == "", []string{raftd + "start", raftd + "binaries"},
		"write them: binaries: [old, new]", "start %s says which of two builds, and binaries is missing",
		t.Raftd.Start)
	d.relateHeartbeat("target.raftd.options.", t.Raftd.Options.Heartbeat,
		t.Raftd.Options.ElectionTimeout)
}

func (d *decoder) relateHeartbeat(options string, beat, timeout time.Duration) {
	d.relate(2*beat <= timeout, []string{options + "heartbeat", options + "election-timeout"},
		"a follower must hear two heartbeats before it gives its leader up",
		"heartbeat %v must be at most half of election-timeout %v", beat, timeout)
}

func writeRaftd(t Target) *yaml.Node {
	raftd := object("nodes", t.Raftd.Nodes)
	extendIf(raftd, t.Raftd.Spares > 0, "spares", t.Raftd.Spares)
	if t.Raftd.Binary != "" {
		extend(raftd, "binary", t.Raftd.Binary)
	}
	if len(t.Raftd.Binaries) > 0 {
		extend(raftd, "binaries", list(t.Raftd.Binaries), "start", string(t.Raftd.Start))
	}
	options := t.Raftd.Options
	node := object("prevote", options.Prevote, "check-quorum", options.CheckQuorum,
		"election-timeout", options.ElectionTimeout, "heartbeat", options.Heartbeat)
	extendIf(node, options.SnapshotEntries > 0, "snapshot-entries", options.SnapshotEntries)
	extend(raftd, "options", node)
	return raftd
}

func factsOfRaftd(t Target) targetFacts {
	return targetFacts{nodes: t.Raftd.Nodes, spares: t.Raftd.Spares, does: operations(),
		election: t.Raftd.Options.ElectionTimeout,
		binary:   &t.Raftd.Binary, observed: true, reads: []string{ReadsLinearizable},
		models: models(), builds: t.Raftd.Builds()}
}
