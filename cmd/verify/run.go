package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"gauntlet/checker"
	"gauntlet/lab"
	"gauntlet/runner"
	"gauntlet/suite"
	"gauntlet/target"
)

// RunCmd runs one suite.
type RunCmd struct {
	Suite  string   `arg:"" help:"Suite file, such as configs/smoke.yaml."`
	Place  string   `help:"Where to run: lab, hosts or sim; overrides the suite." placeholder:"PLACE"`
	Hosts  string   `help:"Inventory of the hosts, for place hosts." placeholder:"FILE"`
	Seed   *uint64  `help:"Seed of faults and workload; overrides the suite. Default: drawn."`
	Binary []string `help:"Program to deploy; twice for two builds." type:"path" sep:"none"`
	Out    string   `help:"Parent of the run directory." default:"runs" type:"path"`
}

// Run carries the suite out and ends with the verdict's exit code.
func (c *RunCmd) Run(out io.Writer) error {
	s, err := c.load()
	if err != nil {
		return err
	}
	if s.Place == suite.PlaceSim {
		return playSuite(context.Background(), out, os.Stderr, s, c.Out)
	}
	_, err = c.carryOut(out, s)
	return err
}

// carryOut runs a suite on hosts, and returns its run directory; "" if it came to none.
func (c *RunCmd) carryOut(out io.Writer, s *suite.Suite) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if err := placeFits(s, c.Hosts); err != nil {
		return "", err
	}
	ctx, stop := interruptible(os.Stderr, healedByGuards)
	defer stop()
	built, err := setProgram(ctx, s, c.Binary, self)
	if err != nil {
		return "", err
	}
	id := newRunID()
	dir, err := runner.CreateDirectory(c.Out,
		fmt.Sprintf("%s-%s-%s", time.Now().UTC().Format("20060102-150405"), s.Name, id))
	if err != nil {
		return "", err
	}
	if err := announce(string(dir), id, c.Hosts); err != nil {
		return "", err
	}
	progress := runner.NewProgress(os.Stderr, terminalWidth(os.Stderr))
	progress.Event("run", "%s  suite %s  seed %d  place %s  directory %s",
		id, s.Name, *s.Seed, s.Place, dir)
	place, err := c.place(ctx, s, id, dir)
	if err != nil {
		return "", err
	}
	results, err := runner.Run(ctx, runner.Config{
		Suite: s, Place: s.Place, Run: id, Directory: dir, Hosts: place.hosts, Dial: place.dial,
		Built: built, Verify: self, Progress: progress,
	})
	place.release(err == nil && clean(results))
	if results == nil {
		return "", err
	}
	ended := conclude(out, results, err)
	fmt.Fprintf(out, "run directory  %s\n", dir)
	if results.Exit != 0 {
		fmt.Fprintf(out, "run it again   %s\n", c.again(*s.Seed))
	}
	return string(dir), ended
}

// again is the command line that repeats this run.
func (c *RunCmd) again(seed uint64) string {
	line := fmt.Sprintf("%s run %s --seed %d", called, c.Suite, seed)
	options := [][2]string{{"--place", c.Place}, {"--hosts", c.Hosts}}
	for _, binary := range c.Binary {
		options = append(options, [2]string{"--binary", binary})
	}
	for _, option := range options {
		if option[1] != "" {
			line += " " + option[0] + " " + option[1]
		}
	}
	return line
}

// load reads the suite and lets the command line override it.
func (c *RunCmd) load() (*suite.Suite, error) {
	if err := knownPlace(c.Place); err != nil {
		return nil, err
	}
	s, err := suite.LoadAt(c.Suite, c.Place)
	if err != nil {
		return nil, unread(c.Suite, err)
	}
	if s.Place == suite.PlaceSim && len(c.Binary) > 0 {
		return nil, &exitError{exitUsage, fmt.Errorf("--binary %s: place sim plays the raftd that "+
			"this program is built with", c.Binary[0])}
	}
	if err := inventoryFits(s.Place, c.Hosts); err != nil {
		return nil, err
	}
	seeded(s, c.Seed)
	return s, nil
}

// seeded gives a suite its seed: the one of the command line, or else its own, or else one that is
// drawn.
func seeded(s *suite.Suite, given *uint64) {
	if given != nil {
		s.Seed = given
	}
	if s.Seed == nil {
		seed := uint64(binary.LittleEndian.Uint32(random(4)))
		s.Seed = &seed
	}
}

// clean says that nothing on the hosts is worth a look any more: what is, was fetched.
func clean(r *checker.Results) bool { return len(r.Harness) == 0 && len(r.Cleanup) == 0 }

// place is where the hosts of a run are, and how to give them back.
type place struct {
	hosts   []target.HostConfig
	dial    target.DialFunc
	release func(clean bool)
}

func (c *RunCmd) place(
	ctx context.Context, s *suite.Suite, id string, dir runner.Directory,
) (*place, error) {
	if s.Place == suite.PlaceLab {
		return labPlace(ctx, s, id, filepath.Join(string(dir), "lab"))
	}
	hosts, err := inventoryHosts(s, c.Hosts)
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	return &place{hosts, dialer.DialContext, func(bool) {}}, nil
}

// labPlace takes the lab that is held by `verify lab up`, or makes one that lives as long as this
// run.
func labPlace(ctx context.Context, s *suite.Suite, id, dir string) (*place, error) {
	nodes, lossy := s.Target.Hosts(), s.NeedsLossyDisks()
	l, held, err := lab.Attach()
	if err != nil {
		return nil, err
	}
	if !held {
		if l, err = lab.Start(ctx, lab.Options{Hosts: nodes, Dir: dir, Lossy: lossy}); err != nil {
			return nil, err
		}
	}
	releaseLab, err := l.Acquire(id)
	if err != nil {
		l.Close()
		if busy := (*lab.Error)(nil); errors.As(err, &busy) {
			return nil, &exitError{checker.ExitRefused, err}
		}
		return nil, err
	}
	p := &place{dial: l.Dial, release: func(clean bool) {
		releaseLab()
		if l.Close(); clean && !held {
			os.RemoveAll(dir) // the disks of a lab that nobody can enter any more
		}
	}}
	if err := labFits(l, s); err != nil {
		p.release(true)
		return nil, err
	}
	p.hosts = labHosts(l)[:nodes]
	for i := range p.hosts {
		if !lossy {
			p.hosts[i].Disk = "" // it would cost time, and nobody strikes it
		}
	}
	return p, nil
}

// healedByGuards is what remains to be said when a run that holds hosts is interrupted twice.
const healedByGuards = "the dead-man on each host cleans up"

// oneInterrupt is how long after an interrupt others are taken for the same. When the campaign that
// has started a run is killed, the kernel interrupts the run once for each of its threads.
const oneInterrupt = 500 * time.Millisecond

// interruptible returns a context that the first interrupt cancels; the second ends the program at
// once, with a last word.
func interruptible(talk io.Writer, last string) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, interrupted := <-signals; !interrupted {
			return
		}
		cancel()
		for first := time.Now(); ; {
			if _, again := <-signals; !again {
				return
			} else if time.Since(first) > oneInterrupt {
				fmt.Fprintf(talk, "\nverify: interrupted twice: %s\n", last)
				os.Exit(exitHarness)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals) // from here on nothing is sent
		close(signals)
		cancel()
	}
}

func newRunID() string { return hex.EncodeToString(random(4)) }

func random(n int) []byte {
	bytes := make([]byte, n)
	rand.Read(bytes) // never fails: crypto/rand
	return bytes
}

func terminalWidth(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0 // not a terminal
	}
	return width
}
