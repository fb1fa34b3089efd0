package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// endGrace is how long a program may take to end after its input did.
const endGrace = 2 * time.Second

// instance is one running program. One goroutine at a time asks it.
type instance struct {
	spec    Program
	command *exec.Cmd
	stdin   io.WriteCloser
	stdout  *os.File // the end that we read
	stderr  *os.File // the end that we read
	last    lastWords
	lines   chan []byte   // what it says; closed when it has ended and said its last
	quit    chan struct{} // closed by kill: nobody listens any more
	status  error         // how it ended; set before lines is closed
	forward *forward

	lastID    int64
	answered  int64 // requests it answered as it should
	abandoned bool  // nobody can use it any more, through no fault of its own

	killing sync.Once
	running sync.WaitGroup
}

// startInstance starts a program and the port through which it reaches the node.
func startInstance(spec Program, addr string, dial DialFunc) (*instance, error) {
	i := &instance{
		spec: spec, lines: make(chan []byte), quit: make(chan struct{}),
		last: lastWords{to: spec.Stderr},
	}
	if err := i.start(); err != nil {
		return nil, err
	}
	var err error
	if i.forward, err = newForward(addr, dial, spec.Timeout); err != nil {
		i.kill()
		return nil, err
	}
	return i, nil
}

// start starts the process. Its outputs are pipes of our own: those of package exec would keep us
// waiting for children of the program that hold them open.
func (i *instance) start() (err error) {
	i.command = exec.Command(i.spec.Command[0], i.spec.Command[1:]...)
	// A group of its own, so that all of it can be ended and none of it hears our Ctrl-C.
	i.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if i.stdin, err = i.command.StdinPipe(); err != nil {
		return err
	}
	stdout, err := i.pipe(&i.stdout)
	if err != nil {
		return err
	}
	defer stdout.Close()
	stderr, err := i.pipe(&i.stderr)
	if err != nil {
		i.stdout.Close()
		return err
	}
	defer stderr.Close()
	i.command.Stdout, i.command.Stderr = stdout, stderr
	if err := i.command.Start(); err != nil {
		i.closeOutputs()
		return err
	}
	i.running.Go(i.listen)
	return nil
}

// pipe makes a pipe, keeps one end and returns the one for the program.
func (i *instance) pipe(ours **os.File) (theirs *os.File, err error) {
	*ours, theirs, err = os.Pipe()
	return theirs, err
}

func (i *instance) closeOutputs() {
	i.stdout.Close()
	i.stderr.Close()
}

// listen passes on what the program says, line by line, and then its end.
func (i *instance) listen() {
	var outputs sync.WaitGroup
	outputs.Go(i.hear)
	outputs.Go(func() { _, _ = io.Copy(&i.last, i.stderr) })
	i.status = i.command.Wait()
	// What it leaves behind has no business any more, and holds the pipes. What has left its group
	// as well is given up on.
	i.killGroup()
	late := time.AfterFunc(endGrace, i.closeOutputs)
	outputs.Wait()
	late.Stop()
	i.closeOutputs()
	close(i.lines)
}

