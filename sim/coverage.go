package sim

import (
	"gauntlet/nemesis"
	"gauntlet/raft"
	"gauntlet/raft/replica"
)

// situation is one of the named things that a campaign must have seen before its silence means
// anything.
type situation int

const (
	leaderElected situation = iota
	splitVote
	preVoteRefused
	voteRefused
	twoLeadersAtOnce
	leaderResigned
	leaderDeposed
	deafLeaderResigned
	stuckTermAnswered
	appendRefused
	logTruncated
	termsTruncated
	majorityOverwritten
	oldTermCommitted
	leaderCrashed
	candidateCrashed
	crashMidWrite
	powerMidWrite
	crashWhileStarting
	majorityDown
	restarted
	tornTail
	startFailed
	diskFailed
	damageRefused
	pausedLeaderOverthrown
	messageLost
	messageDuplicated
	messageOvertaken
	messageToDead
	groupCommit
	batchedAppend
	forwardedWrite
	forwardRefused
	busyRefused
	followerRead
	readFailed
	writeUnknown
	clientTimeout
	casFailed
	transactionDone
	evenSplit
	smallestCore
	appendTooLarge
	unaskedLeader
	conditionMet
	connectionReset
	linkStalled
	jointCommitted
	jointRolledBack
	leaderRemoved
	learnerPromoted
	nodeReplaced
	promotionRefused
	changeWhileCut
	electedWhileJoint
	transferDone
	transferGivenUp
	transferParted
	leaseRead
	leaseSuspended
	hungLeaderResigned
	snapshotTaken
	snapshotSent
	snapshotInstalled
	snapshotOvertaken
	transferRewound
	transferRestored
	snapshotStale
	startedFromSnapshot
	logCompacted
	compactedUnderPeer
	powerMidSnapshot
	snapshotDamaged
	repeatAnswered
	repeatCommitted
	sessionExpired
	retryAfterLeader
	retryUnknown
	droppedNotRun
	statesCompared
	situations // how many there are
)

// Situations names what Coverage counts, in its order.
var Situations = [situations]string{
	leaderElected:          "a leader was elected",
	splitVote:              "an election was won by nobody",
	preVoteRefused:         "a pre-vote was refused",
	voteRefused:            "a vote was refused",
	twoLeadersAtOnce:       "two members led at once, in different terms",
	leaderResigned:         "a leader without answers resigned",
	leaderDeposed:          "a leader learned of a higher term",
	deafLeaderResigned:     "a leader that could send but not hear resigned",
	stuckTermAnswered:      "a message of a lower term was answered with the higher one",
	appendRefused:          "an append was refused with a hint",
	logTruncated:           "a follower dropped entries for the leader's",
	termsTruncated:         "... of more than one term at once",
	majorityOverwritten:    "an entry on a majority's disks was overwritten (Figure 8)",
	oldTermCommitted:       "a new leader committed an older term's entries through its own",
	leaderCrashed:          "a leader crashed",
	candidateCrashed:       "a candidate crashed",
	crashMidWrite:          "a process died while its write was on the way",
	powerMidWrite:          "the power went while a write was on the way",
	crashWhileStarting:     "a process died while it read its log",
	majorityDown:           "a majority was down at once",
	restarted:              "a member came back with its log",
	tornTail:               "a torn tail was cut off",
	startFailed:            "a start failed because of the disk",
	diskFailed:             "a failed write or sync ended a process",
	damageRefused:          "a damaged log was refused",
	pausedLeaderOverthrown: "a paused leader came back to a newer one",
	messageLost:            "the network lost a message",
	messageDuplicated:      "the network repeated a message",
	messageOvertaken:       "a message was overtaken",
	messageToDead:          "a message found nobody there",
	groupCommit:            "four or more entries went to disk as one",
	batchedAppend:          "an append carried four or more entries",
	forwardedWrite:         "a follower's client had a write done",
	forwardRefused:         "a write was refused for want of a leader",
	busyRefused:            "a write was refused by a busy leader",
	followerRead:           "a follower answered a linearizable read",
	readFailed:             "a read failed because leadership was lost",
	writeUnknown:           "a write ended with its outcome unknown",
	clientTimeout:          "a client gave up waiting",
	casFailed:              "a compare-and-set found another value",
	transactionDone:        "a transaction was done",
	evenSplit:              "an even cluster was split in halves",
	smallestCore:           "the smallest quorum alone came back to life",
	appendTooLarge:         "an append was lost for its size",
	unaskedLeader:          "a leader committed entries while its own clients could not reach it",
	conditionMet:           "a fault began when its condition held",
	connectionReset:        "a message under way died with its connection",
	linkStalled:            "a link stalled for want of acknowledgements",
	jointCommitted:         "a joint configuration was committed",
	jointRolledBack:        "a joint configuration was dropped with its entry",
	leaderRemoved:          "a leader that was removed stepped down",
	learnerPromoted:        "a learner became a voter",
	nodeReplaced:           "a voter was replaced by a learner",
	promotionRefused:       "a learner that lacked too much was not promoted",
	changeWhileCut:         "a change of the members began while links were cut",
	electedWhileJoint:      "a leader was elected under a joint configuration",
	transferDone:           "a leader handed its leadership over",
	transferGivenUp:        "a transfer was given up after its time",
	transferParted:         "a transfer was asked for while links were severed",
	leaseRead:              "a leader answered a read by its lease",
	leaseSuspended:         "a lease read was asked of a leader in, or after, a transfer",
	hungLeaderResigned:     "a leader resigned because its disk hung",
	snapshotTaken:          "a member took a snapshot of its state",
	snapshotSent:           "the last chunk of a snapshot was sent",
	snapshotInstalled:      "a snapshot took the place of a member's log",
	snapshotOvertaken:      "... or was received in vain: the log had told as much by then",
	transferRewound:        "a transfer went on where a chunk was lost",
	transferRestored:       "a transfer went on where a receiver had it when its process ended",
	snapshotStale:          "a chunk of a snapshot older than what was committed was refused",
	startedFromSnapshot:    "a member came back with a snapshot and the log behind it",
	logCompacted:           "segments of a log were removed",
	compactedUnderPeer:     "a leader compacted entries that a member still lacked",
	powerMidSnapshot:       "the power went while a snapshot was written",
	snapshotDamaged:        "a damaged snapshot was noticed, and done without",
	repeatAnswered:         "a repeated command was answered with the answer of the first time",
	repeatCommitted:        "a command of a session was committed again, and not carried out again",
	sessionExpired:         "a session expired",
	retryAfterLeader:       "a command was answered to a later try, by another leader's term",
	retryUnknown:           "a later try of a command found its session gone",
	droppedNotRun:          "a command came again after its answer was acknowledged",
	statesCompared:         "the states of two members were compared, sessions included",
}

