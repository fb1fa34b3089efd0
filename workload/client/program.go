package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

const (
	// answerGrace is how much later than its timeout a program may answer that it got no answer.
	answerGrace = 500 * time.Millisecond
	// startGrace is how much later the first answer of a program may come: interpreters start slowly.
	startGrace = 10 * time.Second
	// restPause, times the programs that ended without one proper answer, is the time before another
	// is started; at most restLimit.
	restPause = 100 * time.Millisecond
	restLimit = 2 * time.Second
)

// Program says which client program to run, and how.
type Program struct {
	Command []string      // the program and its arguments
	Timeout time.Duration // of one request: 0 means DefaultTimeout
	Stderr  io.Writer     // takes what the program says on stderr, from several at once; nil: dropped

	startGrace time.Duration // 0: startGrace
}

// Troubled is a client that can itself misbehave, whatever the node does.
type Troubled interface {
	Client
	// Err is all that was wrong with the client so far, a line for each kind of trouble, or nil.
	// Any of it makes a run's harness broken. It may be called at any time.
	Err() error
}

// Check returns what is wrong with a program before any of it runs.
func (p Program) Check() error {
	if len(p.Command) == 0 {
		return errors.New("client program: no command")
	}
	_, err := exec.LookPath(p.Command[0])
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	} else if named, ok := errors.AsType[*exec.Error](err); ok {
		err = named.Err
	}
	if err != nil {
		return fmt.Errorf("client program %q: %w", p.Command[0], err)
	}
	return nil
}

// program is a client that asks through programs. Its table of errors:
//
//	what happened                                           write, cas  read
//	the program says fail                                   fail        fail
//	the program says info, and sent the node nothing        fail        fail
//	the program says info                                   info        fail
//	no program runs, and none is started before a rest      fail        fail
//	the program crashed, hung, or broke the contract        info        fail
type program struct {
	node, addr string
	dial       DialFunc
	spec       Program

	mu     sync.Mutex
	idle   []*instance
	barren int       // programs in a row that ended without one proper answer
	rested time.Time // when the next may be started
	faults troubles
	closed bool
}

// NewProgram returns a client that asks the node at addr through programs: one JSON object a line
// on stdin, one on stdout. README.md in this directory is the contract. As many programs run as
// there are requests at a time; each has a port of its own on loopback that leads to the node
// through dial.
func NewProgram(node, addr string, dial DialFunc, spec Program) Troubled {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	if spec.Timeout <= 0 {
		spec.Timeout = DefaultTimeout
	}
	if spec.startGrace <= 0 {
		spec.startGrace = startGrace
	}
	return &program{node: node, addr: addr, dial: dial, spec: spec}
}

// Do implements Client.
func (p *program) Do(ctx context.Context, inv workload.Invocation) Answer {
	i, err := p.take()
	if err != nil {
		return Answer{Outcome: history.OutcomeFail, Error: oneLine(err.Error())}
	}
	answer, trouble := i.ask(ctx, p.node, inv)
	p.give(i, trouble)
	return answer.asked(inv.Kind)
}

// take returns a program that waits for a request, a new one if need be.
func (p *program) take() (*instance, error) {
	for {
		i, err := p.waiting()
		if i == nil {
			return p.start(err)
		}
		trouble := i.resting()
		if trouble == nil {
			return i, nil
		}
		p.give(i, trouble) // nothing was asked of it yet: another one can do this request
	}
}

// waiting returns an idle program, if there is one, or says why none may be started now.
func (p *program) waiting() (*instance, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errors.New("the client is closed")
	}
	if last := len(p.idle) - 1; last >= 0 {
		i := p.idle[last]
		p.idle = p.idle[:last]
		return i, nil
	}
	if time.Now().Before(p.rested) {
		return nil, errors.New("the client program keeps failing: not started again yet")
	}
	return nil, nil
}

func (p *program) start(refused error) (*instance, error) {
	if refused != nil {
		return nil, refused
	}
	i, err := startInstance(p.spec, p.addr, p.dial)
	if err == nil {
		return i, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed(&trouble{clause: clauseStart, what: "cannot be started: " + oneLine(err.Error())})
	return nil, fmt.Errorf("the client program cannot be started: %w", err)
}

// give takes a program back: to be asked again, or to be ended after trouble or when nobody will
// ask.
func (p *program) give(i *instance, trouble *trouble) {
	if !p.keep(i, trouble) {
		i.kill()
	}
}

func (p *program) keep(i *instance, trouble *trouble) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i.answered > 0 {
		p.barren = 0
	}
	switch {
	case trouble != nil && i.answered == 0:
		p.failed(trouble)
	case trouble != nil:
		p.faults.add(trouble)
	case !i.abandoned && !p.closed:
		p.idle = append(p.idle, i)
		return true
	}
	return false
}

// failed notes the trouble of a program that was of no use at all. The caller holds the lock.
func (p *program) failed(t *trouble) {
	p.faults.add(t)
	p.barren++
	p.rested = time.Now().Add(min(time.Duration(p.barren)*restPause, restLimit))
}

// Close ends the programs: by the end of their input, and after a while by force.
func (p *program) Close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	var ending sync.WaitGroup
	for _, i := range idle {
		ending.Go(func() { i.end() })
	}
	ending.Wait()
}

// Err implements Troubled.
func (p *program) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults.err(p.spec.name(), p.node)
}

// name is how messages call the program.
func (p Program) name() string {
	var words []string
	for i, word := range p.Command {
		if i == 0 || strings.Contains(word, "/") {
			word = filepath.Base(word)
		}
		words = append(words, word)
	}
	return oneLine(strings.Join(words, " "))
}
