package main

import (
	"fmt"
	"hash/fnv"
	"net"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/raft"
	"gauntlet/raft/server"
)

// Flags are the command line. The help texts are the reference.
type Flags struct {
	Name  string   `required:"" help:"This member's name, one of --peers."`
	Data  string   `required:"" help:"Directory of the log. Created if absent."`
	Peers []string `required:"" placeholder:"NAME=HOST:PORT" help:"All members, in one order."`

	ListenClient string `default:"127.0.0.1:4400" help:"Where clients connect."`
	ListenPeer   string `default:"127.0.0.1:4401" help:"Where peers connect."`

	ElectionTimeout time.Duration `default:"300ms" help:"Minimum; the maximum is twice as long."`
	Heartbeat       time.Duration `help:"Default: a sixth of the election timeout."`
	Prevote         bool          `default:"true" negatable:"" help:"Ask before raising the term."`
	CheckQuorum     bool          `default:"true" negatable:"" help:"Resign without a majority."`
	RequestTimeout  time.Duration `default:"5s" help:"Longest wait of a client for an answer."`

	Log     string           `placeholder:"FILE" help:"Event log; default: standard output."`
	Version kong.VersionFlag `help:"Print what this binary was built of."`

	members []server.Member // parsed from Peers
	self    raft.NodeID
}

// check completes the flags, or tells in one line what is wrong with them.
func (f *Flags) check() error {
	if f.Heartbeat == 0 {
		f.Heartbeat = f.ElectionTimeout / 6
	}
	switch {
	case f.ElectionTimeout < 10*time.Millisecond:
		return fmt.Errorf("--election-timeout %v: at least 10ms", f.ElectionTimeout)
	case f.Heartbeat <= 0 || f.Heartbeat > f.ElectionTimeout/2:
		return fmt.Errorf("--heartbeat %v: above 0, at most half of --election-timeout %v",
			f.Heartbeat, f.ElectionTimeout)
	case f.RequestTimeout <= 0:
		return fmt.Errorf("--request-timeout %v: above 0", f.RequestTimeout)
	}
	return f.parsePeers()
}

func (f *Flags) parsePeers() error {
	names, addresses := map[string]bool{}, map[string]bool{}
	for i, peer := range f.Peers {
		name, address, ok := strings.Cut(peer, "=")
		if !ok || name == "" {
			return fmt.Errorf("--peers: %q is not NAME=HOST:PORT", peer)
		}
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return fmt.Errorf("--peers: %q: %q is not HOST:PORT", peer, address)
		}
		if names[name] || addresses[address] {
			return fmt.Errorf("--peers: %q: name or address listed twice", peer)
		}
		names[name], addresses[address] = true, true
		id := raft.NodeID(i + 1)
		f.members = append(f.members, server.Member{ID: id, Name: name, Address: address})
		if name == f.Name {
			f.self = id
		}
	}
	if f.self == 0 {
		return fmt.Errorf("--name %q is not among --peers", f.Name)
	}
	return nil
}

// config is what the flags say. Members recognise each other by a hash of the list of peers.
func (f *Flags) config() server.Config {
	hash := fnv.New64a()
	hash.Write([]byte(strings.Join(f.Peers, ",")))
	return server.Config{
		ID: f.self, Members: f.members, Cluster: hash.Sum64(),
		Dir:             f.Data,
		ElectionTimeout: f.ElectionTimeout,
		Heartbeat:       f.Heartbeat,
		PreVote:         f.Prevote,
		CheckQuorum:     f.CheckQuorum,
		RequestTimeout:  f.RequestTimeout,
	}
}
