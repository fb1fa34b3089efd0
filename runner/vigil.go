package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"gauntlet/nemesis/inject"
	"gauntlet/target"
)

const (
	// vigilEvery is how often a host is looked at whose node is silent.
	vigilEvery = time.Second
	// lostAfter is how long a host may be out of reach: by then its dead-man has ended the run there.
	lostAfter = inject.DefaultTTL
)

// errHost is a host that this run has lost.
var errHost = errors.New("the host is lost to this run")

// vigil watches over the hosts themselves. A node that says nothing may be paused or killed by a
// fault; a host that is out of reach for longer than its lease, or that booted meanwhile, is no
// part of the experiment any more.
type vigil struct {
	progress *Progress
	now      func() time.Duration
	silent   func(host string) bool // its node has not answered for a while
	posts    []*post
	cancel   context.CancelFunc
	done     sync.WaitGroup

	mu   sync.Mutex
	lost map[string]error // why, by host
}

// watched is a host as the vigil sees it: which boot it is in, for as long as it can be reached.
type watched struct {
	name string
	boot func(context.Context) (string, error)
}

// post is where the vigil stands with one host.
type post struct {
	watched
	first string // boot

	mu   sync.Mutex    // held while the host is asked
	away bool          // it did not answer when it was last asked
	gone time.Duration // since when
}

// boots asks a host for its boot: the kernel's, and when its first process began, as a container
// can begin anew on a kernel that has not. A host that cannot tell is reached all the same.
func boots(h *target.Host) watched {
	return watched{h.Name(), func(ctx context.Context) (string, error) {
		result, err := h.Run(ctx, target.Command{Script: `
			read -r boot </proc/sys/kernel/random/boot_id
			line=$(cat /proc/1/stat) && set -- ${line##*) } && echo "$boot ${20}"`})
		return strings.TrimSpace(string(result.Stdout)), err
	}}
}

// startVigil learns in which boot each host is, and watches over them from then on.
func (r *run) startVigil(ctx context.Context) error {
	hosts := make([]watched, len(r.hosts))
	for i, h := range r.hosts {
		hosts[i] = boots(h)
	}
	v := newVigil(r.Progress, r.recorder.Now, func(host string) bool {
		last, answered := r.watch.answers()[host]
		return !answered || r.recorder.Now()-last.At >= freshFor
	})
	r.vigil = v
	return v.start(ctx, hosts)
}

func newVigil(p *Progress, now func() time.Duration, silent func(string) bool) *vigil {
	return &vigil{progress: p, now: now, silent: silent, lost: map[string]error{}}
}

func (v *vigil) start(ctx context.Context, hosts []watched) error {
	errs := make([]error, len(hosts))
	var asking sync.WaitGroup
	for i, h := range hosts {
		p := &post{watched: h}
		v.posts = append(v.posts, p)
		asking.Go(func() { p.first, errs[i] = h.boot(ctx) })
	}
	asking.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	v.cancel = cancel
	for _, p := range v.posts {
		v.done.Go(func() { v.watch(watching, p) })
	}
	return nil
}

// stop ends the watch once it is clear of each host whether it is there.
func (v *vigil) stop(ctx context.Context) {
	if v == nil || v.cancel == nil {
		return
	}
	v.cancel()
	v.done.Wait()
	for _, p := range v.posts {
		v.done.Go(func() { v.settle(ctx, p) })
	}
	v.done.Wait()
}

// examine settles whether a host that gives trouble is there at all.
func (v *vigil) examine(ctx context.Context, host string) {
	if v == nil {
		return
	}
	for _, p := range v.posts {
		if p.name == host {
			v.settle(ctx, p)
		}
	}
}

// watch looks at a host whenever its node is silent, until it is lost.
func (v *vigil) watch(ctx context.Context, p *post) {
	for v.why(p.name) == nil && sleep(ctx, vigilEvery) {
		if v.silent(p.name) {
			v.look(ctx, p)
		}
	}
}

// settle looks until the host answers, or is lost.
func (v *vigil) settle(ctx context.Context, p *post) {
	for v.why(p.name) == nil && !v.look(ctx, p) && sleep(ctx, vigilEvery) {
	}
}

// look asks a host once and reports whether it answers.
func (v *vigil) look(ctx context.Context, p *post) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := v.now()
	asking, cancel := context.WithTimeout(ctx, lostAfter)
	boot, err := p.boot(asking)
	cancel()
	switch {
	case err == nil && boot != p.first && boot != "" && p.first != "":
		v.lose(p.name, errors.New("it has booted anew, and what ran there is gone"))
		return true
	case err == nil:
		p.away = false
		return true
	case ctx.Err() != nil:
		return false
	case !p.away:
		p.away, p.gone = true, asked
		v.progress.Event("host", "%s is out of reach: %v", p.name, cause(err))
	}
	if out := v.now() - p.gone; out >= lostAfter {
		v.lose(p.name, fmt.Errorf("out of reach for %.0fs: %w", out.Seconds(), cause(err)))
	}
	return false
}

// cause is what is wrong with a host, without its name.
func cause(err error) error {
	if named, ok := errors.AsType[*target.HostError](err); ok {
		return named.Err
	}
	return err
}

func (v *vigil) lose(host string, why error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lost[host] = &target.HostError{Host: host, Op: "watch", Err: fmt.Errorf("%w: %w", errHost, why),
		Hint: "a boot ends all that a run has done to a host; verify heal removes its files from there"}
}

// why is the reason why a host is lost, or nil.
func (v *vigil) why(host string) error {
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lost[host]
}

// err is every host that is lost.
func (v *vigil) err() error {
	if v == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var all []error
	for _, host := range slices.Sorted(maps.Keys(v.lost)) {
		all = append(all, v.lost[host])
	}
	return errors.Join(all...)
}

// guarded is why the hosts are not fit for the run any more, or nil.
func (r *run) guarded() error {
	return errors.Join(r.vigil.err(), r.injector.Err())
}

// present are the hosts that are not lost.
func (r *run) present() []*target.Host {
	var hosts []*target.Host
	for _, h := range r.hosts {
		if r.vigil.why(h.Name()) == nil {
			hosts = append(hosts, h)
		}
	}
	return hosts
}
