package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gauntlet/checker"
)

// controllerFile in a run directory says who carries the run out, for verify halt.
const controllerFile = "controller.json"

// controller is one process for ever: a pid alone may be reused, after a boot a start time too.
type controller struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // field 22 of /proc/PID/stat
	Boot  string `json:"boot"`
	Run   string `json:"run"`
	Hosts string `json:"hosts,omitempty"` // absolute path of the inventory; "" in a lab
}

// announce writes down that this process carries out a run.
func announce(dir, run, inventory string) error {
	c := controller{PID: os.Getpid(), Run: run, Hosts: inventory}
	var err error
	if inventory != "" {
		if c.Hosts, err = filepath.Abs(inventory); err != nil {
			return err
		}
	}
	if c.Boot, err = bootID(); err != nil {
		return err
	}
	if c.Start, err = startTime(c.PID); err != nil {
		return err
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, controllerFile)
	if err := os.WriteFile(file+".tmp", append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".tmp", file)
}

func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}

// startTime is when a process began; fs.ErrNotExist if there is none, or only its remains.
func startTime(pid int) (uint64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, syscall.ESRCH) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 20 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return 0, fs.ErrNotExist
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// alive asks whether that very process still runs.
func (c controller) alive() (bool, error) {
	boot, err := bootID()
	if err != nil || boot != c.Boot {
		return false, err
	}
	start, err := startTime(c.PID)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && start == c.Start, err
}

// signal reaches that very process: a handle keeps its pid from being reused meanwhile.
func (c controller) signal(s os.Signal) error {
	p, err := os.FindProcess(c.PID)
	if err != nil {
		return err
	}
	defer p.Release()
	if alive, err := c.alive(); err != nil || !alive {
		return err
	}
	if err := p.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// HaltCmd stops a run of this machine.
type HaltCmd struct {
	RunDir string        `arg:"" optional:"" help:"Run directory." default:"runs/latest" type:"path"`
	Wait   time.Duration `help:"For its end; then it is killed and its hosts healed." default:"5m"`
}

// Help tells what happens to the run.
func (*HaltCmd) Help() string {
	return `The run's controller is interrupted as by Ctrl-C: it heals, collects, checks what there is
and cleans up. Should it not end in time, it is killed, and its hosts are healed from here.
Exit codes: 0 it ended, 5 it is not to be stopped by you, 6 a host is not clean.`
}

// Run interrupts the controller, waits, and heals if it must.
func (c *HaltCmd) Run(out io.Writer) error {
	found, err := readController(c.RunDir)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	alive, err := found.alive()
	if err != nil {
		return err
	}
	if alive {
		fmt.Fprintf(out, "run %s: interrupting its controller, process %d\n", found.Run, found.PID)
		if err := found.signal(os.Interrupt); err != nil {
			return found.refused(err)
		}
		if alive, err = found.await(c.Wait); err != nil {
			return err
		}
		if !alive {
			fmt.Fprintf(out, "run %s: its controller has ended and cleaned up\n", found.Run)
			return nil
		}
	}
	return c.finish(out, found, alive)
}

// finish does what a controller that is dead, or as good as dead, has left undone.
func (c *HaltCmd) finish(out io.Writer, found controller, alive bool) error {
	if alive {
		fmt.Fprintf(out, "run %s: still there after %v: killing it\n", found.Run, c.Wait)
		if err := found.signal(os.Kill); err != nil {
			return found.refused(err)
		}
		if alive, err := found.await(c.Wait); err != nil || alive {
			return fmt.Errorf("process %d outlives SIGKILL: %w", found.PID, err)
		}
	} else {
		fmt.Fprintf(out, "run %s: its controller is not running\n", found.Run)
	}
	hosts, err := chosenHosts(found.Hosts)
	var exit *exitError
	if found.Hosts == "" && errors.As(err, &exit) && exit.code == exitUsage {
		fmt.Fprintf(out, "run %s: its lab ended with it\n", found.Run)
		return nil
	}
	if err != nil {
		return err
	}
	return heal(out, hosts, found.Run)
}

func (c controller) refused(err error) error {
	return &exitError{checker.ExitRefused,
		fmt.Errorf("run %s: process %d cannot be stopped: %w", c.Run, c.PID, err)}
}

// await waits until the process is gone, and tells whether it is still there.
func (c controller) await(within time.Duration) (alive bool, err error) {
	for deadline := time.Now().Add(within); ; time.Sleep(100 * time.Millisecond) {
		if alive, err = c.alive(); err != nil || !alive || time.Now().After(deadline) {
			return alive, err
		}
	}
}

func readController(dir string) (c controller, err error) {
	text, err := os.ReadFile(filepath.Join(dir, controllerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("%s is no run directory: it has no %s", dir, controllerFile)
	}
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err == nil && (c.PID <= 1 || c.Start == 0 || c.Run == "") {
		err = errors.New("it names no process")
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", filepath.Join(dir, controllerFile), err)
	}
	return c, nil
}
