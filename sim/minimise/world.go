package minimise

import (
	"time"

	"gauntlet/sim/schedule"
)

// largeSegment holds the log of any short run, and costs little to begin.
const largeSegment = 64 << 10

// network makes every message take the same time, and arrive once and in order.
func (m *minimiser) network() {
	m.together(
		func(s *schedule.Schedule) { s.Options.Network.LossPPM = 0 },
		func(s *schedule.Schedule) { s.Options.Network.DuplicatePPM = 0 },
		func(s *schedule.Schedule) { s.Options.Network.TailPPM, s.Options.Network.TailMax = 0, 0 },
		func(s *schedule.Schedule) { s.Options.Network.InOrder = true },
		func(s *schedule.Schedule) { s.Options.Workload.DelayMax = 0 },
		func(s *schedule.Schedule) {
			s.Options.Network.DelayMax = s.Options.Network.DelayMin
		},
	)
	m.try(func(s *schedule.Schedule) {
		n := &s.Options.Network
		n.DelayMin = round(n.DelayMin, time.Millisecond)
		n.DelayMax = n.DelayMin
	})
}

// disks makes every sync take the same time, and every clock show the same.
func (m *minimiser) disks() {
	m.together(
		func(s *schedule.Schedule) { s.Options.Disk.TailPPM, s.Options.Disk.TailMax = 0, 0 },
		func(s *schedule.Schedule) { s.Options.Disk.SyncMax = s.Options.Disk.SyncMin },
		func(s *schedule.Schedule) { s.Options.Clock = schedule.Clock{} },
	)
	m.try(func(s *schedule.Schedule) {
		d := &s.Options.Disk
		d.SyncMin = round(d.SyncMin, time.Millisecond)
		d.SyncMax = d.SyncMin
	})
}

// settings gives up what is set without need.
func (m *minimiser) settings() {
	m.together(
		func(s *schedule.Schedule) { s.Options.Workload.Sessions = schedule.Sessions{} },
		func(s *schedule.Schedule) { s.Options.Turn = 0 },
		func(s *schedule.Schedule) { s.Options.Snapshots = schedule.Snapshots{} },
		func(s *schedule.Schedule) { s.Options.Raft.MaxAppendBytes = 0 },
		func(s *schedule.Schedule) { s.Options.Raft.MaxInflightBytes = 0 },
		func(s *schedule.Schedule) { s.Options.Raft.MaxUncommittedBytes = 0 },
		func(s *schedule.Schedule) { s.Options.Raft.MaxLearnerLag = 0 },
		func(s *schedule.Schedule) { s.Options.Raft.LeaseReads = false },
		func(s *schedule.Schedule) { s.Options.Raft.DiskPatience = 0 },
		func(s *schedule.Schedule) {
			s.Options.Disk.SegmentBytes = max(s.Options.Disk.SegmentBytes, largeSegment)
		},
	)
	m.try(func(s *schedule.Schedule) { // what nobody asks when operations are given
		w := &s.Options.Workload
		w.Keys, w.OpsPerKey, w.PerGroup, w.ThinkMin, w.ThinkMax, w.LeasePPM = 1, 1, 0, 0, 0, 0
	})
	m.together(
		func(s *schedule.Schedule) {
			r := &s.Options.Raft
			r.ElectionTimeoutMin = round(r.ElectionTimeoutMin, grain)
			r.ElectionTimeoutMax = round(r.ElectionTimeoutMax, grain)
		},
		func(s *schedule.Schedule) {
			s.Options.Raft.HeartbeatInterval = round(s.Options.Raft.HeartbeatInterval, grain)
		},
		func(s *schedule.Schedule) {
			s.Options.Workload.Timeout = round(s.Options.Workload.Timeout, grain)
		},
	)
}

// round returns the next multiple of a unit that is not smaller.
func round(d, unit time.Duration) time.Duration { return (d + unit - 1) / unit * unit }
