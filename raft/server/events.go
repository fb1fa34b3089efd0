package server

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/wal"
)

// event is one line of the event log. The field "event" says which of the others mean something:
//
//	start     build, options, members: the process begins
//	recovery  term, vote, index (of the snapshot), lastIndex, segments, records, tornBytes: what the
//	          disk held
//	snapshot  term, index, state "taken", "sent" (with peer) or "installed"
//	term      term: the member entered it
//	vote      term, vote: for whom, itself included
//	role      term, role, leader: the member became what it is now; role "leader" claims the term
//	leader    term, leader: whom it follows now; none: unknown
//	transfer  term, peer, state "begun" or "given up": this leader hands over to peer
//	disk      term, state "hangs" or "back": the oldest write has taken too long, or has ended
//	config    term, index, members, outgoing, learners: what is in effect from the entry at index on
//	link      peer, stream, state "up" or "down", error: an outgoing connection; leftOut, of one that
//	          did not come up
//	refused   error: an incoming connection that was not one of ours
//	client    error: a client's connection that was not let in
//	tls       error: changed files that make no sense; the old ones stay in force
//	          leftOut, of these: such lines left out since the last, one in ten seconds being enough
//	stop      a stop in good order; its absence at the end of a log tells of a kill
type event struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
	Node  string    `json:"node"`

	Term   uint64 `json:"term,omitempty"`
	Role   string `json:"role,omitempty"`
	Leader string `json:"leader,omitempty"`
	Vote   string `json:"vote,omitempty"`

	Build   string   `json:"build,omitempty"`
	Options *options `json:"options,omitempty"`
	Members []string `json:"members,omitempty"` // voters

	Outgoing []string `json:"outgoing,omitempty"`
	Learners []string `json:"learners,omitempty"`

	Index     uint64 `json:"index,omitempty"`
	LastIndex uint64 `json:"lastIndex,omitempty"`
	Segments  int    `json:"segments,omitempty"`
	Records   int    `json:"records,omitempty"`
	TornBytes int    `json:"tornBytes,omitempty"`

	Peer   string `json:"peer,omitempty"`
	Stream string `json:"stream,omitempty"`
	State  string `json:"state,omitempty"`
	Error  string `json:"error,omitempty"`

	LeftOut uint64 `json:"leftOut,omitempty"`
}

// options are what the member was started with, as status and the event log report it.
type options struct {
	PreVote            bool   `json:"prevote"`
	CheckQuorum        bool   `json:"checkQuorum"`
	LeaseReads         bool   `json:"leaseReads,omitempty"`
	ElectionTimeout    string `json:"electionTimeout"`
	ElectionTimeoutMax string `json:"electionTimeoutMax"`
	Heartbeat          string `json:"heartbeat"`
}

// eventLog writes events, each with one Write, in the order of the calls.
type eventLog struct {
	mu   sync.Mutex
	w    io.Writer
	node string
}

func (l *eventLog) write(e event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Time = time.Now()
	e.Node = l.node
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", e.Event, err)
	}
	if _, err := l.w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write event log: %w", err)
	}
	return nil
}

func (s *Server) options() *options {
	return &options{
		PreVote:            s.cfg.PreVote,
		CheckQuorum:        s.cfg.CheckQuorum,
		LeaseReads:         s.cfg.LeaseReads,
		ElectionTimeout:    s.cfg.ElectionTimeout.String(),
		ElectionTimeoutMax: (2 * s.cfg.ElectionTimeout).String(),
		Heartbeat:          s.cfg.Heartbeat.String(),
	}
}

func namesOf[M Member | raft.Member](members []M) []string {
	var names []string
	for _, m := range members {
		names = append(names, Member(m).Name)
	}
	return names
}

// configuration fills in the line of a "config" event.
func (e *event) configuration(config raft.Configuration) {
	e.Members, e.Outgoing = namesOf(config.Voters), namesOf(config.Outgoing)
	e.Learners = namesOf(config.Learners)
}

func (s *Server) logStart(found wal.Recovery, restored raft.Restored) error {
	err := s.events.write(event{
		Event: "start", Build: s.cfg.Build, Options: s.options(), Members: namesOf(s.cfg.Members),
	})
	if err != nil {
		return err
	}
	return s.events.write(event{
		Event:     "recovery",
		Term:      restored.HardState.Term,
		Vote:      s.directory.name(restored.HardState.Vote),
		Index:     restored.Snapshot.Index,
		LastIndex: restored.Snapshot.Index + uint64(len(restored.Entries)),
		Segments:  found.Segments,
		Records:   found.Records,
		TornBytes: found.TornBytes,
	})
}
