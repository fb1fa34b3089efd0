package main

import (
	"context"
	"fmt"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"gauntlet/lab"

	"github.com/alecthomas/kong"
	"golang.org/x/sys/unix"
)

// LabCmd holds a lab for many runs. A run with "place: lab" makes one of its own if none is up.
type LabCmd struct {
	Up     LabUpCmd     `cmd:"" help:"Make a lab that lives until 'lab down'."`
	Down   LabDownCmd   `cmd:"" help:"End the lab and everything in it."`
	Shell  LabShellCmd  `cmd:"" help:"Open a shell on a host of the lab, or run a command there."`
	Status LabStatusCmd `cmd:"" help:"Show the lab's hosts and the run that uses them."`
}

// LabUpCmd is "verify lab up".
type LabUpCmd struct {
	Hosts      int    `default:"5" help:"How many hosts."`
	Dir        string `type:"path" help:"Where the hosts' disks are (default: the state directory)."`
	Lossy      bool   `help:"Give each host a disk that can lose its power, for faults of disks."`
	Foreground bool   `help:"Stay, and end the lab on Ctrl-C."`
}

// Validate is called by kong: a bad number is a matter of usage.
func (c *LabUpCmd) Validate() error {
	if c.Hosts < 1 || c.Hosts > lab.MaxHosts {
		return fmt.Errorf("--hosts %d: must be 1 to %d", c.Hosts, lab.MaxHosts)
	}
	return nil
}

// Run makes the lab and prints its hosts.
func (c *LabUpCmd) Run(k *kong.Context) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	o := lab.Options{Hosts: c.Hosts, Dir: c.Dir, Lossy: c.Lossy}
	if c.Foreground {
		return lab.Hold(ctx, o, func(l *lab.Lab) { printLab(k, l) })
	}
	l, err := lab.Up(ctx, o)
	if err != nil {
		return err
	}
	printLab(k, l)
	return nil
}

// LabDownCmd is "verify lab down".
type LabDownCmd struct{}

// Run ends the lab.
func (c *LabDownCmd) Run(k *kong.Context) error {
	l, err := heldLab()
	if err != nil {
		return err
	}
	if s, err := l.Status(); err == nil && s.Holder != "" {
		fmt.Fprintf(k.Stderr, "run %s was using the lab\n", s.Holder)
	}
	return l.Down()
}

// LabShellCmd is "verify lab shell".
type LabShellCmd struct {
	Host    string   `arg:"" help:"The host, such as n1."`
	Command []string `arg:"" optional:"" passthrough:"" help:"A command instead of a shell."`
}

// Run ends with the status of the shell.
func (c *LabShellCmd) Run() error {
	l, err := heldLab()
	if err != nil {
		return err
	}
	command := strings.TrimPrefix(strings.Join(c.Command, " "), "-- ")
	status, err := l.Shell(context.Background(), c.Host, command)
	if err == nil && status != 0 {
		return &exitError{code: status}
	}
	return err
}

// LabStatusCmd is "verify lab status".
type LabStatusCmd struct{}

// Run prints the lab's hosts.
func (c *LabStatusCmd) Run(k *kong.Context) error {
	l, err := heldLab()
	if err != nil {
		return err
	}
	printLab(k, l)
	return nil
}

func heldLab() (*lab.Lab, error) {
	l, ok, err := lab.Attach()
	if err == nil && !ok {
		err = &lab.Error{Problem: "no lab is up", Hint: "verify lab up makes one"}
	}
	return l, err
}

// printLab puts the table of hosts on stdout and the talk on stderr.
func printLab(k *kong.Context, l *lab.Lab) {
	s, err := l.Status()
	if err != nil {
		fmt.Fprintln(k.Stderr, err)
		return
	}
	dead := make(map[string]bool)
	for _, name := range s.Dead {
		dead[name] = true
	}
	table := tabwriter.NewWriter(k.Stdout, 0, 0, 2, ' ', 0)
	for _, h := range s.Hosts {
		state := "up"
		if dead[h.Name] {
			state = "dead"
		}
		fmt.Fprintf(table, "%s\t%s:%d\t%s\t%s\n", h.Name, h.Address, h.SSHPort, h.User, state)
	}
	table.Flush()
	use := "free"
	if s.Holder != "" {
		use = "used by run " + s.Holder
	}
	fmt.Fprintf(k.Stderr, "%s · up for %v · pid %d · hosts' disks in %s\n",
		use, time.Since(s.Since).Round(time.Second), s.PID, s.Dir)
	if err := lab.OnDisk(s.Dir); err != nil {
		fmt.Fprintln(k.Stderr, "warning:", err)
	}
}
