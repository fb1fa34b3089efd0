package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"gauntlet/nemesis/inject"
	"gauntlet/suite"
	"gauntlet/target"
)

// guard connects to every host and arms a dead-man on each, before anything is started or broken
// there.
func (r *run) guard(ctx context.Context) (string, error) {
	r.warn(r.Suite.Warnings...)
	for _, h := range r.Hosts {
		if h.SharedWith != "" {
			r.warn(fmt.Sprintf("%s is shared with %s", h.Name, h.SharedWith))
		}
	}
	if err := r.connect(ctx); err != nil {
		return "", err
	}
	r.target = r.plugin().target(r)
	r.injector = inject.New(inject.Config{
		Run: r.Run, Hosts: r.hosts, PeerPort: r.target.PeerPort(), Clock: r.recorder.Now,
		Process: r.target.Process, Start: r.target.Start, Versions: r.versions(),
		Capture: r.Suite.Capture == suite.CapturePeers, ClientAddress: r.target.ClientAddress,
		Dial: r.Dial, Target: r.target, Spares: r.spares(),
	})
	err := r.injector.Arm(ctx)
	r.warn(r.injector.Warnings()...)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d hosts over SSH, dead-man armed on each", len(r.hosts)), nil
}

// versions is the target, if two builds of it can run; else nil.
func (r *run) versions() target.Versions {
	versions, _ := r.target.(target.Versions)
	return versions
}

func (r *run) connect(ctx context.Context) error {
	hosts := make([]*target.Host, len(r.Hosts))
	errs := make([]error, len(r.Hosts))
	var connecting sync.WaitGroup
	for i, config := range r.Hosts {
		connecting.Go(func() { hosts[i], errs[i] = target.Connect(ctx, config) })
	}
	connecting.Wait()
	for _, h := range hosts {
		if h != nil {
			r.hosts = append(r.hosts, h)
		}
	}
	return errors.Join(errs...)
}

func (r *run) start(ctx context.Context, h *target.Host) error {
	_, err := r.target.Start(ctx, h)
	return err
}

// deploy brings the target to every host and starts it, with the partitions that hold from the
// start already in force: a cluster that had met before would have a leader already.
func (r *run) deploy(ctx context.Context) (string, error) {
	plan, err := r.Suite.Plan()
	if err != nil {
		return "", err
	}
	r.plan = plan
	if err := target.Each(ctx, r.hosts, r.target.Deploy); err != nil {
		return "", err
	}
	r.nemesis = newSchedule(r, r.injector)
	if err := r.nemesis.hold(ctx, plan); err != nil {
		return "", err
	}
	if err := target.Each(ctx, r.founders(), r.start); err != nil {
		return "", err
	}
	r.watch = startWatch(r.target, r.hosts, r.recorder, r.Progress)
	if err := r.startVigil(ctx); err != nil {
		return "", err
	}
	founders := r.names()[:len(r.founders())]
	return fmt.Sprintf("%s started on %s", r.target.Name(), strings.Join(founders, " ")), nil
}

// founders are the hosts whose nodes are members from the start.
func (r *run) founders() []*target.Host {
	return r.hosts[:len(r.hosts)-len(r.spares())]
}
