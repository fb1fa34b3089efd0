// Package server is the raftd process: one loop drives a replica, and around it stand the disk, the
// peers and the clients.
//
//	loop.go      the only goroutine that touches the replica: inputs in, effects out
//	disk.go      one goroutine that writes, so that a slow disk delays no heartbeat
//	snapshots.go one goroutine that reads and writes snapshots
//	link.go      outgoing: per peer and stream one connection, which carries data one way only
//	accept.go    incoming: the other ends of those connections
//	http.go      the client API; input.go what a request says; request.go the life of one;
//	             answer.go what it is told; sessions.go the headers that make a write happen once
//	quick.go     plain reads and puts without net/http; plain.go tells which these are
//	connections.go, guard.go, strict.go  what is too much or makes no sense is refused at the door
//	security.go  TLS and the token
//	metrics.go   what happens, counted, for Prometheus
//	events.go    the event log: one JSON line per event
//
// # Rules
//
//  1. An event is written to the operating system before any message leaves that was made with it:
//     so a leadership that anyone can have heard of is in the leader's own log.
//  2. What reveals a term, a vote or entries of ours waits for the disk; a leader's appends and
//     heartbeats do not. Writes complete in the order in which the replica asked for them.
//  3. The loop never waits: not for the disk, not for a peer, not for a client. Queues to peers are
//     bounded and drop the oldest message; the protocol repeats what matters.
//  4. Every request is answered within RequestTimeout. An answer that is not a success says whether
//     the effect may have happened ("unknown") or certainly did not and never will ("fail").
//  5. A disk that failed ends the process: what it holds is no longer known.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/replica"
	"gauntlet/raft/wal"
)

// Member is one server of the cluster.
type Member struct {
	ID      raft.NodeID
	Name    string
	Address string // HOST:PORT of its peer listener, as this member reaches it
}

// Config is what a server is started with. All fields are required unless they say otherwise.
type Config struct {
	ID      raft.NodeID
	Members []Member // the first ones, this one included; none: it waits to be added
	Name    string   // of a server that waits to be added
	Cluster uint64   // peers of another cluster are refused

	// ClusterName is what Cluster stands for. With ID, the name and the first members' names, it is
	// whom Dir belongs to: see wal.Owner.
	ClusterName string
	Dir         string
	FS          wal.FS // optional; default the real disk
	Incarnation uint32 // random, fresh at every start: old answers are never taken for ours
	Seed        uint64 // of the election timeouts

	Clients net.Listener // closed by the server
	Peers   net.Listener // closed by the server
	Events  io.Writer    // one Write per line; its failure stops the server (rule 1)

	ElectionTimeout time.Duration // the minimum, "ET"; the maximum is twice as long
	Heartbeat       time.Duration
	PreVote         bool
	CheckQuorum     bool
	LeaseReads      bool          // see raft/lease.go; needs CheckQuorum
	LeaseMargin     int           // optional; percent of ElectionTimeout, default 10
	SnapshotEntries uint64        // from snapshot to snapshot; 0: never for that reason
	SnapshotBytes   int           // likewise, of the entries applied
	DiskPatience    int           // election timeouts that a write may take a leader; 0: any
	RequestTimeout  time.Duration // optional; default 5 s
	MaxClients      int           // connections; optional; default DefaultMaxClients
	TLS             *TLSFiles     // optional
	Token           string        // optional; clients show it, peers prove it
	Build           string        // reported by status and in the event log
}

// DefaultRequestTimeout bounds how long a client waits for an answer, even without a quorum.
const DefaultRequestTimeout = 5 * time.Second

// Server is a running member.
type Server struct {
	cfg      Config
	started  time.Time
	events   *eventLog
	lines    lineLimit
	metrics  *metrics
	clients  *clientListener
	bodies   *bodies
	identity *identity // nil: no TLS
	disk     *disk
	shots    *snapshotter
	loop     *loop
	peers    *acceptor
	quick    *quickListener // nil: net/http serves all, since clients have to prove who they are
	http     *http.Server

	directory *directory

	draining  chan struct{} // closed: requests that still wait are given up
	drainOnce sync.Once
	stop      chan struct{} // closed: everything ends
	stopOnce  sync.Once
	done      chan struct{} // closed: everything has ended
	running   sync.WaitGroup

	mu  sync.Mutex
	err error // why it ended by itself
}

// Start recovers the log and starts serving. It fails without side effects on bad input, on a log
// that is in use or corrupt (see package wal), and on a disk that cannot be written.
func Start(cfg Config) (*Server, error) {
	if cfg.FS == nil {
		cfg.FS = wal.Disk{}
	}
	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = DefaultRequestTimeout
	}
	if cfg.MaxClients == 0 {
		cfg.MaxClients = DefaultMaxClients
	}
	s := &Server{
		cfg:       cfg,
		directory: newDirectory(cfg.Members),
		started:   time.Now(),
		draining:  make(chan struct{}),
		stop:      make(chan struct{}),
		done:      make(chan struct{}),
	}
	if s.name() == "" {
		return nil, fmt.Errorf("id %d is not among the members, and has no name", cfg.ID)
	}
	if cfg.TLS != nil {
		identity, err := newIdentity(*cfg.TLS, func(err error) { s.report("tls", "%v", err) })
		if err != nil {
			return nil, err
		}
		s.identity = identity
	}
	s.events = &eventLog{w: cfg.Events, node: s.name()}
	log, restored, err := wal.Open(cfg.FS, cfg.Dir,
		wal.Options{Salt: uint64(cfg.Incarnation), Owner: s.owner()})
	if err != nil {
		return nil, err
	}
	state, err := loadState(log.Snapshots(), restored.Snapshot)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	replicaConfig := s.replicaConfig()
	replicaConfig.State = state
	member, err := replica.New(replicaConfig, restored)
	if err == nil {
		s.directory.use(member.Configuration())
		err = s.logStart(log.Recovery(), restored)
	}
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s.run(member, log)
	return s, nil
}

