package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"gauntlet/workload/client"
)

// ClientTestCmd examines a client program of target "command".
type ClientTestCmd struct {
	Program []string `arg:"" passthrough:"" help:"The program and its arguments."`
	Server  string   `help:"Server to ask: what the program says must be true." xor:"server"`
	Start   string   `help:"Shell command that runs such a server on 127.0.0.1:$PORT." xor:"server"`
}

// startWithin is how long a server may take to listen.
var startWithin = 15 * time.Second

// Run prints each clause of the contract and what became of it.
func (c *ClientTestCmd) Run(out io.Writer) error {
	if len(c.Program) > 0 && c.Program[0] == "--" {
		c.Program = c.Program[1:]
	}
	program := client.Program{Command: c.Program, Stderr: os.Stderr}
	if err := program.Check(); err != nil {
		return &exitError{exitUsage, err}
	}
	ctx, stop := interruptible(os.Stderr, healedByGuards)
	defer stop()
	server := c.Server
	if c.Start != "" {
		started, err := startServer(ctx, c.Start)
		if err != nil {
			return err
		}
		defer started.end()
		server = started.address
	} else if server != "" {
		if err := listens(ctx, server); err != nil {
			return &exitError{exitUsage, fmt.Errorf("--server %s: %w", server, err)}
		}
	}
	return tell(out, client.Examine(ctx, program, server))
}

// tell prints the findings; a broken clause is the error.
func tell(out io.Writer, findings []client.Finding) error {
	var broken []string
	untested := false
	for _, f := range findings {
		word := "kept"
		switch {
		case f.Breach != "":
			word = "BROKEN"
			broken = append(broken, string(f.Clause))
		case !f.Tested:
			word, untested = "untested", true
		}
		fmt.Fprintf(out, "%-8s %-8s  %s\n", f.Clause, word, f.Says)
		if f.Breach != "" {
			fmt.Fprintf(out, "%19s%s\n", "", f.Breach)
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("the client program breaks the contract: %s", strings.Join(broken, ", "))
	}
	if untested {
		fmt.Fprintln(out, "untested clauses need a server: give --server or --start")
	}
	return nil
}

// listens returns an error if nobody listens at an address.
func listens(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// server is one that was started for a test.
type server struct {
	command *exec.Cmd
	address string
	ended   chan struct{}
}

// startServer starts a server on a free port and waits until it listens.
func startServer(ctx context.Context, command string) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)

	s := &server{command: exec.Command("sh", "-c", command), address: address,
		ended: make(chan struct{})}
	s.command.Env = append(os.Environ(), "PORT="+port)
	s.command.Stderr = os.Stderr
	s.command.WaitDelay = time.Second
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := s.command.Start(); err != nil {
		return nil, fmt.Errorf("--start: %w", err)
	}
	go func() {
		defer close(s.ended)
		_ = s.command.Wait() // how it ended stays in ProcessState
	}()
	deadline := time.After(startWithin)
	for listens(ctx, address) != nil {
		select {
		case <-s.ended:
			return nil, fmt.Errorf("--start: the server ended at once: %v", s.command.ProcessState)
		case <-deadline:
			s.end()
			return nil, fmt.Errorf("--start: nothing listens on $PORT (%s) after %v", port, startWithin)
		case <-ctx.Done():
			s.end()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return s, nil
}

// end kills the server and all that it started.
func (s *server) end() {
	_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL)
	<-s.ended
}
