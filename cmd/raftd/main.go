// Command raftd is one member of a replicated key-value store: see raft/README.md.
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/raft/server"
	"gauntlet/raft/wal"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 64
)

// ownerHint is for who edited the flags in the belief that they say who takes part.
const ownerHint = `  hint: start with the --name, --peers and --cluster of the first time; members
  change by POST /v1/members, see "The data directory" in raft/README.md
`

// stopGrace is how long a member that was told to stop lets its clients wait for their answers.
const stopGrace = 2 * time.Second

// collectAt is by how many percent the heap may grow before garbage is collected, unless GOGC says
// otherwise. Keys are most of it: with a million of them this saves a node 50 MB, a seventh.
const collectAt = 75

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags, exit, err := parse(args, stdout, stderr)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		for line := range strings.Lines(err.Error() + "\n") {
			if !strings.HasPrefix(line, " ") { // a hint belongs to the line before
				line = "raftd: " + line
			}
			fmt.Fprint(stderr, line)
		}
		return exitUsage
	}
	if err := serve(flags, stdout); err != nil {
		fmt.Fprintf(stderr, "raftd: %v\n", err)
		if errors.Is(err, wal.ErrNotOurs) {
			fmt.Fprint(stderr, ownerHint)
		}
		return exitFailed
	}
	return exitOK
}

// parse reads the command line and the file that it names. What is not negative is an exit code: of
// --help and --version.
func parse(args []string, stdout, stderr io.Writer) (flags *Flags, exit int, err error) {
	flags, exit = &Flags{}, -1
	parser, err := kong.New(flags,
		kong.Name("raftd"),
		kong.Description("One member of a replicated key-value store."),
		kong.Vars{"version": Build},
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.Bind(flags),
		groups,
	)
	if err != nil {
		return flags, exitFailed, err
	}
	ctx, err := parser.Parse(args)
	if exit >= 0 || err != nil {
		return flags, exit, errors.Join(flags.file.mistakes(), err)
	}
	flags.given = map[string]bool{}
	for _, path := range ctx.Path {
		if path.Flag != nil && !path.Resolved {
			flags.given[path.Flag.Name] = true
		}
	}
	return flags, exit, flags.check()
}

// serve runs the member until a signal ends it or it fails.
func serve(flags *Flags, stdout io.Writer) error {
	signals, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	context.AfterFunc(signals, cancel) // the second signal ends what the first one could not
	cfg := flags.config()
	cfg.Build = Build
	cfg.Events = stdout
	if flags.Log != "" {
		log, err := os.OpenFile(flags.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("event log: %w", err)
		}
		defer log.Close()
		cfg.Events = log
	}
	var random [12]byte
	rand.Read(random[:])
	cfg.Seed = binary.LittleEndian.Uint64(random[:])
	cfg.Incarnation = binary.LittleEndian.Uint32(random[8:])

	var err error
	if cfg.Clients, err = net.Listen("tcp", flags.ListenClient); err != nil {
		return fmt.Errorf("--listen-client: %w", err)
	}
	defer cfg.Clients.Close()
	if cfg.Peers, err = net.Listen("tcp", flags.ListenPeer); err != nil {
		return fmt.Errorf("--listen-peer: %w", err)
	}
	defer cfg.Peers.Close()

	member, err := server.Start(cfg)
	if err != nil {
		return err
	}
	select {
	case <-member.Done():
		return member.Err()
	case <-signals.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	return member.Stop(ctx)
}
