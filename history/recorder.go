package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Recorder appends a run's records to a writer, one line and one Write each, as they happen.
//
// Nothing is buffered: when a method returns, its line is with the operating system, so a history
// outlives a kill -9 of its writer. Above all an operation's invoke line is there before its
// request can be sent; otherwise a later read could return a value that nobody is known to have
// written.
// Any number of goroutines may use one Recorder. Its memory does not grow.
type Recorder struct {
	started time.Time // carries the monotonic reading that all stamps count from

	mu     sync.Mutex
	w      io.Writer
	line   bytes.Buffer
	encode *json.Encoder // into line
	lastID int64
	err    error
	follow func(Operation)
}

// NewRecorder starts the run's clock and writes the header line. Version is always this package's;
// Started is filled in when it is zero.
func NewRecorder(w io.Writer, h Header) (*Recorder, error) {
	r := &Recorder{started: time.Now(), w: w}
	r.encode = json.NewEncoder(&r.line)
	r.encode.SetEscapeHTML(false)
	h.Version = Version
	if h.Started.IsZero() {
		h.Started = r.started
	}
	h.Started = h.Started.UTC().Round(0)
	return r, r.write(headerLine{typeHeader, h})
}

// Now returns the time since the run's start on the monotonic clock. It may be called by anybody:
// every stamp of a run, whoever takes it, comes from here.
func (r *Recorder) Now() time.Duration { return time.Since(r.started) }

// Invoke stamps the operation's ID and Call and writes its invoke line. Only after it has returned
// without an error may the request be sent.
func (r *Recorder) Invoke(op Operation) (Operation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastID++
	op.ID, op.Call = r.lastID, r.Now() // under the lock, so that IDs rise in the order of the calls
	op.Outcome = ""
	err := r.append(invokeLine{
		Type: typeInvoke, Time: op.Call, ID: op.ID, Process: op.Process,
		Node: op.Node, Kind: op.Kind, Key: op.Key, Input: op.Input,
	})
	r.show(op, err)
	return op, err
}

// Return writes the outcome of an invoked operation. Its caller has stamped op.Return with Now
// right when the answer came.
func (r *Recorder) Return(op Operation) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.append(returnLine{
		Type: typeReturn, Time: op.Return, ID: op.ID, Process: op.Process,
		Outcome: op.Outcome, Output: op.Output, Error: op.Error,
	})
	r.show(op, err)
	return err
}

// Follow has fn shown every operation from now on, in the order of the lines: once its invoke line
// is written, without an outcome, and once its return line is, with one. Only the latest fn is
// shown any. It runs while everybody else who records anything waits, and must not call the
// Recorder.
func (r *Recorder) Follow(fn func(Operation)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follow = fn
}

// show tells the follower of a line that was written. The caller holds the lock.
func (r *Recorder) show(op Operation, err error) {
	if err == nil && r.follow != nil {
		r.follow(op)
	}
}

// Fault writes what is known of a fault by now; it supersedes earlier records of the same ID.
func (r *Recorder) Fault(f Fault) error { return r.write(faultLine{typeFault, f}) }

// Observation writes one node's account of itself.
func (r *Recorder) Observation(o Observation) error {
	return r.write(observationLine{typeObservation, o})
}

// Phase records that the named phase of the run begins now.
func (r *Recorder) Phase(name string) error {
	return r.write(phaseLine{typePhase, Phase{Name: name, At: r.Now()}})
}

// Err returns the first error. It is sticky: a history with a hole must not grow beyond it.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *Recorder) write(line any) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.append(line)
}

// append writes one line with one Write. The caller holds the lock.
func (r *Recorder) append(line any) error {
	if r.err != nil {
		return r.err
	}
	r.line.Reset()
	err := r.encode.Encode(line)
	if err == nil {
		_, err = r.w.Write(r.line.Bytes())
	}
	if err != nil {
		r.err = fmt.Errorf("cannot record the history: %w", err)
	}
	return r.err
}
