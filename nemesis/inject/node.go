package inject

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gauntlet/target"
)

//go:embed guard.sh
var guardScript string

//go:embed inspect.sh
var inspectScript string

// The exit statuses of guard.sh that have a meaning of their own.
const (
	exitTwice   = 67
	exitMissing = 69
	exitStale   = 71
	exitEnded   = 72
	exitLive    = 73
	exitExpired = 75
)

// host is what of a *target.Host is needed here.
type host interface {
	Name() string
	Address() string
	Run(context.Context, target.Command) (target.Result, error)
	Probe(context.Context) error
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// node is one host with its guard.
type node struct {
	host    host
	cluster string    // whose consent the host must show
	until   time.Time // when the consent expires; zero until it was asked for
	process func(context.Context) (target.Process, error)
	start   func(context.Context) (target.Process, error)
	get     getter
	mute    bool      // no captures here
	version versioned // nil: the target has one build only
	disk    string    // where its lossy disk is mounted; "": it has none
	client  string    // where clients reach the node, with a port; "": nowhere

	epoch  atomic.Int64 // of the guard on the host; 0: not armed
	before *ruleset     // nil until the first Arm

	mu      sync.Mutex // held while the chain is changed or read
	chain   chain
	control endpoint
}

// endpoint is our SSH connection as the host sees it, which no rule may touch.
type endpoint struct {
	controller netip.Addr
	port       int // of the host's SSH server
}

func (n *node) name() string { return n.host.Name() }

// fail wraps an error of this host in one line that names it.
func (n *node) fail(op, hint string, err error) error {
	if err == nil {
		return nil
	}
	if named, ok := errors.AsType[*target.HostError](err); ok {
		err = named.Err
		if hint == "" {
			hint = named.Hint
		}
	}
	return &target.HostError{Host: n.name(), Op: op, Hint: hint, Err: err}
}

// arm makes the run root, which is the login's, uploads the guard into it, which is root's, and
// starts a new epoch.
func (n *node) arm(ctx context.Context, run string, ttl time.Duration, families string) error {
	result, err := n.host.Run(ctx, target.Command{Args: []string{run},
		Script: `umask 077; mkdir -p "$HOME/.gauntlet/$1"`})
	if err = n.judge("arm the guard", result, err); err != nil {
		return err
	}
	const script = `umask 022
		mkdir -p "$HOME/.gauntlet/$1/guard" && cd "$HOME/.gauntlet/$1/guard" &&
		printf '%s\n' "$5" >guard.sh.new && mv -f guard.sh.new guard.sh &&
		sh "$HOME/.gauntlet/$1/guard/guard.sh" arm "$2" "$3" "$4"
		status=$?
		[ -e epoch ] || { rm -rf "$HOME/.gauntlet/$1/guard"; rmdir "$HOME/.gauntlet/$1"; }
		exit $status`
	result, err = n.host.Run(ctx, target.Command{
		Script: script, Root: true,
		Args: []string{run, hundredths(ttl), n.name(), families, guardScript},
	})
	if err = n.judge("arm the guard", result, err); err != nil {
		return err
	}
	fields := strings.Fields(string(result.Stdout))
	if len(fields) != 5 {
		return n.fail("arm the guard", "the host's SSH server must set SSH_CONNECTION",
			fmt.Errorf("answer %q does not tell epoch and connection", result.Stdout))
	}
	epoch, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return n.fail("arm the guard", "", err)
	}
	n.epoch.Store(epoch)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.chain = chain{}
	n.control, err = parseEndpoint(fields[1], fields[4])
	return n.fail("arm the guard", "", err)
}

func parseEndpoint(controller, port string) (endpoint, error) {
	addr, err := netip.ParseAddr(controller)
	if err != nil {
		return endpoint{}, err
	}
	number, err := strconv.Atoi(port)
	return endpoint{addr.Unmap().WithZone(""), number}, err
}

// guard runs one command of guard.sh under the node's epoch and returns what it printed.
func (n *node) guard(
	ctx context.Context, run, command string, args ...string,
) (string, error) {
	result, err := n.host.Run(ctx, target.Command{
		Script: `guard=$HOME/.gauntlet/$1/guard/guard.sh ended=/run/gauntlet/ended/$1
			shift
			[ ! -e "$ended" ] || exit 72
			[ -e "$guard" ] || exit 75
			exec sh "$guard" "$@"`,
		Root: true,
		Args: append([]string{run, command, strconv.FormatInt(n.epoch.Load(), 10)}, args...),
	})
	return string(result.Stdout), n.judge(command, result, err)
}

// judge turns what a guard command said into an error of one line.
func (n *node) judge(op string, r target.Result, err error) error {
	said, _, _ := strings.Cut(strings.TrimSpace(string(r.Stderr)), "\n")
	switch {
	case err != nil:
		return n.fail(op, "", err)
	case r.Exit == exitExpired:
		return n.fail(op, "", ErrExpired)
	case r.Exit == exitLive:
		return n.fail(op, "wait until it ends, or until its lease has run out",
			fmt.Errorf("%w: run %s", ErrLive, said))
	case r.Exit == exitStale:
		return n.fail(op, "verify heal --hosts FILE shows what is in the way",
			fmt.Errorf("%w: what run %s left cannot be undone", ErrDirty, said))
	case r.Exit == exitEnded:
		return n.fail(op, "", ErrEnded)
	case r.Exit == exitTwice:
		return n.fail(op, "give the inventory each host once",
			fmt.Errorf("it is the same host as %s", said))
	case r.Exit == exitMissing:
		return n.fail(op, hints[said], fmt.Errorf("%w: %s", ErrMissing, said))
	case r.Exit != 0:
		return n.fail(op, "", &target.ExitError{Exit: r.Exit, Stderr: said})
	}
	return nil
}

// inspect reads the ruleset and the states of processes.
func (n *node) inspect(ctx context.Context, of []victim) (*ruleset, []string, error) {
	var args []string
	for _, v := range of {
		if v.host == n.name() {
			args = append(args, strconv.Itoa(v.process.PID),
				strconv.FormatUint(v.process.StartTime, 10))
		}
	}
	result, err := n.host.Run(ctx, target.Command{
		Script: inspectScript, Args: args, Root: true,
	})
	if err = n.judge("read the ruleset", result, err); err != nil {
		return nil, nil, err
	}
	if result.Truncated {
		return nil, nil, n.fail("read the ruleset", "", errors.New("it is too long"))
	}
	rules, states, _ := strings.Cut(string(result.Stdout), "== processes\n")
	parsed, err := parseRuleset(rules)
	return parsed, strings.FieldsFunc(states, func(r rune) bool { return r == '\n' }),
		n.fail("read the ruleset", "", err)
}

// hundredths is a duration in the unit of the lease.
func hundredths(d time.Duration) string {
	return strconv.FormatInt(int64(d/(10*time.Millisecond)), 10)
}
