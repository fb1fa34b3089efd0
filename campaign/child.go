package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// Child plays runs as child processes, "verify run" each: the crash of a run is not the campaign's.
//
// A child is asked once to stop, by an interrupt, upon which it heals; so it is when ctx ends, when
// it takes longer than its phases can, and by the kernel when this process dies. One that does not
// end then is killed, with its process group and nothing else; its hosts heal themselves.
type Child struct {
	Verify string        // this program
	Hosts  string        // the inventory, for place hosts; else ""
	Limit  time.Duration // of a run; 0: what its phases can take
	Grace  time.Duration // from the interrupt to the kill; 0: what the owed phases can take
}

// Longer than any phase but the load may take: see the deadlines of package runner.
const (
	besideLoad = 15 * time.Minute // set-up with a build, heal, collect, report, clean-up
	owed       = 6 * time.Minute  // heal, collect, report, clean-up
)

// Play makes one run and reads back what it left.
func (c Child) Play(ctx context.Context, j Job) (p Played) {
	began := time.Now()
	defer func() { p.Took = time.Since(began) }()
	if err := ctx.Err(); err != nil {
		return Played{Err: err}
	}
	if err := os.MkdirAll(j.Out, 0o755); err != nil {
		return Played{Err: err}
	}
	own, err := os.MkdirTemp(j.Out, ".run-")
	if err != nil {
		return Played{Err: err}
	}
	defer os.RemoveAll(own)
	known, err := names(j.Out)
	if err != nil {
		return Played{Err: err}
	}
	command, err := c.command(own, j)
	if err != nil {
		return Played{Err: err}
	}
	said, err := newOutput(filepath.Join(own, OutputFile))
	if err != nil {
		return Played{Err: err}
	}
	defer said.close()
	command.Stdout, command.Stderr = said.file, said.file
	over, ended := c.carryOut(ctx, command, j.Suite)
	if command.Process == nil {
		return Played{Err: ended}
	}
	p.Directory = directoryOf(command.Process.Pid, j.Out, known)
	if p.Directory == "" {
		p.Err = fmt.Errorf("verify run has made no run directory: %w: %s",
			errors.Join(over, ended), said.last())
		return p
	}
	said.keep(filepath.Join(p.Directory, OutputFile))
	damaged := p.read()
	if over != nil {
		p.Err = fmt.Errorf("verify run: %w", errors.Join(over, ended))
	} else if damaged != nil {
		p.Err = damaged
	} else if err := contradiction(ended, p.Results); err != nil {
		p.Err = fmt.Errorf("%w: %s", err, said.last())
	}
	return p
}

// command writes the suite down, with its secrets, where only its owner reads, and with the seed.
func (c Child) command(own string, j Job) (*exec.Cmd, error) {
	s := *j.Suite
	s.Seed = &j.Seed
	if s.Incident != nil {
		incident := *s.Incident
		incident.Expect = nil // other sets of options are other runs
		s.Incident = &incident
	}
	text, err := s.Resolved()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(own, "suite.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, err
	}
	args := []string{"run", file, "--out", j.Out}
	if c.Hosts != "" {
		args = append(args, "--hosts", c.Hosts)
	}
	for _, binary := range j.Binaries {
		args = append(args, "--binary", binary)
	}
	command := exec.Command(c.Verify, args...)
	// A group of its own: the terminal's Ctrl-C reaches this process, which passes it on once.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGINT}
	return command, nil
}

// carryOut starts the child and waits for its end, which it brings about if it must. Over says that
// it took too long; one that a person has interrupted says so itself, in its results.
func (c Child) carryOut(
	ctx context.Context, command *exec.Cmd, s *suite.Suite,
) (over, ended error) {
	// The kernel takes the end of the thread that started a child for that of its parent.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := command.Start(); err != nil {
		return nil, err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		awaitExit(command.Process.Pid)
	}()
	limit, grace := time.NewTimer(c.limit(s)), c.grace(s)
	defer limit.Stop()
	select {
	case <-exited:
		return nil, command.Wait()
	case <-ctx.Done():
	case <-limit.C:
		over = fmt.Errorf("not done within %v", c.limit(s))
	}
	_ = command.Process.Signal(os.Interrupt) // it may have ended by itself just now
	patience := time.NewTimer(grace)
	defer patience.Stop()
	select {
	case <-exited:
		return over, command.Wait()
	case <-patience.C:
	}
	// Its leader is reaped below only, so that the number is still its own, even if it ends just now.
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
	return errors.Join(over, fmt.Errorf("killed, as it had not ended %v after an interrupt", grace)),
		command.Wait()
}

// awaitExit waits for the end of a child and does not reap it: until somebody does, the kernel
// gives its number, which is also that of its process group, to nobody else.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return // there is nothing to wait for, if not nil: Wait will say so
		}
	}
}

func (c Child) limit(s *suite.Suite) time.Duration {
	if c.Limit > 0 {
		return c.Limit
	}
	return s.Phases.WarmUp + s.Phases.Load + s.Phases.Recovery + s.Budget.Time + besideLoad
}

func (c Child) grace(s *suite.Suite) time.Duration {
	if c.Grace > 0 {
		return c.Grace
	}
	return s.Budget.Time + owed
}

// names lists what lies in a directory.
func names(dir string) (map[string]bool, error) {
	entries, err := os.ReadDir(dir)
	known := map[string]bool{}
	for _, e := range entries {
		known[e.Name()] = true
	}
	return known, err
}

// directoryOf finds the run directory that a process has made: a new one, in which it says so.
func directoryOf(pid int, out string, known map[string]bool) string {
	entries, err := os.ReadDir(out)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		dir := filepath.Join(out, e.Name())
		if known[e.Name()] || !e.IsDir() {
			continue
		}
		var controller struct{ PID int }
		text, err := os.ReadFile(filepath.Join(dir, controllerFile))
		if err == nil && json.Unmarshal(text, &controller) == nil && controller.PID == pid {
			return dir
		}
	}
	return ""
}

// read takes back what the run has left in its directory.
func (p *Played) read() (err error) {
	p.Results, err = readResults(p.Directory)
	if h, err := history.Open(filepath.Join(p.Directory, historyFile)); err == nil {
		p.History = h
	}
	return err
}

// contradiction is what is wrong if a child did not end as its results say.
func contradiction(ended error, results *checker.Results) error {
	var exit *exec.ExitError
	switch {
	case ended != nil && !errors.As(ended, &exit):
		return fmt.Errorf("verify run: %w", ended)
	case results == nil && ended == nil:
		return errors.New("verify run has left no results")
	case results == nil:
		return fmt.Errorf("verify run has left no results: %w", ended)
	}
	code := 0
	if exit != nil {
		code = exit.ExitCode()
	}
	if code != results.Exit {
		return fmt.Errorf("verify run ended with exit %d, though its results say %d: %s", code,
			results.Exit, strings.Join(append(results.Reasons, fmt.Sprint(ended)), "; "))
	}
	return nil
}
