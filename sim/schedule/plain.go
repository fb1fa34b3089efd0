package schedule

import (
	"slices"
	"time"

	"gauntlet/nemesis"
	"gauntlet/workload"
)

// Plain is what a suite says about a run. Times that are 0 take the defaults of raftd.
type Plain struct {
	Seed              uint64
	Nodes             int
	ElectionTimeout   time.Duration // the least one; the longest is twice that
	HeartbeatInterval time.Duration
	PreVote           bool
	CheckQuorum       bool

	Kind     string // of the workload
	Workload workload.Spec
	Timeout  time.Duration

	WarmUp   time.Duration // before the first planned fault
	Load     time.Duration // with faults
	Calm     time.Duration // after them, while clients work on
	Recovery time.Duration // within which the cluster must work again; 0: that is not asked
	Cast     nemesis.Cast  // whom the plan speaks of by name
}

// FromPlan is the schedule of a suite's run on machines as they are: a network of one room, disks
// that sync within milliseconds, clocks that hardly differ. It need not be Valid: a suite can ask
// for more than a simulation should take. With bit rot, only a quorum has to work again.
func FromPlan(p Plain, plan nemesis.Plan) *Schedule {
	if p.ElectionTimeout == 0 {
		p.ElectionTimeout = 300 * time.Millisecond
	}
	if p.HeartbeatInterval == 0 {
		p.HeartbeatInterval = p.ElectionTimeout / 6
	}
	load := p.WarmUp + p.Load + p.Calm
	think := load*time.Duration(p.Workload.Clients)/maxOperations + 1 // as fast as answers come
	if w := p.Workload; w.Rate > 0 {
		think = max(think, time.Duration(float64(w.Clients)*float64(time.Second)/w.Rate))
	}
	s := &Schedule{Version: Version, Seed: p.Seed, Cast: p.Cast, Options: Options{
		Nodes: p.Nodes,
		Raft: Raft{
			ElectionTimeoutMin: p.ElectionTimeout, ElectionTimeoutMax: 2 * p.ElectionTimeout,
			HeartbeatInterval: p.HeartbeatInterval, PreVote: p.PreVote, CheckQuorum: p.CheckQuorum,
		},
		Network: Network{DelayMin: 50 * time.Microsecond, DelayMax: 500 * time.Microsecond,
			TailPPM: 1000, TailMax: 10 * time.Millisecond, InOrder: true},
		Disk: Disk{SyncMin: 200 * time.Microsecond, SyncMax: 2 * time.Millisecond,
			TailPPM: 1000, TailMax: 20 * time.Millisecond, SegmentBytes: 256 << 10},
		Clock: Clock{DriftPPM: 50, Offset: time.Minute},
		Workload: Workload{Kind: p.Kind, Clients: p.Workload.Clients, Keys: p.Workload.Keys,
			OpsPerKey: p.Workload.OpsPerKey, PerGroup: p.Workload.KeysPerGroup,
			ThinkMin: think, ThinkMax: think,
			Timeout: p.Timeout, DelayMax: 200 * time.Microsecond},
		Load: load, Heal: p.WarmUp + p.Load,
		Liveness: Liveness{Within: int(p.Recovery / (2 * p.ElectionTimeout))},
	}}
	rotten := func(e nemesis.Event) bool { return e.Kind == nemesis.KindBitRot }
	if l := &s.Options.Liveness; l.Within > 0 && slices.ContainsFunc(plan, rotten) {
		for member := range s.Options.Quorum() {
			l.Core = append(l.Core, member)
		}
		l.Others = OthersDead
	}
	for _, e := range plan {
		if e.FromStart {
			e.For += p.WarmUp
		} else {
			e.At += p.WarmUp
		}
		s.Faults = append(s.Faults, e)
	}
	return s
}