// Coverage counts how often each situation was seen in a run, in the order of Situations.
type Coverage [situations]uint32

// FaultKinds names what Effects counts, in its order.
var FaultKinds = [...]string{
	string(nemesis.KindPartition), string(nemesis.KindLoss), string(nemesis.KindDuplicate),
	string(nemesis.KindDelay), string(nemesis.KindReorder), string(nemesis.KindClog),
	string(nemesis.KindPause), string(nemesis.KindKill), string(nemesis.KindPower),
	string(nemesis.KindClockJump), string(nemesis.KindClockRate), string(nemesis.KindDiskSlow),
	string(nemesis.KindDiskError), string(nemesis.KindDiskFull), string(nemesis.KindBitRot),
	string(nemesis.KindMTU), string(nemesis.KindClientCut), string(nemesis.KindTransfer),
}

// Effects counts how often each kind of fault changed something in a run, in the order of
// FaultKinds.
type Effects [len(FaultKinds)]uint32

// notices is what coverage remembers between two events.
type notices struct {
	unwon       uint64 // the highest term in which somebody was a candidate, and nobody led so far
	newestTerm  uint64 // of a leader
	leaderTerms [16]uint64
}

func (w *World) saw(s situation) { w.outcome.Coverage[s]++ }

// notice looks at a message that a member is about to take in.
func (w *World) notice(m *member, message *raft.Message) {
	switch message.Kind {
	case raft.PreVoteAnswer:
		if message.Reject {
			w.saw(preVoteRefused)
		}
	case raft.VoteAnswer:
		if message.Reject {
			w.saw(voteRefused)
		}
	case raft.AppendAnswer:
		if message.Reject {
			w.saw(appendRefused)
		}
	case raft.Append:
		if len(message.Entries) > 3 {
			w.saw(batchedAppend)
		}
	case raft.SnapshotChunk:
		if c := message.Chunk; c != nil && c.Snapshot.Index <= m.seen.Commit {
			w.saw(snapshotStale)
		}
	case raft.SnapshotAnswer:
		if c := message.Chunk; c != nil && message.Reject && c.Offset > 0 {
			w.saw(transferRewound)
		}
	}
	if message.Term < m.seen.Term {
		w.saw(stuckTermAnswered)
	}
}

