package main

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/raft"
	"gauntlet/raft/server"
)

// Flags are the command line, and the keys of --config. The help texts are the reference.
type Flags struct {
	memberFlags   `embed:"" group:"member"`
	networkFlags  `embed:"" group:"network"`
	securityFlags `embed:"" group:"security"`
	raftFlags     `embed:"" group:"raft"`

	Version kong.VersionFlag `help:"Print what this binary was built of."`

	file    *configFile     // nil: none
	given   map[string]bool // on the command line, by name
	members []server.Member // parsed from Peers
	self    raft.NodeID
	token   string // what TokenFile holds
}

// memberFlags say who the member is, and where it keeps what.
type memberFlags struct {
	Config configFlag `placeholder:"FILE" help:"Settings, as YAML; flags win. See raft/README.md."`
	Name   string     `required:"" help:"This member's name, one of --peers."`
	Data   string     `required:"" help:"Directory of the log. Created if absent."`
	Peers  []string   `placeholder:"NAME=HOST:PORT" help:"The founding list; never edited."`
	Log    string     `placeholder:"FILE" help:"Event log; default: standard output."`

	Join    bool   `help:"In place of --peers: wait to be added to a cluster that runs."`
	ID      uint64 `name:"id" help:"With --join: a number above that of all members so far."`
	Cluster string `placeholder:"NAME" help:"What members share; default: the list of --peers."`
}

// networkFlags say who may reach the member.
type networkFlags struct {
	ListenClient string `default:"127.0.0.1:4400" help:"Where clients connect."`
	ListenPeer   string `default:"127.0.0.1:4401" help:"Where peers connect."`
	Insecure     bool   `env:"RAFTD_INSECURE" help:"Let others than this machine connect."`
}

// securityFlags say who is believed.
type securityFlags struct {
	TLSCert   string `name:"tls-cert" placeholder:"FILE" help:"Certificate with its chain, PEM."`
	TLSKey    string `name:"tls-key" placeholder:"FILE" help:"Its key, PEM."`
	TLSCA     string `name:"tls-ca" placeholder:"FILE" help:"The authority that signs members, PEM."`
	TokenFile string `placeholder:"FILE" help:"What clients must show and peers prove."`
}

// raftFlags are the timing and the options of the protocol.
type raftFlags struct {
	ElectionTimeout time.Duration `default:"300ms" help:"Minimum; the maximum is twice as long."`
	Heartbeat       time.Duration `help:"Default: a sixth of the election timeout."`
	Prevote         bool          `default:"true" negatable:"" help:"Ask before raising the term."`
	CheckQuorum     bool          `default:"true" negatable:"" help:"Resign without a majority."`
	LeaseReads      bool          `help:"Serve ?read=lease without asking a majority. See README."`
	LeaseMargin     int           `default:"10" help:"Of a lease, for clock drift; percent."`
	DiskPatience    int           `default:"8" help:"Resign if a write takes so many timeouts."`
	RequestTimeout  time.Duration `default:"5s" help:"Longest wait of a client for an answer."`
	SnapshotEntries uint64        `default:"100000" help:"From snapshot to snapshot; 0: any."`
	SnapshotBytes   int           `default:"67108864" help:"Bytes of them; 0: any."`
}

// groups are the headings of --help.
var groups = kong.ExplicitGroups([]kong.Group{
	{Key: "member", Title: "Member"},
	{Key: "network", Title: "Network"},
	{Key: "security", Title: "Security"},
	{Key: "raft", Title: "Raft"},
})

// problem is one thing wrong with a flag.
type problem struct {
	flag string
	text string
	hint string // how to mend it; may be empty
}

// check completes the flags, or tells all that is wrong with them and with the file: a line each,
// with the place, and a hint below it where there is one.
func (f *Flags) check() error {
	wrong := []error{f.file.mistakes()}
	for _, p := range f.problems() {
		if f.file.causes(p, f.given) {
			continue
		}
		line := f.file.where(p.flag, f.given) + " " + p.text
		if p.hint != "" {
			line += "\n  hint: " + p.hint
		}
		wrong = append(wrong, errors.New(line))
	}
	return errors.Join(wrong...)
}

