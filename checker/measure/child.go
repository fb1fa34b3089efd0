package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker"
	"gauntlet/checker/register"
	"gauntlet/checker/synth"
	"gauntlet/history"
)

// argChild tells a process to measure what the next argument, an order in JSON, says.
const argChild = "-child"

// What may be measured.
const (
	subjectOurs      = "ours"
	subjectPorcupine = "porcupine"
	subjectParse     = "parse" // reading the history from a file
)

// The limits of a subject.
const (
	patienceOurs      = time.Minute
	patiencePorcupine = 10 * time.Second
	mostBytes         = 4 << 30
)

// order is what a child is to do.
type order struct {
	Cell    cell
	Subject string
}

// outcome is what it did.
type outcome struct {
	Seconds float64 // of one core: waiting for others that use it does not count
	Bytes   int64   // at the peak
	Valid   bool
	Engine  string
	Failed  string // why there is no verdict
}

// better reports whether the outcome is the better one of the same cell.
func (o outcome) better(than outcome) bool {
	if (o.Failed == "") != (than.Failed == "") {
		return o.Failed == ""
	}
	return o.Seconds < than.Seconds
}

// String is the outcome in its columns.
func (o outcome) String() string {
	if o.Failed != "" {
		return fmt.Sprintf("%-28s", o.Failed)
	}
	return fmt.Sprintf("%6.3f s %4d MB  %-10s", o.Seconds, o.Bytes>>20, o.Engine)
}

// child carries out an order and writes the outcome. It returns an exit code.
func child(text string, out io.Writer) int {
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		var result outcome
		switch o.Subject {
		case subjectOurs:
			result = ours(o.Cell)
		case subjectPorcupine:
			result = theirs(o.Cell, out)
		default:
			result, err = parse(o.Cell)
		}
		if err == nil {
			err = json.NewEncoder(out).Encode(result)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitHarness
	}
	return 0
}

// ours measures the checker, from what the reader of histories gives to the verdict with its
// evidence.
func ours(c cell) outcome {
	ops := synth.Operations(synth.Register(c.spec()), "r0")
	forgetPeak()
	started := used()
	result := checker.Linearizable("register", ops, patienceOurs)
	o := outcome{
		Seconds: (used() - started).Seconds(), Bytes: peak(), Engine: result.Engine,
		Valid: result.Verdict == checker.Valid,
	}
	if result.Verdict == checker.Unknown {
		o.Failed = result.Reason
	}
	runtime.KeepAlive(ops)
	return o
}

// theirs measures porcupine, on compact operations that need no decoding. When it takes too much
// memory or time, of its core as ours, the process ends.
func theirs(c cell, out io.Writer) outcome {
	ops := synth.Register(c.spec())
	events := make([]porcupine.Operation, len(ops))
	for i := range ops {
		events[i] = porcupine.Operation{Input: &ops[i], Call: ops[i].Call, Return: ops[i].Ret}
	}
	forgetPeak()
	var ended atomic.Bool // only one of the two may speak
	started := used()
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			o := outcome{}
			switch {
			case peak() > mostBytes:
				o.Failed = "> 4 GB"
			case used()-started > patiencePorcupine:
				o.Failed = "> 10 s"
			default:
				continue
			}
			if ended.CompareAndSwap(false, true) {
				// If writing fails, the parent finds nothing and says so.
				_ = json.NewEncoder(out).Encode(o)
				os.Exit(0)
			}
			return
		}
	}()
	valid := porcupine.CheckOperations(atomicRegister, events)
	if !ended.CompareAndSwap(false, true) {
		select {} // until the process ends
	}
	return outcome{Seconds: (used() - started).Seconds(), Bytes: peak(), Valid: valid}
}

// atomicRegister is the register as porcupine takes it.
var atomicRegister = porcupine.Model{
	Init: func() any { return register.Initial },
	Hash: func(state any) uint64 { return uint64(state.(register.Value)) * 0x9e3779b97f4a7c15 },
	Step: func(state, input, _ any) (bool, any) {
		op, now := input.(*register.Op), state.(register.Value)
		switch {
		case op.Kind == register.NotEqual:
			return now != op.Before, state
		case op.Observes() && now != op.Before:
			return op.Pending, state
		case op.Writes():
			return true, op.After
		}
		return true, state
	},
}

// parse measures the reader of histories.
func parse(c cell) (outcome, error) {
	dir, err := os.MkdirTemp("", "measure")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "history.jsonl")
	if err := write(path, c); err != nil {
		return outcome{}, err
	}
	forgetPeak()
	started := used()
	h, err := history.Open(path)
	o := outcome{Seconds: (used() - started).Seconds(), Bytes: peak(), Engine: "reader"}
	if err == nil && len(h.Operations) != c.Operations {
		err = fmt.Errorf("%s: %d operations, want %d", path, len(h.Operations), c.Operations)
	}
	return o, err
}

func write(path string, c cell) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	h := history.History{Operations: synth.Operations(synth.Register(c.spec()), "r0")}
	buffered := bufio.NewWriter(file)
	if err := h.Write(buffered); err != nil {
		return err
	}
	return buffered.Flush()
}

// used is the time that the process has had a core, its garbage collector included.
func used() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// forgetPeak gives back what memory is free, and begins to look for the peak anew.
func forgetPeak() {
	debug.FreeOSMemory()
	// Where the kernel refuses, the peak is that of the process so far: too much, not too little.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// peak is the greatest resident set since forgetPeak, in bytes (VmHWM, proc_pid_status(5)); without
// a /proc it is what Go got from the system.
func peak() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for line := range bytes.Lines(status) {
			fields := bytes.Fields(line)
			if len(fields) == 3 && string(fields[0]) == "VmHWM:" {
				if kB, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
					return kB << 10
				}
			}
		}
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Sys)
}