// noticeStatus looks at how a member changed.
func (w *World) noticeStatus(m *member, was, is *raft.Status) {
	if is.Role != was.Role {
		w.noticeRole(m, was, is)
	}
	w.noticeConfiguration(m, was, is)
	if is.Commit > was.Commit && is.Role == raft.Leader && m.clientCuts > 0 {
		w.saw(unaskedLeader)
	}
	if is.Commit > was.Commit && is.Role == raft.Leader && w.notes.leaderTerms[m.index] != is.Term {
		w.notes.leaderTerms[m.index] = is.Term
		if is.Commit > was.Commit+1 {
			w.saw(oldTermCommitted)
		}
	}
}

func (w *World) noticeRole(m *member, was, is *raft.Status) {
	n := &w.notes
	switch {
	case is.Role == raft.Leader:
		w.saw(leaderElected)
		n.newestTerm = max(n.newestTerm, is.Term)
		n.unwon = 0
		for _, other := range w.members {
			if other != m && other.state >= running && other.seen.Role == raft.Leader {
				w.saw(twoLeadersAtOnce)
			}
		}
	case is.Role == raft.Candidate:
		if n.unwon != 0 && is.Term > n.unwon {
			w.saw(splitVote)
		}
		n.unwon = is.Term
	case was.Role == raft.Leader && is.Term == was.Term && is.DiskHangs:
		w.saw(hungLeaderResigned)
	case was.Role == raft.Leader && is.Term == was.Term:
		w.saw(leaderResigned)
		if w.deaf(m) {
			w.saw(deafLeaderResigned)
		}
	case was.Role == raft.Leader:
		w.saw(leaderDeposed)
	}
}

// deaf tells whether a member can send to a majority but hear from none.
func (w *World) deaf(m *member) bool {
	n := len(w.members)
	heard, told := 1, 1
	for other := range n {
		if other == m.index {
			continue
		}
		if w.links[other*n+m.index].cuts == 0 {
			heard++
		}
		if w.links[m.index*n+other].cuts == 0 {
			told++
		}
	}
	return heard < n/2+1 && told >= n/2+1
}

func (w *World) noticeCrash(m *member) {
	switch {
	case m.state == starting:
		w.saw(crashWhileStarting)
	case m.seen.Role == raft.Leader:
		w.saw(leaderCrashed)
	case m.seen.Role == raft.Candidate || m.seen.Role == raft.PreCandidate:
		w.saw(candidateCrashed)
	}
	if m.busy {
		w.saw(crashMidWrite)
	}
	dead := 1
	for _, other := range w.members {
		if other != m && other.state == down && w.belongs(other) {
			dead++
		}
	}
	if n := len(w.current.All()); dead >= n/2+1 && n > 1 && w.belongs(m) {
		w.saw(majorityDown)
	}
}

func (w *World) noticeResume(m *member) {
	if m.seen.Role == raft.Leader && w.notes.newestTerm > m.seen.Term {
		w.saw(pausedLeaderOverthrown)
	}
}

func (w *World) noticeFault(f *faultState) {
	if f.event.Shape == nemesis.ShapeHalves && w.options.Nodes%2 == 0 {
		w.saw(evenSplit)
	}
}

// noticeAnswer looks at what a replica answers.
func (w *World) noticeAnswer(m *member, op *operation, a *replica.Answer) {
	leads := m.seen.Role == raft.Leader
	switch {
	case a.Refusal != nil && op.read:
		w.saw(readFailed)
	case a.Refusal != nil && a.Refusal.Unknown:
		w.saw(writeUnknown)
	case a.Refusal != nil && a.Refusal.Reason == raft.ErrNoLeader.Error():
		w.saw(forwardRefused)
	case a.Refusal != nil:
		w.saw(busyRefused)
	case a.Lease:
		w.saw(leaseRead)
	case op.read && !leads:
		w.saw(followerRead)
	case !op.read && !leads:
		w.saw(forwardedWrite)
	}
	if a.Refusal != nil || op.read {
		return
	}
	w.noticeTry(m, op, a)
	switch op.Kind {
	case "cas":
		if !a.Result.Swapped {
			w.saw(casFailed)
		}
	case "txn":
		w.saw(transactionDone)
	}
}