func (f *Flags) problems() []problem {
	if f.Heartbeat == 0 {
		f.Heartbeat = f.ElectionTimeout / 6
	}
	problems := f.identify()
	wrong := func(is bool, flag, hint, format string, values ...any) {
		if is {
			problems = append(problems, problem{flag, fmt.Sprintf(format, values...), hint})
		}
	}
	wrong(f.ElectionTimeout < 10*time.Millisecond, "election-timeout", "",
		"%v: at least 10ms", f.ElectionTimeout)
	wrong(f.Heartbeat <= 0 || f.Heartbeat > f.ElectionTimeout/2, "heartbeat", "",
		"%v: above 0, at most half of --election-timeout %v", f.Heartbeat, f.ElectionTimeout)
	wrong(f.LeaseReads && !f.CheckQuorum, "lease-reads", "",
		"needs --check-quorum: without it voters do not promise to wait for their leader")
	wrong(f.LeaseMargin < 1 || f.LeaseMargin > 90, "lease-margin", "", "%d: from 1 to 90",
		f.LeaseMargin)
	wrong(f.DiskPatience < 0, "disk-patience", "", "%d: at least 0, which means for ever",
		f.DiskPatience)
	wrong(f.SnapshotBytes < 0, "snapshot-bytes", "", "%d: 0 or more", f.SnapshotBytes)
	wrong(f.RequestTimeout <= 0, "request-timeout", "", "%v: above 0", f.RequestTimeout)
	problems = append(problems, f.checkSecurity()...)
	return append(problems, f.checkListeners()...)
}

// minToken is the shortest token that cannot be guessed.
const minToken = 16

// checkSecurity reads the token, and sees whether the other files can be read. The text of a
// problem never holds the token.
func (f *Flags) checkSecurity() []problem {
	var problems []problem
	given := 0
	for _, file := range []struct{ flag, path string }{
		{"tls-cert", f.TLSCert}, {"tls-key", f.TLSKey}, {"tls-ca", f.TLSCA},
	} {
		if file.path == "" {
			continue
		}
		given++
		if _, err := os.ReadFile(file.path); err != nil {
			problems = append(problems, problem{file.flag, err.Error(), ""})
		}
	}
	if given != 0 && given != 3 {
		problems = append(problems,
			problem{"tls-cert", "goes with --tls-key and --tls-ca: all three or none", ""})
	}
	if f.TokenFile == "" {
		return problems
	}
	text, err := os.ReadFile(f.TokenFile)
	f.token = strings.TrimSpace(string(text))
	switch {
	case err != nil:
		problems = append(problems, problem{"token-file", err.Error(), ""})
	case len(f.token) < minToken || strings.ContainsFunc(f.token, func(r rune) bool {
		return r <= ' ' || r > '~'
	}):
		problems = append(problems, problem{"token-file", fmt.Sprintf(
			"%s: want one word of at least %d printable characters", f.TokenFile, minToken),
			"head -c 24 /dev/urandom | base64"})
	}
	return problems
}

// checkListeners refuses what others could reach by an oversight. TLS proves who a peer is, but
// asks no client for a certificate.
func (f *Flags) checkListeners() []problem {
	var problems []problem
	token := f.TokenFile != ""
	for _, l := range []struct {
		flag, address, danger, remedy string
		guarded                       bool
	}{
		{"listen-client", f.ListenClient, "anyone there could read and write", "--token-file", token},
		{"listen-peer", f.ListenPeer, "anyone there could vote and append",
			"--tls-cert or --token-file", token || f.TLSCert != ""},
	} {
		host, port, err := net.SplitHostPort(l.address)
		_, notNumber := strconv.ParseUint(port, 10, 16)
		switch {
		case err != nil || notNumber != nil:
			problems = append(problems, problem{l.flag,
				fmt.Sprintf("%q is not HOST:PORT", l.address), ""})
		case !isLoopback(host) && !f.Insecure && !l.guarded:
			problems = append(problems, problem{l.flag,
				fmt.Sprintf("%s is reached from beyond this machine: %s", l.address, l.danger),
				fmt.Sprintf("use %s; --insecure allows it", l.remedy)})
		}
	}
	return problems
}

