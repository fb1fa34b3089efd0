package raft

import (
	"fmt"
	"time"
)

// Config is what a core is made with. Durations are on the clock whose readings the caller passes
// in.
type Config struct {
	ID      NodeID
	Members []Member // the voters at index 0, this one included; none: it waits to be added

	ElectionTimeoutMin time.Duration // "ET"
	ElectionTimeoutMax time.Duration // timeouts are drawn evenly from [min, max)
	HeartbeatInterval  time.Duration

	PreVote     bool // thesis 9.6; voters that hear a leader of the latest term refuse them
	CheckQuorum bool // thesis 6.2: a leader without answers of a majority for one ET resigns, and
	// voters that hear a leader ignore candidates

	LeaseReads  bool // LeaseRead needs no round while a lease lasts: see lease.go; needs CheckQuorum
	LeaseMargin int  // percent of ElectionTimeoutMin by which clocks may part in it; 0: 10

	// DiskPatience is after how many minimum election timeouts without the completion of a write a
	// leader resigns, and nobody campaigns; 0: never.
	DiskPatience int

	Seed        uint64 // of the timeouts; members may share one
	Incarnation uint32 // random at every start of the process: answers to questions of an earlier
	// life are never taken for answers to ours

	// KeepEntries is how many entries are kept behind a snapshot's last one, so that a follower that
	// lacks only those needs no snapshot.
	KeepEntries uint64
	KeepBytes   int // bounds the data of those entries; 0: any
	ChunkBytes  int // of a snapshot sent to a peer, the same on all members; 0: 64 KiB

	MaxAppendBytes      int // of the entries in one Append; 0: 1 MiB
	MaxInflightBytes    int // sent to one peer and not yet acknowledged; 0: 8 MiB
	MaxUncommittedBytes int // beyond it Propose answers ErrBusy; 0: 64 MiB

	MaxLearnerLag uint64 // entries that a learner may lack when it is promoted; 0: 1000
}

// Restored is what the disk held at start.
type Restored struct {
	HardState HardState
	Snapshot  Snapshot // the newest; Index 0: none
	Entries   []Entry  // those behind the snapshot, without a gap

	// Partial is a snapshot that was being received, and PartialBytes how much of it is there, whole
	// chunks of it and not all: the transfer goes on behind them. Index 0: none.
	Partial      Snapshot
	PartialBytes uint64
}

func (c Config) withDefaults() Config {
	if c.MaxAppendBytes == 0 {
		c.MaxAppendBytes = 1 << 20
	}
	if c.MaxInflightBytes == 0 {
		c.MaxInflightBytes = 8 << 20
	}
	if c.MaxUncommittedBytes == 0 {
		c.MaxUncommittedBytes = 64 << 20
	}
	if c.ChunkBytes == 0 {
		c.ChunkBytes = 64 << 10
	}
	if c.LeaseMargin == 0 {
		c.LeaseMargin = 10
	}
	if c.MaxLearnerLag == 0 {
		c.MaxLearnerLag = 1000
	}
	return c
}

func (c Config) valid() error {
	if err := NewConfiguration(c.Members...).valid(); err != nil {
		return err
	}
	if c.ID == 0 || len(c.Members) > 0 && !has(c.Members, c.ID) {
		return fmt.Errorf("id %d is not among the members %v", c.ID, c.Members)
	}
	if c.HeartbeatInterval <= 0 || c.HeartbeatInterval >= c.ElectionTimeoutMin {
		return fmt.Errorf("heartbeat interval %v must be above 0 and below the election timeout %v",
			c.HeartbeatInterval, c.ElectionTimeoutMin)
	}
	if c.ElectionTimeoutMin >= c.ElectionTimeoutMax {
		return fmt.Errorf("minimum election timeout %v must be below the maximum %v",
			c.ElectionTimeoutMin, c.ElectionTimeoutMax)
	}
	if c.LeaseReads && !c.CheckQuorum {
		return fmt.Errorf("lease reads need check quorum: without it voters do not promise to " +
			"ignore candidates while they hear the leader")
	}
	if c.LeaseMargin < 1 || c.LeaseMargin > 99 {
		return fmt.Errorf("lease margin of %d percent must be from 1 to 99", c.LeaseMargin)
	}
	if c.DiskPatience < 0 {
		return fmt.Errorf("disk patience must not be negative: %d", c.DiskPatience)
	}
	if min(c.MaxAppendBytes, c.MaxInflightBytes, c.MaxUncommittedBytes, c.ChunkBytes) < 0 {
		return fmt.Errorf(
			"append, inflight, uncommitted and chunk limits must not be negative: %d, %d, %d, %d",
			c.MaxAppendBytes, c.MaxInflightBytes, c.MaxUncommittedBytes, c.ChunkBytes)
	}
	return nil
}

func (r Restored) valid() error {
	return validEntries(r.Snapshot.last(), r.Entries, r.HardState.Term)
}

// validEntries reports whether entries may follow base in the log of a member that is in a term.
func validEntries(base Position, entries []Entry, current uint64) error {
	if (base.Index == 0) != (base.Term == 0) {
		return fmt.Errorf("log begins behind entry %d of term %d", base.Index, base.Term)
	}
	term, latest := base.Term, time.Duration(0)
	for i, e := range entries {
		if next := base.Index + uint64(i) + 1; e.Index != next {
			return fmt.Errorf("log has entry %d where %d belongs", e.Index, next)
		}
		if e.Term < max(term, 1) {
			return fmt.Errorf("log has entry %d of term %d after term %d", e.Index, e.Term, term)
		}
		if e.Kind == EntryConfiguration {
			if _, err := DecodeConfiguration(e.Data); err != nil {
				return fmt.Errorf("log has entry %d: %w", e.Index, err)
			}
		}
		if e.Time < latest {
			return fmt.Errorf("log has entry %d of time %v after %v", e.Index, e.Time, latest)
		}
		term, latest = e.Term, e.Time
	}
	if term > current {
		return fmt.Errorf("log ends in term %d, above the current term %d", term, current)
	}
	return nil
}