// hear reads stdout to its end.
func (i *instance) hear() {
	in := bufio.NewReaderSize(i.stdout, maxBody)
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			select {
			case i.lines <- append([]byte(nil), line...):
			case <-i.quit:
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// resting returns trouble if the program did anything but wait.
func (i *instance) resting() *trouble {
	select {
	case line, open := <-i.lines:
		if !open {
			return i.death()
		}
		return &trouble{clauseOnce, fmt.Sprintf("speaks without being asked: %q", clip(line))}
	default:
		return nil
	}
}

// ask makes one request and waits for its answer. If the program does not know what came of it, yet
// the node was sent nothing, then nothing came of it.
func (i *instance) ask(
	ctx context.Context, node string, inv workload.Invocation,
) (Answer, *trouble) {
	mark := i.forward.mark()
	answer, trouble := i.exchange(ctx, node, inv)
	if trouble == nil && answer.Outcome == history.OutcomeInfo && i.forward.endedWithout(mark) {
		answer.Outcome = history.OutcomeFail
		answer.Error = oneLine("nothing was sent to the node: " + answer.Error)
		i.renew()
	}
	return answer, trouble
}

// exchange writes one request and reads its answer.
func (i *instance) exchange(
	ctx context.Context, node string, inv workload.Invocation,
) (Answer, *trouble) {
	i.lastID++
	line, err := request{
		ID: i.lastID, Node: node, Address: i.forward.address(), Kind: inv.Kind, Key: inv.Key,
		Input: inv.Input, TimeoutMs: milliseconds(i.spec.Timeout),
	}.line()
	if err != nil {
		return Answer{Outcome: history.OutcomeFail, Error: oneLine(err.Error())}, nil
	}
	limit := i.spec.Timeout + answerGrace
	if i.answered == 0 {
		limit += i.spec.startGrace
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	mark := i.forward.mark()
	// A line fits into the pipe, which is empty. If it is closed, the program's end says why.
	_, _ = i.stdin.Write(line)
	select {
	case said, open := <-i.lines:
		if !open {
			death := i.death()
			return broke(death.clause, "%s", death.what)
		}
		return i.judge(said, inv.Kind, mark)
	case <-timer.C:
		return broke(clauseTime, "gave no answer within %v", limit)
	case <-ctx.Done():
		i.abandoned = true
		return Answer{Outcome: history.OutcomeInfo, Error: oneLine(context.Cause(ctx).Error())}, nil
	}
}

// judge reads an answer. Nobody knows the node's answer without having asked it.
func (i *instance) judge(said []byte, kind string, mark int64) (Answer, *trouble) {
	if len(said) == maxBody && said[maxBody-1] != '\n' {
		return broke(clauseLine, "says a line of more than %d bytes", maxBody)
	}
	answer, trouble := readAnswer(said, i.lastID, kind)
	if trouble != nil {
		return answer, trouble
	}
	if answer.Outcome == history.OutcomeOK && i.forward.mark() == mark {
		return broke(clauseTruth, "says ok to a %s, but has sent the node nothing", kind)
	}
	i.answered++
	return answer, nil
}

// renew gives the program another port.
func (i *instance) renew() {
	forward, err := newForward(i.forward.to, i.forward.dial, i.spec.Timeout)
	if err != nil {
		i.abandoned = true
		return
	}
	i.forward = forward
}

// death says how the program ended.
func (i *instance) death() *trouble {
	what := "ended by itself"
	if i.status != nil {
		what += ": " + i.status.Error()
	}
	if said := i.last.line(); said != "" {
		what += ": " + said
	}
	return &trouble{clauseLive, oneLine(what)}
}

// end lets the program end by itself and kills it if it does not. It reports whether it ended by
// itself.
func (i *instance) end() bool {
	i.stdin.Close()
	timer := time.NewTimer(endGrace)
	defer timer.Stop()
	for {
		select {
		case _, open := <-i.lines:
			if !open {
				i.kill()
				return true
			}
		case <-timer.C:
			i.kill()
			return false
		}
	}
}

// kill ends the program and all that it started, and returns when it is gone.
func (i *instance) kill() {
	i.killing.Do(func() {
		close(i.quit)
		i.stdin.Close()
		i.killGroup()
		i.closeOutputs()
	})
	if i.forward != nil {
		i.forward.close()
		i.forward.running.Wait()
	}
	i.running.Wait()
}

// killGroup ends the program's group, which outlives its leader while any of it lives, and so does
// its number.
func (i *instance) killGroup() { _ = syscall.Kill(-i.command.Process.Pid, syscall.SIGKILL) }

// lastWords keeps the end of what a program says on stderr, and passes it on.
type lastWords struct {
	to io.Writer

	mu   sync.Mutex
	text []byte
}

func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	if over := len(w.text) - 1024; over > 0 {
		w.text = w.text[over:]
	}
	if w.to != nil {
		_, _ = w.to.Write(p) // a full disk is no reason for the program to fail
	}
	return len(p), nil
}

// line is the last line that is not blank.
func (w *lastWords) line() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(w.text)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