// isLoopback reports whether only this machine can reach a listener on host. Names are not looked
// up: they may mean something else tomorrow.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// identify finds out who the member is: one of the first, or one that joins them. The number of the
// latter must never have been another's, so that nobody takes its votes and entries for theirs.
func (f *Flags) identify() []problem {
	var problems []problem
	wrong := func(is bool, flag, text string) {
		if is {
			problems = append(problems, problem{flag, text, ""})
		}
	}
	if !f.Join {
		wrong(f.ID != 0, "id", "is for --join: the first members are numbered in the order of --peers")
		wrong(len(f.Peers) == 0, "peers", "missing: the first members, or --join")
		if len(f.Peers) > 0 {
			problems = append(problems, f.parsePeers()...)
		}
		return problems
	}
	f.self = raft.NodeID(f.ID)
	wrong(f.ID == 0, "id", "missing: with --join, a number above that of all members so far")
	wrong(f.Cluster == "", "cluster", "missing: with --join, the name that the members were given")
	wrong(len(f.Peers) > 0, "peers", "and --join exclude each other: who takes part, its leader says")
	return problems
}

func (f *Flags) parsePeers() []problem {
	var problems []problem
	names, addresses := map[string]bool{}, map[string]bool{}
	for i, peer := range f.Peers {
		peer = strings.TrimSpace(peer) // the hash of the list is to be the same
		f.Peers[i] = peer
		wrong := func(format string, values ...any) {
			problems = append(problems,
				problem{"peers", fmt.Sprintf("%q", peer) + fmt.Sprintf(format, values...), ""})
		}
		name, address, ok := strings.Cut(peer, "=")
		if !ok || name == "" {
			wrong(" is not NAME=HOST:PORT")
			continue
		}
		if err := server.CheckMember(name, address); err != nil {
			wrong(": %v", err)
		}
		if names[name] || addresses[address] {
			wrong(": name or address listed twice")
		}
		names[name], addresses[address] = true, true
		id := raft.NodeID(i + 1)
		f.members = append(f.members, server.Member{ID: id, Name: name, Address: address})
		if name == f.Name {
			f.self = id
		}
	}
	if f.self == 0 && !slices.ContainsFunc(problems, func(p problem) bool {
		return strings.HasSuffix(p.text, "NAME=HOST:PORT")
	}) {
		problems = append(problems,
			problem{"name", fmt.Sprintf("%q is not among --peers", f.Name), ""})
	}
	return problems
}

// config is what the flags say. Members recognise each other by a hash of their cluster's name,
// which is the list of peers if there is no other.
func (f *Flags) config() server.Config {
	cluster := cmp.Or(f.Cluster, strings.Join(f.Peers, ","))
	hash := fnv.New64a()
	hash.Write([]byte(cluster))
	cfg := server.Config{
		Token: f.token,
		ID:    f.self, Name: f.Name, Members: f.members, Cluster: hash.Sum64(),
		ClusterName:     cluster,
		Dir:             f.Data,
		ElectionTimeout: f.ElectionTimeout,
		Heartbeat:       f.Heartbeat,
		PreVote:         f.Prevote,
		CheckQuorum:     f.CheckQuorum,
		LeaseReads:      f.LeaseReads,
		LeaseMargin:     f.LeaseMargin,
		DiskPatience:    f.DiskPatience,
		RequestTimeout:  f.RequestTimeout,
		SnapshotEntries: f.SnapshotEntries,
		SnapshotBytes:   f.SnapshotBytes,
	}
	if f.TLSCert != "" {
		cfg.TLS = &server.TLSFiles{Cert: f.TLSCert, Key: f.TLSKey, CA: f.TLSCA}
	}
	return cfg
}
