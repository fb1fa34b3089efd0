package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// nodes is the size of every cluster.
const nodes = 3

// system is something to be measured.
type system struct {
	name    string
	command func(place places, node int) []string
	leader  func(ctx context.Context, place places) (int, error) // an error: none is known
	dial    func(ctx context.Context, address string) (client, error)
	share   int // how many clients of one node use a connection together
}

// client is one connection with at most one request under way.
type client interface {
	put(ctx context.Context, key, value string) error
	get(ctx context.Context, key string) error // linearizable; the key must be there
	close()
}

// places are where the nodes of a cluster live.
type places struct {
	dir     string
	clients [nodes]string // HOST:PORT
	peers   [nodes]string // where the nodes listen to each other
	dialled [nodes]string // where they reach each other: the same, but for who counts messages
}

// cluster is three running processes.
type cluster struct {
	system
	places
	processes [nodes]*process
}

// process is a child, which dies with us.
type process struct {
	command *exec.Cmd
	log     *os.File
	ended   chan struct{}
}

// startCluster starts three nodes with empty disks and waits until they serve.
func startCluster(ctx context.Context, s system, work string) (*cluster, error) {
	place, err := newPlaces(filepath.Join(work, s.name))
	if err != nil {
		return nil, err
	}
	return startAt(ctx, s, place)
}

func newPlaces(dir string) (places, error) {
	p := places{dir: dir}
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return p, err
	}
	for i := range nodes {
		var err error
		if p.clients[i], err = freeAddress(); err != nil {
			return p, err
		}
		if p.peers[i], err = freeAddress(); err != nil {
			return p, err
		}
	}
	p.dialled = p.peers
	return p, nil
}

func startAt(ctx context.Context, s system, place places) (*cluster, error) {
	c := &cluster{system: s, places: place}
	for i := range nodes {
		if err := c.start(i); err != nil {
			c.stop()
			return nil, err
		}
	}
	if err := c.awaitService(ctx); err != nil {
		c.stop()
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	return c, nil
}

// freeAddress returns an address of the loopback interface where nobody listens.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (c *cluster) start(node int) error {
	log, err := os.OpenFile(filepath.Join(c.dir, fmt.Sprintf("log%d", node+1)),
		os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	arguments := c.command(c.places, node)
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		log.Close()
		return err
	}
	p := &process{command: command, log: log, ended: make(chan struct{})}
	c.processes[node] = p
	go func() {
		command.Wait()
		log.Close()
		close(p.ended)
	}()
	return nil
}

// kill ends a node as if the power of its process had failed.
func (c *cluster) kill(node int) {
	if p := c.processes[node]; p != nil {
		p.command.Process.Kill()
		<-p.ended
		c.processes[node] = nil
	}
}

func (c *cluster) stop() {
	for i := range nodes {
		c.kill(i)
	}
}

// awaitService waits until every node carries out a write, which takes a leader known to all.
func (c *cluster) awaitService(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, address := range c.clients {
		if err := eventually(ctx, func() error {
			attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			client, err := c.dial(attempt, address)
			if err != nil {
				return err
			}
			defer client.close()
			return client.put(attempt, "awake", "yes")
		}); err != nil {
			return err
		}
	}
	return nil
}

// awaitLeader returns the node that leads.
func (c *cluster) awaitLeader(ctx context.Context) (leader int, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = eventually(ctx, func() (err error) {
		leader, err = c.leader(ctx, c.places)
		return err
	})
	return leader, err
}

// eventually tries until there is no error, or ctx ends.
func eventually(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// ticksPerSecond is what the kernel counts processor time in, on every architecture of Linux.
const ticksPerSecond = 100

// processorTime returns what the nodes that run now have used since they began, in user and
// kernel mode.
func (c *cluster) processorTime() (time.Duration, error) {
	total := time.Duration(0)
	for _, p := range c.processes {
		if p == nil {
			continue
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
		if err != nil {
			return 0, err
		}
		// proc(5): fields 14 and 15; the second, in parentheses, may hold spaces.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		for _, field := range fields[11:13] {
			ticks, err := strconv.Atoi(field)
			if err != nil {
				return 0, err
			}
			total += time.Duration(ticks) * time.Second / ticksPerSecond
		}
	}
	return total, nil
}

// memory returns the largest resident set that a node of those running ever had, in bytes.
func (c *cluster) memory() (int, error) {
	largest := 0
	for _, p := range c.processes {
		if p == nil {
			continue
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
		if err != nil {
			return 0, err
		}
		_, rest, _ := strings.Cut(string(text), "VmHWM:")
		var kibibytes int
		if _, err := fmt.Sscanf(rest, "%d kB", &kibibytes); err != nil {
			return 0, fmt.Errorf("resident set of node: %w", err)
		}
		largest = max(largest, kibibytes<<10)
	}
	return largest, nil
}
