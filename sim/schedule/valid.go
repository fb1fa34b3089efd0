package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gauntlet/nemesis"
	"gauntlet/workload"
)

// Bounds that keep every run short enough to wait for, and within the memory of a small machine.
const (
	maxNodes      = 9
	maxLoad       = time.Hour
	maxTime       = time.Minute // of one delay, sync or election timeout
	minTime       = time.Microsecond
	maxRounds     = 200_000 // heartbeats of one leader, so that messages are bounded
	maxClients    = 1000
	maxOperations = 1_000_000
	maxFaults     = 10_000
	maxBytes      = 64 << 20
	maxSegment    = 16 << 20
	maxKeyBytes   = 256
	maxPairs      = 100_000_000 // operations of a key, squared, over all keys: a list may name all
	maxAsks       = 100         // of one request
	maxAckEvery   = 256         // as many answers as raftd keeps for a client
	million       = 1_000_000
)

// Quorum is the least number of members that decide.
func (o *Options) Quorum() int { return o.Nodes/2 + 1 }

// Sound lists the members that bit rot must never strike, though it may be planned for others:
// the core of the liveness phase, which is to do its work with what it has.
func (o *Options) Sound() []int { return o.Liveness.Core }

// Valid returns Problems: every broken relation, or the first few of very many.
func (s *Schedule) Valid() error { return s.problems().err() }

func (s *Schedule) problems() Problems {
	var p Problems
	if s.Version != Version {
		p.add("version", "", "is %d, want %d", s.Version, Version)
	}
	s.Options.boundProblems(&p)
	s.Options.relationProblems(&p)
	if len(p) > 0 {
		return p // what follows builds on sound options
	}
	s.livenessProblems(&p)
	s.leaseProblems(&p)
	s.faultProblems(&p)
	s.changeProblems(&p)
	if s.Operations == nil {
		s.Options.drawnProblems(&p)
	} else {
		s.operationProblems(&p)
	}
	if e := s.Expect; e != nil {
		if _, err := strconv.ParseUint(e.TraceHash, 16, 64); err != nil || len(e.TraceHash) != 16 {
			p.add("expect.traceHash", "", "%q must be 16 hexadecimal digits", e.TraceHash)
		}
	}
	return p
}

// within notes a value out of its bounds.
func within[N int | time.Duration](p *Problems, path string, value, lo, hi N) {
	if value < lo || value > hi {
		p.add(path, "", "is %v, want %v to %v", value, lo, hi)
	}
}

