package runner

import (
	"cmp"

	"gauntlet/suite"
	"gauntlet/target"
	"gauntlet/workload"
	"gauntlet/workload/client"
)

// plugin is one kind of target: how to run it, and how clients reach one of its nodes.
type plugin struct {
	is     func(suite.Target) bool
	target func(r *run) target.Target
	client func(r *run, h *target.Host) (client.Client, error)
}

// plugins is the one list of the targets that a suite can name.
var plugins = []plugin{
	{
		is: func(t suite.Target) bool { return t.Raftd != nil },
		target: func(r *run) target.Target {
			return target.NewRaftd(*r.Suite.Target.Raftd, r.Run, r.hosts)
		},
		client: func(r *run, h *target.Host) (client.Client, error) {
			model, err := workload.Find(r.Suite.Workload.Model)
			if err != nil {
				return nil, err
			}
			return client.NewRaftd(h.Name(), r.target.ClientAddress(h), model, r.Dial,
				r.Suite.Workload.Timeout), nil
		},
	},
	{
		is: func(t suite.Target) bool { return t.Etcd != nil },
		target: func(r *run) target.Target {
			spec := *r.Suite.Target.Etcd
			spec.Binary = cmp.Or(r.Built, spec.Binary)
			return target.NewEtcd(spec, r.Run, r.hosts)
		},
		client: func(r *run, h *target.Host) (client.Client, error) {
			return client.NewEtcd(h.Name(), r.target.ClientAddress(h), r.Dial,
				r.Suite.Workload.Timeout, client.Reads(r.Suite.Workload.Reads)), nil
		},
	},
	{
		is: func(t suite.Target) bool { return t.Command != nil },
		target: func(r *run) target.Target {
			return target.NewCommand(*r.Suite.Target.Command, r.Run, r.hosts)
		},
		client: func(r *run, h *target.Host) (client.Client, error) {
			return client.NewProgram(h.Name(), r.target.ClientAddress(h), r.Dial, client.Program{
				Command: r.Suite.Target.Command.Client, Timeout: r.Suite.Workload.Timeout,
			}), nil
		},
	},
}

// plugin finds the row of the suite's target. The suite's reader lets no other pass.
func (r *run) plugin() plugin {
	for _, p := range plugins {
		if p.is(r.Suite.Target) {
			return p
		}
	}
	return plugins[0]
}
