package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"gauntlet/checker"
	"gauntlet/nemesis/inject"
	"gauntlet/target"
)

// HealCmd undoes what runs have left on hosts.
type HealCmd struct {
	Hosts string `help:"Inventory of the hosts. Default: the held lab's." placeholder:"FILE"`
	Force bool   `help:"End even runs that a controller still holds."`
}

// Help tells what the exit codes mean here.
func (*HealCmd) Help() string {
	return `It works from the journals that lie on the hosts, from any machine, as often as you like.
Exit codes: 0 every host is clean, 5 a live run holds a host, 6 a host is not clean.`
}

// healTimeout bounds the healing of one host.
const healTimeout = time.Minute

// Run heals every host and ends with the code of the worst one.
func (c *HealCmd) Run(out io.Writer) error {
	hosts, err := chosenHosts(c.Hosts)
	if err != nil {
		return err
	}
	force := ""
	if c.Force {
		force = inject.ForceAll
	}
	return heal(out, hosts, force)
}

// heal heals all hosts at once and prints, host by host, what was undone and what was not.
func heal(out io.Writer, hosts []target.HostConfig, force string) error {
	healed := make([]inject.Healed, len(hosts))
	failed := eachHost(hosts, func(ctx context.Context, i int, h *target.Host) (err error) {
		healed[i], err = inject.Recover(ctx, h, force)
		return err
	})
	names := make([]string, len(hosts))
	for i, config := range hosts {
		names[i] = config.Name
	}
	left, live := printHealed(out, names, healed, failed)
	return worst(errors.Join(failed...), left, live, len(hosts))
}

// printHealed prints the outcome of each host and counts those that are not clean, and those that
// a live run holds.
func printHealed(
	out io.Writer, names []string, healed []inject.Healed, failed []error,
) (left, live int) {
	for i, h := range healed {
		say := func(format string, args ...any) {
			fmt.Fprintf(out, "%s  %s\n", names[i], fmt.Sprintf(format, args...))
		}
		for _, did := range h.Did {
			say("%s", did)
		}
		for _, what := range h.Live {
			say("LEFT ALONE: %s", what)
		}
		for _, what := range h.Left {
			say("NOT CLEAN: %s", what)
		}
		switch {
		case failed[i] != nil:
			say("NOT CLEAN: %v", failed[i])
			left++
		case len(h.Left) > 0:
			left++
		case len(h.Live) > 0:
			live++
		case len(h.Did) == 0:
			say("clean: there was nothing to undo")
		default:
			say("clean")
		}
	}
	return left, live
}

// worst is the end of a healing, by how many hosts are not clean, and how many are in use.
func worst(failed error, left, live, all int) error {
	switch {
	case left > 0:
		return &exitError{checker.ExitCleanup, &hintedError{
			fmt.Sprintf("%d of %d hosts are not clean", left, all), target.Hints(failed)}}
	case live > 0:
		return &exitError{checker.ExitRefused, &hintedError{
			fmt.Sprintf("a live run holds %d of %d hosts", live, all),
			[]string{"wait until it ends, or stop it: verify halt; or end it: --force"}}}
	default:
		return nil
	}
}

// eachHost connects to all hosts at once and calls f for each, within healTimeout. The errors are
// in the order of the hosts.
func eachHost(
	hosts []target.HostConfig, f func(context.Context, int, *target.Host) error,
) []error {
	failed := make([]error, len(hosts))
	var wait sync.WaitGroup
	for i, config := range hosts {
		wait.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), healTimeout)
			defer cancel()
			h, err := target.Connect(ctx, config)
			if err == nil {
				defer h.Close()
				err = f(ctx, i, h)
			}
			failed[i] = err
		})
	}
	wait.Wait()
	return failed
}