func (o *Options) boundProblems(p *Problems) {
	for _, b := range []struct {
		path          string
		value, lo, hi int
	}{
		{"nodes", o.Nodes, 1, maxNodes},
		{"raft.maxAppendBytes", o.Raft.MaxAppendBytes, 0, maxBytes},
		{"raft.maxInflightBytes", o.Raft.MaxInflightBytes, 0, maxBytes},
		{"raft.maxUncommittedBytes", o.Raft.MaxUncommittedBytes, 0, maxBytes},
		{"network.tailPPM", o.Network.TailPPM, 0, million},
		{"network.lossPPM", o.Network.LossPPM, 0, million},
		{"network.duplicatePPM", o.Network.DuplicatePPM, 0, million},
		{"disk.tailPPM", o.Disk.TailPPM, 0, million},
		{"disk.segmentBytes", o.Disk.SegmentBytes, 0, maxSegment},
		{"raft.maxLearnerLag", o.Raft.MaxLearnerLag, 0, maxOperations},
		{"raft.diskPatience", o.Raft.DiskPatience, 0, maxOperations},
		{"workload.leasePPM", o.Workload.LeasePPM, 0, million},
		{"snapshots.entries", o.Snapshots.Entries, 0, maxOperations},
		{"snapshots.keep", o.Snapshots.Keep, 0, maxOperations},
		{"snapshots.chunkBytes", o.Snapshots.ChunkBytes, 0, maxSegment},
		{"clock.driftPPM", o.Clock.DriftPPM, 0, million / 2},
		{"workload.clients", o.Workload.Clients, 1, maxClients},
		{"workload.keys", o.Workload.Keys, 1, maxOperations},
		{"workload.opsPerKey", o.Workload.OpsPerKey, 1, maxOperations},
		{"workload.keysPerGroup", o.Workload.PerGroup, 0, 100},
		{"workload.sessions.tries", o.Workload.Sessions.Tries, 0, maxAsks},
		{"workload.sessions.ackEvery", o.Workload.Sessions.AckEvery, 0, maxAckEvery},
		{"workload.sessions.restPPM", o.Workload.Sessions.RestPPM, 0, million},
		{"liveness.within", o.Liveness.Within, 0, maxOperations},
	} {
		within(p, "options."+b.path, b.value, b.lo, b.hi)
	}
	for _, b := range []struct {
		path          string
		value, lo, hi time.Duration
	}{
		{"raft.electionTimeoutMin", o.Raft.ElectionTimeoutMin, minTime, maxTime},
		{"raft.electionTimeoutMax", o.Raft.ElectionTimeoutMax, minTime, maxTime},
		{"raft.heartbeatInterval", o.Raft.HeartbeatInterval, minTime, maxTime},
		{"network.delayMin", o.Network.DelayMin, minTime, maxTime},
		{"network.delayMax", o.Network.DelayMax, minTime, maxTime},
		{"network.tailMax", o.Network.TailMax, 0, maxTime},
		{"disk.syncMin", o.Disk.SyncMin, minTime, maxTime},
		{"disk.syncMax", o.Disk.SyncMax, minTime, maxTime},
		{"disk.tailMax", o.Disk.TailMax, 0, maxTime},
		{"snapshots.takesMax", o.Snapshots.TakesMax, 0, maxTime},
		{"clock.offset", o.Clock.Offset, 0, maxLoad},
		{"workload.thinkMin", o.Workload.ThinkMin, 0, maxLoad},
		{"workload.thinkMax", o.Workload.ThinkMax, 0, maxLoad},
		{"workload.timeout", o.Workload.Timeout, time.Millisecond, maxLoad},
		{"workload.delayMax", o.Workload.DelayMax, 0, maxTime},
		{"workload.sessions.timeout", o.Workload.Sessions.Timeout, 0, maxLoad},
		{"turn", o.Turn, 0, maxTime},
		{"load", o.Load, time.Millisecond, maxLoad},
		{"heal", o.Heal, 0, maxLoad},
	} {
		within(p, "options."+b.path, b.value, b.lo, b.hi)
	}
}

func (o *Options) relationProblems(p *Problems) {
	order := func(broken bool, path string, value time.Duration, relation string, other any) {
		if broken {
			p.add("options."+path, "", "is %v, which must %s %v", value, relation, other)
		}
	}
	r, n, d, w := &o.Raft, &o.Network, &o.Disk, &o.Workload
	order(r.HeartbeatInterval >= r.ElectionTimeoutMin, "raft.heartbeatInterval",
		r.HeartbeatInterval, "be below electionTimeoutMin,", r.ElectionTimeoutMin)
	order(r.ElectionTimeoutMin >= r.ElectionTimeoutMax, "raft.electionTimeoutMin",
		r.ElectionTimeoutMin, "be below electionTimeoutMax,", r.ElectionTimeoutMax)
	order(n.DelayMin > n.DelayMax, "network.delayMin", n.DelayMin, "not exceed delayMax,",
		n.DelayMax)
	order(n.TailPPM > 0 && n.DelayMax > n.TailMax, "network.delayMax", n.DelayMax,
		"not exceed tailMax,", n.TailMax)
	order(d.SyncMin > d.SyncMax, "disk.syncMin", d.SyncMin, "not exceed syncMax,", d.SyncMax)
	order(d.TailPPM > 0 && d.SyncMax > d.TailMax, "disk.syncMax", d.SyncMax,
		"not exceed tailMax,", d.TailMax)
	order(w.ThinkMin > w.ThinkMax, "workload.thinkMin", w.ThinkMin, "not exceed thinkMax,",
		w.ThinkMax)
	if e := &w.Sessions; e.Timeout > 0 && (e.Tries == 0 || e.AckEvery == 0) {
		p.add("options.workload.sessions", "", "has a timeout, so tries and ackEvery must not be 0")
	}
	order(o.Heal > o.Load, "heal", o.Heal, "not exceed load,", o.Load)
	longest := maxRounds * max(r.HeartbeatInterval, minTime)
	order(o.Load > longest, "load", o.Load, fmt.Sprintf("not exceed %d heartbeat intervals,",
		maxRounds), longest)
	if o.Liveness.Within > 0 {
		limit := int(min(longest, maxLoad) / max(r.ElectionTimeoutMax, minTime))
		within(p, "options.liveness.within", o.Liveness.Within, 1, max(1, limit))
	}
	if _, err := workload.Find(w.Kind); err != nil {
		p.add("options.workload.kind", "known: "+modelNames(), "is %q, which is unknown", w.Kind)
	}
}

