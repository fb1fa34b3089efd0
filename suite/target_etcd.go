package suite

import (
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/nemesis"
	"gauntlet/target"
	"gauntlet/workload"
)

func readEtcd(b block) Target {
	spec := &target.EtcdSpec{Nodes: 5}
	spec.Options = target.EtcdOptions{Prevote: true, ElectionTimeout: time.Second}
	etcd := b.inner("etcd", "nodes", "binary", "build", "options")
	etcd.integer("nodes", &spec.Nodes, between[int]{1, 25})
	etcd.text("binary", &spec.Binary)
	etcd.text("build", &spec.Build)
	options := etcd.inner("options", "prevote", "election-timeout", "heartbeat")
	options.boolean("prevote", &spec.Options.Prevote)
	options.elections(&spec.Options.ElectionTimeout, &spec.Options.Heartbeat, 10)
	return Target{Etcd: spec}
}

// etcdBeats is how many heartbeats etcd demands in an election timeout, and etcdLongest the longest
// election timeout that it takes.
const (
	etcdBeats   = 5
	etcdLongest = 50 * time.Second
)

func relateEtcd(d *decoder, t Target) {
	const etcd, options = "target.etcd.", "target.etcd.options."
	o := t.Etcd.Options
	beat, timeout := []string{options + "heartbeat", options + "election-timeout"},
		[]string{options + "election-timeout"}
	d.relate(etcdBeats*o.Heartbeat <= o.ElectionTimeout, beat, "etcd itself refuses more",
		"heartbeat %v must be at most a fifth of election-timeout %v", o.Heartbeat, o.ElectionTimeout)
	d.relate(o.ElectionTimeout <= etcdLongest, timeout, "etcd itself refuses more",
		"election-timeout %v must be at most %v", o.ElectionTimeout, etcdLongest)
	d.relate(o.ElectionTimeout%time.Millisecond == 0, timeout, "",
		"election-timeout %v must be whole milliseconds: etcd knows no others", o.ElectionTimeout)
	d.relate(o.Heartbeat%time.Millisecond == 0, beat, "",
		"heartbeat %v must be whole milliseconds: etcd knows no others", o.Heartbeat)
	d.relate(t.Etcd.Binary == "" || t.Etcd.Build == "", []string{etcd + "build", etcd + "binary"},
		"leave out both for the hosts' own /usr/bin/etcd",
		"build %q and binary %q exclude each other", t.Etcd.Build, t.Etcd.Binary)
}

func writeEtcd(t Target) *yaml.Node {
	etcd := object("nodes", t.Etcd.Nodes)
	if t.Etcd.Binary != "" {
		extend(etcd, "binary", t.Etcd.Binary)
	}
	if t.Etcd.Build != "" {
		extend(etcd, "build", t.Etcd.Build)
	}
	o := t.Etcd.Options
	extend(etcd, "options", object("prevote", o.Prevote, "election-timeout", o.ElectionTimeout,
		"heartbeat", o.Heartbeat))
	return etcd
}

func factsOfEtcd(t Target) targetFacts {
	return targetFacts{nodes: t.Etcd.Nodes, does: []nemesis.Kind{nemesis.KindRestart},
		election: t.Etcd.Options.ElectionTimeout,
		binary:   &t.Etcd.Binary, observed: true, reads: []string{ReadsLinearizable, ReadsSerializable},
		models: []string{workload.ModelRegister}}
}
