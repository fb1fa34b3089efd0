package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// Finding is what an examination says of one clause of the contract.
type Finding struct {
	Clause Clause
	Says   string // the clause, in one line
	Tested bool
	Breach string // how it was broken, in one line; "": it was kept
}

// Examine tries a program against the contract in README.md: with nodes that refuse, say nothing,
// hang up or babble; and with the server at an address, where the registers that it uses must be
// absent, what the program says must be true. Without a server that part stays untested.
func Examine(ctx context.Context, p Program, server string) []Finding {
	if p.Timeout <= 0 {
		p.Timeout = examineTimeout
	}
	if p.startGrace <= 0 {
		p.startGrace = startGrace
	}
	x := &examiner{ctx: ctx, spec: p, server: server, breach: map[Clause]string{}}
	x.examine()
	var findings []Finding
	for _, c := range clauses {
		findings = append(findings, Finding{
			Clause: c.Clause, Says: c.says, Breach: x.breach[c.Clause],
			Tested: x.breach[c.Clause] != "" || x.started && (server != "" || !c.needs),
		})
	}
	return findings
}

const examineTimeout = 400 * time.Millisecond

// examiner asks one program after another: each until it breaks the contract.
type examiner struct {
	ctx     context.Context
	spec    Program
	server  string
	breach  map[Clause]string // the first of each clause
	program *instance         // nil: none runs
	started bool
	asked   int64
}

func (x *examiner) note(t *trouble, when string) {
	if _, known := x.breach[t.clause]; !known {
		x.breach[t.clause] = fmt.Sprintf("it %s, %s", t.what, when)
	}
}

func (x *examiner) examine() {
	for _, n := range scripted {
		for _, kind := range []string{
			workload.KindRead, workload.KindWrite, workload.KindCAS, "a-kind-to-come",
		} {
			if !x.scripted(n, kind) {
				return
			}
		}
	}
	if x.server != "" {
		x.semantics()
		x.interrupted()
	}
	x.ending()
}

// scriptedNode is a node that follows a script instead of a protocol.
type scriptedNode struct {
	what string
	dial DialFunc
}

// scripted are nodes of which no answer can be had.
var scripted = []scriptedNode{
	{"with a node that refuses", func(context.Context, string, string) (net.Conn, error) {
		return nil, net.ErrClosed
	}},
	{"with a node that says nothing", play(func(node net.Conn) { _, _ = io.Copy(io.Discard, node) })},
	{"with a node that hangs up", play(func(node net.Conn) { _, _ = node.Read(make([]byte, 4096)) })},
	{"with a node that babbles", play(func(node net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, node) }()
		for {
			if _, err := node.Write([]byte("\x00\xff{]babble 9999999999\r\n\r\n")); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	})},
}

// play makes connections whose other end follows a script and then hangs up.
func play(script func(node net.Conn)) DialFunc {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			script(theirs)
		}()
		return ours, nil
	}
}

// scripted asks the program one thing of a scripted node. It is false when there is no program to
// ask.
func (x *examiner) scripted(n scriptedNode, kind string) bool {
	var senders atomic.Int64
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := n.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &sender{Conn: conn, senders: &senders}, nil
	}
	when := "asked a " + kind + " " + n.what
	answer, asked := x.ask(dial, when, invocation(kind, "examined", 1))
	switch {
	case !asked:
		return x.started
	case answer.Outcome == history.OutcomeOK:
		x.note(&trouble{clauseTruth, "says ok"}, when)
	case senders.Load() > 1:
		x.note(&trouble{clauseRepeat, fmt.Sprintf("sends something on %d connections",
			senders.Load())}, when)
	}
	return true
}

// sender counts itself once when something is sent on it.
type sender struct {
	net.Conn
	senders *atomic.Int64
	sent    bool
}

func (s *sender) Write(bytes []byte) (int, error) {
	if !s.sent {
		s.sent = true
		s.senders.Add(1)
	}
	return s.Conn.Write(bytes)
}

// ask asks the program one thing, of the node behind dial: nil means the server. If it breaks the
// contract that is noted, and there is no answer.
func (x *examiner) ask(
	dial DialFunc, when string, inv workload.Invocation,
) (answer Answer, asked bool) {
	if x.ctx.Err() != nil || !x.ready(when) {
		return Answer{}, false
	}
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	forward, err := newForward(x.server, dial, x.spec.Timeout)
	if err != nil {
		x.note(&trouble{clauseStart, oneLine(err.Error())}, when)
		return Answer{}, false
	}
	old := x.program.forward
	x.program.forward = forward
	old.close()
	x.asked++
	x.program.lastID += x.asked // so that nobody can count instead of reading the id
	answer, t := x.program.exchange(x.ctx, "n1", inv)
	if t == nil {
		time.Sleep(5 * time.Millisecond) // for a second answer to arrive
		t = x.program.resting()
	}
	if t != nil {
		x.started = x.started || x.program.answered > 0
		x.note(t, when)
		x.drop()
		return Answer{}, false
	}
	x.started = true
	return answer, true
}

// ready makes sure that a program runs. One that never answered anything is not started again.
func (x *examiner) ready(when string) bool {
	if x.program != nil {
		return true
	}
	if len(x.breach) > 0 && !x.started {
		return false
	}
	program, err := startInstance(x.spec, x.server, (&net.Dialer{}).DialContext)
	if err != nil {
		x.note(&trouble{clauseStart, "cannot be started: " + oneLine(err.Error())}, when)
		return false
	}
	x.program = program
	return true
}

func (x *examiner) drop() {
	x.program.kill()
	x.program = nil
}

// ending looks whether the program ends with its input.
func (x *examiner) ending() {
	const when = "when its input ended"
	if !x.ready(when) {
		return
	}
	if !x.program.end() {
		x.note(&trouble{clauseEnd, fmt.Sprintf("runs on for %v", endGrace)}, when)
	}
	x.program = nil
}