func (s *Server) run(member *replica.Replica, log *wal.Log) {
	s.metrics = newMetrics(s)
	s.clients = newClientListener(s)
	s.bodies = newBodies()
	s.disk = newDisk(log, func(took time.Duration) { s.metrics.fsync.Observe(took.Seconds()) })
	s.shots = newSnapshotter(s, log.Snapshots())
	s.loop = newLoop(s, member)
	s.peers = newAcceptor(s)
	s.http = s.newHTTP()
	if s.identity == nil && s.cfg.Token == "" {
		s.quick = newQuickListener(s, s.clients)
	}
	s.loop.relink(member.Configuration())
	s.goroutine(s.disk.run)
	s.goroutine(s.shots.run)
	s.goroutine(s.loop.run)
	s.goroutine(s.peers.run)
	s.goroutine(func() {
		var clients net.Listener = s.clients
		if s.identity != nil {
			clients = tls.NewListener(clients, s.identity.forClients())
		}
		if s.quick != nil {
			clients = s.quick
		}
		if err := s.http.Serve(clients); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("serve clients: %w", err))
		}
	})
	go s.teardown(log)
}

func (s *Server) replicaConfig() replica.Config {
	c := s.cfg
	var members []raft.Member
	for _, m := range c.Members {
		members = append(members, raft.Member(m))
	}
	return replica.Config{
		Incarnation:     uint64(c.Incarnation),
		SnapshotEntries: c.SnapshotEntries, SnapshotBytes: c.SnapshotBytes,
		Raft: raft.Config{
			KeepEntries: c.SnapshotEntries / 10, KeepBytes: c.SnapshotBytes / 10,
			ID: c.ID, Members: members, Incarnation: c.Incarnation, Seed: c.Seed,
			ElectionTimeoutMin: c.ElectionTimeout, ElectionTimeoutMax: 2 * c.ElectionTimeout,
			HeartbeatInterval: c.Heartbeat, PreVote: c.PreVote, CheckQuorum: c.CheckQuorum,
			LeaseReads: c.LeaseReads, LeaseMargin: c.LeaseMargin, DiskPatience: c.DiskPatience,
		},
	}
}

// name returns what this server is called.
func (s *Server) name() string {
	if name := s.directory.name(s.cfg.ID); name != "" {
		return name
	}
	return s.cfg.Name
}

// owner returns whose directory this server's must be.
func (s *Server) owner() wal.Owner {
	owner := wal.Owner{Member: uint64(s.cfg.ID), Name: s.name(), Cluster: s.cfg.ClusterName}
	for _, m := range s.cfg.Members {
		owner.Founders = append(owner.Founders, m.Name)
	}
	return owner
}

// founders returns a hash of the first members' names in their order, which is never 0; or 0 if
// this server was added later and so does not know them. Addresses may have moved.
func (s *Server) founders() uint64 {
	names := s.owner().Founders
	if len(names) == 0 {
		return 0
	}
	hash := fnv.New64a()
	fmt.Fprintf(hash, "%q", names)
	return hash.Sum64() | 1
}

func (s *Server) goroutine(f func()) {
	s.running.Go(f)
}

// teardown waits for the end and closes everything, the log last.
func (s *Server) teardown(log *wal.Log) {
	<-s.stop
	s.http.Close()
	if s.quick != nil {
		s.quick.kill()
	}
	s.cfg.Peers.Close()
	s.peers.close()
	s.disk.close()
	s.running.Wait()
	log.Close()
	close(s.done)
}

// fail ends the server because of err. The first reason counts.
func (s *Server) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.stopOnce.Do(func() { close(s.stop) })
}

// Done is closed once the server has ended, by Stop, Kill or by itself.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err tells why the server ended by itself: nil after Stop or Kill.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Stop ends the server in good order: a leader hands its leadership over, if that takes no longer
// than an election timeout; no new clients; those that wait get their answers while ctx
// lasts, and then are told that the effect is unknown; what the disk was given is written.
func (s *Server) Stop(ctx context.Context) error {
	s.handOver(ctx)
	if s.drain(ctx) != nil {
		s.drainOnce.Do(func() { close(s.draining) })
		lastWords, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.drain(lastWords)
	}
	s.events.write(event{Event: "stop"})
	s.Kill()
	return s.Err()
}

// drain takes in no more connections, and waits for the requests under way.
func (s *Server) drain(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if s.quick != nil {
		err = errors.Join(err, s.quick.wait(ctx))
	}
	return err
}

// Kill ends the server at once. What is acknowledged is on disk all the same.
func (s *Server) Kill() {
	s.stopOnce.Do(func() { close(s.stop) })
	<-s.done
}

// now is the clock of the replica: monotonic, and it goes on while the process is stopped.
func (s *Server) now() time.Duration { return time.Since(s.started) }
