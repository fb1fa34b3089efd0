package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// child runs the linearizability check in a process of its own: a search that explodes takes its
// own memory with it, never the controller's.
type child struct {
	verify string // the program to start again
	dir    Directory
	budget suite.Budget
}

// childLine is one line from the child: a key it begins with, or a key's result.
type childLine struct {
	Begin  string             `json:"begin,omitempty"`
	Result *checker.KeyResult `json:"result,omitempty"`
}

// memoryEvery is how often the child's resident memory is read.
const memoryEvery = 50 * time.Millisecond

// check returns one result for every key of the history. A child that runs over its budget is
// killed; the key it was at and those it had not come to are unknown.
func (c child) check(ctx context.Context, h *history.History) []checker.KeyResult {
	ctx, cancel := context.WithTimeout(ctx, c.budget.Time)
	defer cancel()
	found, current, why := c.run(ctx)
	results := make([]checker.KeyResult, 0, len(found))
	for _, key := range checker.Partition(h) {
		result, ok := found[key.Name]
		if !ok {
			result = checker.KeyResult{Key: key.Name, Operations: len(key.Operations), Engine: "none"}
			result.Reason = "not checked: " + why
			if key.Name == current {
				result.Reason = "gave up: " + why
			}
		}
		results = append(results, result)
	}
	return results
}

// run starts the child and reads its lines until it ends. Why says what ended it before its time.
func (c child) run(ctx context.Context) (
	found map[string]checker.KeyResult, current, why string,
) {
	found = map[string]checker.KeyResult{}
	command := exec.CommandContext(ctx, c.verify, WorkerCommand, string(c.dir))
	// A group of its own: the terminal's Ctrl-C ends the load, not the check of what there is.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr strings.Builder
	command.Stderr = &stderr
	lifeline, err := command.StdinPipe() // ends with this process: see CheckWorker
	if err != nil {
		return found, "", err.Error()
	}
	defer lifeline.Close()
	out, err := command.StdoutPipe()
	if err != nil {
		return found, "", err.Error()
	}
	if err := command.Start(); err != nil {
		return found, "", err.Error()
	}
	var overMemory atomic.Bool
	watched, stop := context.WithCancel(ctx)
	go c.limitMemory(watched, command.Process, &overMemory)
	for lines := json.NewDecoder(bufio.NewReader(out)); ; {
		var line childLine
		if lines.Decode(&line) != nil {
			break
		}
		if line.Result != nil {
			found[line.Result.Key] = *line.Result
		} else {
			current = line.Begin
		}
	}
	stop()
	err = command.Wait()
	switch {
	case overMemory.Load():
		why = fmt.Sprintf("the checker took more than its %d MiB", c.budget.Memory>>20)
	case ctx.Err() != nil:
		why = fmt.Sprintf("the checker took longer than its %v", c.budget.Time)
	case err != nil:
		why = fmt.Sprintf("the checker ended with %v: %s", err, strings.TrimSpace(stderr.String()))
	}
	return found, current, why
}

// limitMemory kills the child when its resident memory exceeds the budget.
func (c child) limitMemory(ctx context.Context, p *os.Process, over *atomic.Bool) {
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if resident(p.Pid) > c.budget.Memory {
			over.Store(true)
			_ = p.Kill() // it may have ended by itself just now
			return
		}
	}
}

// resident is a process's resident memory in bytes (proc(5), statm), or 0 when it is gone.
func resident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// WorkerCommand is the hidden subcommand that CheckWorker serves.
const WorkerCommand = "__check-worker"

// CheckWorker is the child's side: it checks a run directory key by key and writes a line before
// and after each. A key may take half of the time that is left, so that one that explodes costs no
// other its verdict.
func CheckWorker(dir Directory, out io.Writer) error {
	s, err := suite.Load(dir.path(suiteFile))
	if err != nil {
		return err
	}
	h, err := history.Open(dir.path(historyFile))
	if err != nil {
		return err
	}
	lines, deadline := json.NewEncoder(out), time.Now().Add(s.Budget.Time)
	for _, key := range checker.Partition(h) {
		if err := lines.Encode(childLine{Begin: key.Name}); err != nil {
			return err
		}
		result := checker.Linearizable(s.Workload.Model, key.Operations,
			time.Until(deadline)/2)
		result.Key = key.Name
		if err := lines.Encode(childLine{Result: &result}); err != nil {
			return err
		}
	}
	return nil
}
