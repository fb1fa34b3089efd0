// Package inject carries fault plans out on hosts: iptables rules for whatever strikes links,
// signals for pauses and kills, a lossy disk for whatever strikes disks. On every host a dead-man,
// guard.sh, holds a lease that the injector renews. When the renewals stop, whatever became of the
// controller, the host undoes the faults and ends the run's processes by itself.
//
// The calls of a run, in order: New, Arm (before anything is started on the hosts), Inject and Heal
// in any interleaving, HealAll, then, with the target ended, Disarm and Clean.
package inject

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// DefaultTTL is how long a host waits for a renewal before it reverts.
const DefaultTTL = 15 * time.Second

// What a caller may want to tell apart, through errors.Is.
var (
	ErrExpired = errors.New("the guard's lease ran out: the host has undone its faults by itself")
	ErrLive    = errors.New("another run holds this host")
	ErrMissing = errors.New("missing on this host")
	ErrDirty   = errors.New("the host is not as it was before the run")
	ErrBusy    = errors.New("the process is stopped by another fault already")

	// Refusals: the guard holds the run back to protect a host, and nothing is wrong with it.
	ErrConsent  = errors.New("the host's owner has not consented")
	ErrEnded    = fmt.Errorf("verify heal has ended this run on the host: %w", ErrExpired)
	ErrFirewall = errors.New("the host's firewall stands before our rules")
)

// Refused tells the errors that mean "refused by a guard" from those of a broken harness.
func Refused(err error) bool {
	return errors.Is(err, ErrConsent) || errors.Is(err, ErrLive) || errors.Is(err, ErrEnded)
}

// Config says on what and for whom an Injector works.
type Config struct {
	Run      string // the run's id: letters and digits, at most 16
	Hosts    []*target.Host
	PeerPort int                  // cuts between peers concern only this TCP port; 0: all traffic
	TTL      time.Duration        // of the lease, at least 1 s; 0 means DefaultTTL
	Clock    func() time.Duration // the run's clock, for the stamps of faults
	Capture  bool                 // record the peers' packets around each partition, see FetchCaptures

	// The process a pause or kill strikes, and how a killed one is started again.
	Process func(context.Context, *target.Host) (target.Process, error)
	Start   func(context.Context, *target.Host) (target.Process, error)

	// Where clients reach the node of a host, "address:port", and how they dial it; nil: there are
	// none to cut off, and as net.Dialer does.
	ClientAddress func(*target.Host) string
	Dial          target.DialFunc

	// Target is what is operated on, and Spares are the hosts whose nodes are no members at the start.
	// Operations need a target.Stopper or a target.Operated.
	Target target.Target
	Spares []string

	// Versions is the target, if it has two builds for the faults of versions; else nil.
	Versions target.Versions
}

// Injector injects and heals faults on the hosts of one run. Inject and Heal may be called
// concurrently.
type Injector struct {
	run   string
	ttl   time.Duration
	port  int
	dial  target.DialFunc
	clock func() time.Duration
	nodes []*node

	capture bool

	target   target.Target
	stopper  target.Stopper  // nil: the target's nodes cannot be asked to end
	operated target.Operated // nil: the target has no operations but restarts

	renewals sync.WaitGroup
	mu       sync.Mutex // guards what follows
	stop     context.CancelFunc
	inForce  map[int]history.Fault
	lost     error
	victims  map[int][]victim // the processes that faults ever stopped, by fault
	warnings []string

	operations map[int]*operation // that ever were
	members    history.Membership // as last heard
	idle       map[string]bool    // hosts whose nodes are not to run
}

// New returns an Injector that has touched no host yet.
func New(c Config) *Injector {
	nodes := make([]*node, len(c.Hosts))
	for i, h := range c.Hosts {
		nodes[i] = &node{
			host:    h,
			cluster: h.Cluster(),
			get:     h.Get,
			disk:    h.Disk(),
			process: func(ctx context.Context) (target.Process, error) { return c.Process(ctx, h) },
			start:   func(ctx context.Context) (target.Process, error) { return c.Start(ctx, h) },
		}
		if c.Versions != nil {
			nodes[i].version = version{c.Versions, h}
		}
		if c.ClientAddress != nil {
			nodes[i].client = c.ClientAddress(h)
		}
	}
	return newInjector(c, nodes)
}

// Arm starts the guard on every host and begins to renew the leases. It refuses hosts where another
// run's guard is live (ErrLive) or a tool is missing (ErrMissing). Called again, it undoes all that
// is in force and starts a new epoch: the way on after ErrExpired.
func (i *Injector) Arm(ctx context.Context) error { return i.arm(ctx) }

// Inject brings a fault into force, awaits the evidence that it bites, and proves that the host can
// still be reached. A fault that cannot be brought into force is undone and returned as failed
// together with the error; one that does not bite is no error: its evidence says so.
//
// The planned times of the fault are the event's: shift them to the run's clock beforehand.
// Errors: ErrExpired once any host's lease has run out, ErrBusy, or a host's failure.
func (i *Injector) Inject(ctx context.Context, a nemesis.Action) (history.Fault, error) {
	return i.inject(ctx, a)
}

// Heal reads the evidence that the fault lasted until now, then undoes it. Had the guard reverted
// it before, the evidence is contrary and the error is ErrExpired. After another error the fault
// counts as still in force, so that Heal may be tried again.
func (i *Injector) Heal(ctx context.Context, f history.Fault) (history.Fault, error) {
	return i.heal(ctx, f)
}

// HealAll heals everything in force and returns those faults, for the record.
func (i *Injector) HealAll(ctx context.Context) ([]history.Fault, error) {
	var healed []history.Fault
	var errs []error
	for _, f := range i.InForce() {
		f, err := i.Heal(ctx, f)
		healed = append(healed, f)
		errs = append(errs, err)
	}
	return healed, errors.Join(errs...)
}

// Disarm undoes what is left, ends the guards and removes their files. End the target first: from
// here on nobody watches it.
func (i *Injector) Disarm(ctx context.Context) error { return i.disarm(ctx) }

// Clean compares every host with the snapshot of Arm: the rulesets without comments and counters,
// no process left stopped, and no disk left without power, slow, full or failing. Errors are
// ErrDirty, or a ruleset that cannot be read.
func (i *Injector) Clean(ctx context.Context) error { return i.clean(ctx) }

// Err is the first reason why the guards no longer protect the run (ErrExpired), or nil.
func (i *Injector) Err() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.lost
}

// InForce returns the faults in force, by ID.
func (i *Injector) InForce() []history.Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	faults := make([]history.Fault, 0, len(i.inForce))
	for _, f := range i.inForce {
		faults = append(faults, f)
	}
	slices.SortFunc(faults, func(a, b history.Fault) int { return a.ID - b.ID })
	return faults
}

// Stopped returns the hosts whose process is paused or ended: nemesis.View wants to know.
func (i *Injector) Stopped() []string {
	var stopped []string
	for _, f := range i.InForce() {
		if strikes(f) {
			stopped = append(stopped, f.Hosts...)
		}
	}
	return stopped
}