func modelNames() string {
	var names []string
	for _, m := range workload.Models {
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

// livenessProblems checks that Raft promises what the last phase demands.
func (s *Schedule) livenessProblems(p *Problems) {
	o, l := &s.Options, &s.Options.Liveness
	partial := len(l.Core) > 0 && len(l.Core) < o.Nodes
	for i, member := range l.Core {
		path := fmt.Sprintf("options.liveness.core[%d]", i)
		within(p, path, member, 0, o.Nodes-1)
		if i > 0 && member <= l.Core[i-1] {
			p.add(path, "", "is %d, which must exceed %d before it", member, l.Core[i-1])
		}
	}
	switch {
	case l.Within == 0 && (len(l.Core) > 0 || l.Others != ""):
		p.add("options.liveness", "", "has core or others, but within 0 means there is no such phase")
	case len(l.Core) > 0 && len(l.Core) < o.Quorum():
		p.add("options.liveness.core", "", "has %d members, but a quorum of %d is %d", len(l.Core),
			o.Nodes, o.Quorum())
	case !partial && l.Others != "":
		p.add("options.liveness.others", "", "is %q, but the core is all members", l.Others)
	case partial && !slices.Contains([]string{OthersDead, OthersDeaf, OthersMute}, l.Others):
		p.add("options.liveness.others", "", "is %q, want %s, %s or %s", l.Others, OthersDead,
			OthersDeaf, OthersMute)
	case partial && l.Others != OthersDead && !o.Raft.PreVote:
		p.add("options.liveness.others", "", "is %q: without preVote the others may disturb the core "+
			"for ever", l.Others)
	}
}

// leaseDriftPPM is by how much clocks may be off where leases are to hold: twice that, and what it
// comes to on the slower clock, is within the default margin of raft.Config.LeaseMargin.
const leaseDriftPPM = 50_000

// leaseProblems checks that clocks are as good as leases need them to be.
func (s *Schedule) leaseProblems(p *Problems) {
	o := &s.Options
	if !o.Raft.LeaseReads {
		return
	}
	if !o.Raft.CheckQuorum {
		p.add("options.raft.leaseReads", "", "needs checkQuorum, without which voters promise nothing")
	}
	if o.Clock.DriftPPM > leaseDriftPPM {
		p.add("options.clock.driftPPM", "", "is %d, want %d at most with raft.leaseReads",
			o.Clock.DriftPPM, leaseDriftPPM)
	}
	for i := range s.Faults {
		if kind := s.Faults[i].Kind; strikesClocks(kind) {
			p.add(fmt.Sprintf("faults[%d]", i), "", "is %s, but raft.leaseReads count on clocks", kind)
			return
		}
	}
}

func strikesClocks(kind nemesis.Kind) bool {
	return kind == nemesis.KindClockJump || kind == nemesis.KindClockRate
}

func (s *Schedule) faultProblems(p *Problems) {
	if len(s.Faults) > maxFaults {
		p.add("faults", "", "are %d, want at most %d", len(s.Faults), maxFaults)
		return
	}
	if err := s.Cast.Valid(s.Options.Nodes); err != nil {
		p.add("cast", "", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	for i := range s.Faults {
		e, path := &s.Faults[i], fmt.Sprintf("faults[%d]", i)
		for _, problem := range s.eventProblems(e) {
			p.add(path, "", "%s", problem)
		}
		if i > 0 && (e.At < s.Faults[i-1].At || e.ID <= s.Faults[i-1].ID) {
			p.add(path, "", "at %v with id %d must come after %v with id %d", e.At, e.ID,
				s.Faults[i-1].At, s.Faults[i-1].ID)
		}
		if p.full() {
			return
		}
	}
}

func (s *Schedule) eventProblems(e *nemesis.Event) []string {
	var all []string
	o := &s.Options
	if err := e.Valid(o.Nodes, s.Cast); err != nil {
		all = append(all, strings.Split(err.Error(), "\n")...)
	} else if !e.Kind.Traits().Sim {
		all = append(all, fmt.Sprintf("kind %s is not for the simulator", e.Kind))
	}
	if e.At > o.Load || e.For > o.Load-e.At {
		all = append(all, fmt.Sprintf("at %v for %v ends after the load of %v", e.At, e.For, o.Load))
	}
	if e.Kind == nemesis.KindBitRot && o.Liveness.Within > 0 &&
		(len(o.Sound()) == 0 || len(o.Sound()) == o.Nodes) {
		all = append(all, "is bit-rot, but all members are in liveness.core, which must stay sound")
	}
	return all
}

// drawnProblems bounds what a generator makes of the time that there is.
func (o *Options) drawnProblems(p *Problems) {
	w := &o.Workload
	least := time.Duration(w.Clients) * o.Load / maxOperations
	if w.ThinkMin < max(1, least) {
		p.add("options.workload.thinkMin", "", "is %v, want %v at least: %d clients could ask more "+
			"than %d times in %v", w.ThinkMin, max(1, least), w.Clients, maxOperations, o.Load)
		return
	}
	most := int(time.Duration(w.Clients) * o.Load / w.ThinkMin)
	if w.OpsPerKey > maxPairs/max(1, most) {
		p.add("options.workload.opsPerKey", "", "is %d, want %d at most for up to %d operations",
			w.OpsPerKey, maxPairs/max(1, most), most)
	}
}

func (s *Schedule) operationProblems(p *Problems) {
	if len(s.Operations) > maxOperations {
		p.add("operations", "", "are %d, want at most %d", len(s.Operations), maxOperations)
		return
	}
	w := &s.Options.Workload
	model, _ := workload.Find(w.Kind)
	latest := make([]time.Duration, w.Clients)
	perKey, pairs := map[string]int{}, 0
	for i := range s.Operations {
		op, path := &s.Operations[i], "operations["+strconv.Itoa(i)+"]"
		if op.Worker < 0 || op.Worker >= w.Clients {
			p.add(path+".worker", "", "is %d, want 0 to %d", op.Worker, w.Clients-1)
		} else if op.At < latest[op.Worker] || op.At > s.Options.Load {
			p.add(path+".at", "", "is %v, want %v (of the worker's last) to %v (the load)", op.At,
				latest[op.Worker], s.Options.Load)
		} else {
			latest[op.Worker] = op.At
		}
		if len(op.Key) == 0 || len(op.Key) > maxKeyBytes {
			p.add(path+".key", "", "has %d bytes, want 1 to %d", len(op.Key), maxKeyBytes)
		}
		inv := workload.Invocation{Kind: op.Kind, Key: op.Key, Input: op.Input}
		if _, err := model.Request(inv); err != nil {
			p.add(path, "", "is no operation on a %s: %v", w.Kind, err)
		}
		pairs += 2*perKey[op.Key] + 1
		perKey[op.Key]++
		if p.full() {
			return
		}
	}
	if pairs > maxPairs {
		p.add("operations", "", "are too many on too few keys: the sum over keys of the square of "+
			"their number is %d, want at most %d", pairs, maxPairs)
	}
}
