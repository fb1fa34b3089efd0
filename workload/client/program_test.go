package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// programMode is the variable that makes the test binary a client program of a certain character.
const programMode = "GAUNTLET_TEST_PROGRAM"

// beProgram is a client program of registers that speaks the toy protocol of registers, below.
func beProgram(mode string) int {
	if mode == "dies-at-start" {
		fmt.Fprintln(os.Stderr, "no module named redis")
		return 3
	}
	if mode == "slow-start" {
		time.Sleep(600 * time.Millisecond)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var r request
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 4
		}
		if exit, done := misbehave(mode, r); done {
			return exit
		}
	}
	if mode == "deaf" {
		time.Sleep(time.Minute)
	}
	return 0
}

// misbehave answers one request in the manner of the mode.
func misbehave(mode string, r request) (exit int, done bool) {
	say := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	switch mode {
	case "crashes":
		fmt.Fprintln(os.Stderr, "Traceback (most recent call last):\nZeroDivisionError: division by zero")
		return 1, true
	case "hangs":
		time.Sleep(time.Minute)
	case "garbage":
		say("hello")
	case "array":
		say("[%d]", r.ID)
	case "two lines":
		say("{\"id\":%d,\n\"outcome\":\"fail\"}", r.ID)
	case "long line":
		say(`{"id":%d,"outcome":"fail","error":"%s"}`, r.ID, strings.Repeat("x", maxBody))
	case "wrong id":
		say(`{"id":%d,"outcome":"fail"}`, r.ID+1)
	case "no id":
		say(`{"outcome":"fail"}`)
	case "unknown outcome":
		say(`{"id":%d,"outcome":"maybe"}`, r.ID)
	case "no output":
		say(`{"id":%d,"outcome":"ok"}`, r.ID)
	case "wrong output":
		say(`{"id":%d,"outcome":"ok","output":{"value":"seventeen"}}`, r.ID)
	case "never asks":
		say(`{"id":%d,"outcome":"ok","output":{"value":null,"swapped":true}}`, r.ID)
	case "answers twice": // the truth, so that only the second answer is wrong
		text, _ := json.Marshal(register(mode, r))
		say("%s\n%s", text, text)
	case "info":
		say(`{"id":%d,"outcome":"info","error":"who\n knows"}`, r.ID)
	default:
		text, _ := json.Marshal(register(mode, r))
		say("%s", text)
	}
	return 0, false
}

// register asks the node, honestly but for what the mode does in another way.
func register(mode string, r request) (answer map[string]any) {
	answer = map[string]any{"id": r.ID}
	said, err := "", error(nil)
	for tries := 0; tries < 1 || mode == "retries" && err != nil && tries < 3; tries++ {
		said, err = toyCall(mode, r)
	}
	switch {
	case err != nil && mode == "fails what is lost":
		answer["outcome"], answer["error"] = "fail", err.Error()
	case err != nil:
		answer["outcome"], answer["error"] = "info", err.Error()
	case mode == "stale" && r.Kind == workload.KindRead:
		answer["outcome"], answer["output"] = "ok", map[string]any{"value": nil}
	default:
		answer["outcome"], answer["output"] = "ok", json.RawMessage(said)
	}
	return answer
}

// toyCall makes one request in the toy protocol: the request as it is on a line; the output on one.
func toyCall(mode string, r request) (string, error) {
	timeout := time.Duration(r.TimeoutMs) * time.Millisecond
	if mode == "patient" {
		timeout = time.Minute
	}
	conn, err := net.DialTimeout("tcp", r.Address, timeout)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(timeout))
	text, _ := json.Marshal(r)
	if _, err := fmt.Fprintf(conn, "%s\n", text); err != nil {
		return "", err
	}
	said, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && !json.Valid([]byte(said)) {
		err = fmt.Errorf("babble: %q", said)
	}
	return said, err
}

// toyNode is a node of registers that speaks the toy protocol.
type toyNode struct {
	listener net.Listener
	mu       sync.Mutex
	values   map[string]*int64
	serving  sync.WaitGroup
}

func newToyNode(t *testing.T) *toyNode {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &toyNode{listener: listener, values: map[string]*int64{}}
	n.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n.serving.Go(func() { n.serve(conn) })
		}
	})
	t.Cleanup(n.stop)
	return n
}

func (n *toyNode) stop() {
	n.listener.Close()
	n.serving.Wait()
}

func (n *toyNode) address() string { return n.listener.Addr().String() }

func (n *toyNode) serve(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	in := bufio.NewScanner(conn)
	for in.Scan() {
		var r request
		if json.Unmarshal(in.Bytes(), &r) != nil {
			return
		}
		asked, err := workload.DecodeRegisterInput(r.Kind, r.Input)
		if err != nil {
			return
		}
		fmt.Fprintf(conn, "%s\n", n.do(r.Kind, r.Key, asked).Encode(r.Kind))
	}
}

func (n *toyNode) do(
	kind, key string, asked workload.RegisterInput,
) (out workload.RegisterOutput) {
	n.mu.Lock()
	defer n.mu.Unlock()
	current := n.values[key]
	same := (current == nil) == (asked.Expected == nil) &&
		(current == nil || *current == *asked.Expected)
	switch {
	case kind == workload.KindRead:
		out.Value = current
	case kind == workload.KindWrite || same:
		n.values[key] = asked.Value
		out.Swapped = &same
	default:
		out.Swapped, out.Current = &same, current
	}
	return out
}

// character is a client program of the test binary with the given character.
func character(mode string) Program {
	return Program{
		Command: []string{"env", programMode + "=" + mode, os.Args[0]},
		Timeout: 200 * time.Millisecond, startGrace: 2 * time.Second,
	}
}

// newCharacter is a client through such a program.
func newCharacter(t *testing.T, mode, address string) *program {
	t.Helper()
	p := NewProgram("n1", address, nil, character(mode)).(*program)
	t.Cleanup(p.Close)
	return p
}

// Goal: an honest program's answers are taken as they are, by many workers at a time, and its
// processes are used again and end with the client.
func TestProgramHonest(t *testing.T) {
	t.Parallel()
	p := newCharacter(t, "honest", newToyNode(t).address())
	p.spec.Timeout = 10 * time.Second
	var workers sync.WaitGroup
	for worker := range 4 {
		workers.Go(func() {
			key := fmt.Sprintf("r%d", worker)
			for _, e := range exams {
				in := workload.RegisterInput{Value: &e.value, Expected: e.expected}
				answer := p.Do(t.Context(), workload.Invocation{
					Kind: e.kind, Key: key, Input: in.Encode(e.kind)})
				if answer.Outcome != history.OutcomeOK || string(answer.Output) != e.want {
					t.Errorf("%s %s: %+v, want %s", e.kind, in.Encode(e.kind), answer, e.want)
				}
			}
		})
	}
	workers.Wait()
	p.mu.Lock()
	idle := append([]*instance(nil), p.idle...)
	p.mu.Unlock()
	if len(idle) == 0 || len(idle) > 4 {
		t.Errorf("%d programs ran for 4 workers", len(idle))
	}
	p.Close()
	for _, i := range idle {
		select {
		case _, open := <-i.lines:
			if !open {
				continue
			}
		default:
		}
		t.Error("a program outlived its client")
	}
	if err := p.Err(); err != nil {
		t.Error(err)
	}
	if a := p.Do(t.Context(), invocation("write", "r0", 1)); a.Outcome != history.OutcomeFail {
		t.Errorf("asked after the end: %+v", a)
	}
}

// Goal: whatever a program does instead of answering is called by its name, leaves the operation
// info (a read: fail), ends that program and neither the client nor the next operation.
// Method: one program of each bad character, asked to write and then to read.
func TestProgramTrouble(t *testing.T) {
	t.Parallel()
	node := newToyNode(t)
	for mode, want := range map[string]string{
		"crashes": "ended by itself: exit status 1: " +
			"ZeroDivisionError: division by zero (clause live)",
		"dies-at-start":   "ended by itself: exit status 3: no module named redis (clause live)",
		"hangs":           "gave no answer within 2.7s (clause time)",
		"garbage":         `says what is no JSON object of an answer: "hello" (clause line)`,
		"array":           `says what is no JSON object of an answer: "[1]" (clause line)`,
		"two lines":       `says what is no JSON object of an answer: "{\"id\":1," (clause line)`,
		"long line":       "says a line of more than 65536 bytes (clause line)",
		"wrong id":        "answers request 2 when asked 1 (clause id)",
		"no id":           `answers without an id: {"outcome":"fail"} (clause id)`,
		"unknown outcome": `answers with outcome "maybe", want ok, fail or info (clause answer)`,
		"wrong output": "says ok, but write output: " +
			`not a register's value: "seventeen" (clause answer)`,
		"never asks": "says ok to a write, but has sent the node nothing (clause truth)",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := newCharacter(t, mode, node.address())
			answer := p.Do(t.Context(), invocation("write", "r0", 1))
			if answer.Outcome != history.OutcomeInfo || answer.Error == "" {
				t.Errorf("write: %+v", answer)
			}
			want = fmt.Sprintf("client program %q of n1 %s", p.spec.name(), want)
			if got := fmt.Sprint(p.Err()); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			time.Sleep(restPause)
			if mode != "hangs" {
				answer = p.Do(t.Context(), invocation("read", "r0", 1))
				if answer.Outcome != history.OutcomeFail || !strings.Contains(answer.Error, "program") {
					t.Errorf("read: %+v", answer)
				}
			}
		})
	}
}

// Goal: what a program says unasked is found at the next request, which another one does.
func TestProgramAnswersTwice(t *testing.T) {
	t.Parallel()
	p := newCharacter(t, "answers twice", newToyNode(t).address())
	for range 2 {
		answer := p.Do(t.Context(), invocation("write", "r0", 1))
		if answer.Outcome != history.OutcomeOK || answer.Error != "" {
			t.Errorf("%+v", answer)
		}
		time.Sleep(20 * time.Millisecond)
	}
	want := `speaks without being asked: ` +
		`"{\"id\":1,\"outcome\":\"ok\",\"output\":{}}" (clause once)`
	if err := p.Err(); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Error(err)
	}
}

// Goal: a program that cannot be started at all is refused before the run, and is an error and not
// a storm of processes in one.
func TestProgramCannotStart(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	for want, command := range map[string][]string{
		"client program: no command": nil,
		`client program "no-such-program": executable file not found in $PATH`: {"no-such-program"},
		`client program "` + none + `": no such file or directory`:             {none},
	} {
		if err := (Program{Command: command}).Check(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	p := NewProgram("n1", "127.0.0.1:1", nil, Program{Command: []string{none, "x"}})
	defer p.Close()
	for range 50 {
		if a := p.Do(t.Context(), invocation("write", "r0", 1)); a.Outcome != history.OutcomeFail {
			t.Errorf("%+v", a)
		}
	}
	err := p.Err()
	const want = `client program "none x" of n1 cannot be started`
	if err == nil || !strings.Contains(err.Error(), want) ||
		strings.Contains(err.Error(), "more times") {
		t.Error(err)
	}
}

// Goal: with a program all that it has started is ended.
func TestProgramChildren(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "child")
	p := NewProgram("n1", "127.0.0.1:1", nil, Program{
		Command: []string{"sh", "-c", `sleep 600 & echo $! >"$1"; read -r line; exit 1`, "sh", file}})
	defer p.Close()
	p.Do(t.Context(), invocation("write", "r0", 1))
	child, err := os.ReadFile(file)
	want := "ended by itself: exit status 1 (clause live)"
	if err != nil || p.Err() == nil || !strings.HasSuffix(p.Err().Error(), want) {
		t.Fatalf("%v, %v, want %s", err, p.Err(), want)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strings.TrimSpace(string(child)) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a child outlives its program")
		}
	}
}

// Goal: a program that starts slowly is no program that hangs.
func TestProgramStartsSlowly(t *testing.T) {
	t.Parallel()
	p := newCharacter(t, "slow-start", newToyNode(t).address())
	answer := p.Do(t.Context(), invocation("write", "r0", 1))
	if answer.Outcome != history.OutcomeOK || p.Err() != nil {
		t.Errorf("%+v, %v", answer, p.Err())
	}
}

// Goal: an operation of which the node was certainly told nothing is fail, not info, which would
// cost a process of the history each time; and not a byte of it arrives later.
// Method: nodes that cannot be reached; then one whose connection comes about only after the
// program has given up.
func TestProgramSentNothing(t *testing.T) {
	t.Parallel()
	nobody := newToyNode(t)
	nobody.stop()
	p := newCharacter(t, "honest", nobody.address())
	answer := p.Do(t.Context(), invocation("write", "r0", 1))
	if answer.Outcome != history.OutcomeFail ||
		!strings.HasPrefix(answer.Error, "nothing was sent to the node: ") {
		t.Errorf("%+v", answer)
	}

	node := newToyNode(t)
	given := make(chan struct{})
	late := func(ctx context.Context, network, address string) (net.Conn, error) {
		<-given
		return (&net.Dialer{}).DialContext(context.WithoutCancel(ctx), network, address)
	}
	p = NewProgram("n1", node.address(), late, character("honest")).(*program)
	defer p.Close()
	answer = p.Do(t.Context(), invocation("write", "r0", 1))
	close(given)
	time.Sleep(50 * time.Millisecond)
	if answer.Outcome != history.OutcomeFail || len(node.values) != 0 {
		t.Errorf("%+v, and the node knows %v", answer, node.values)
	}
	p.dial = nil
	if answer = p.Do(t.Context(), invocation("write", "r0", 1)); answer.Outcome != history.OutcomeOK {
		t.Errorf("afterwards: %+v", answer)
	}
	if p.Err() != nil {
		t.Error(p.Err())
	}
}

// Goal: once something was sent, a program that does not know is believed: info.
func TestProgramSentSomething(t *testing.T) {
	t.Parallel()
	silent := play(func(node net.Conn) { _, _ = node.Read(make([]byte, 1)); time.Sleep(time.Second) })
	p := NewProgram("n1", "silent:1", silent, character("honest"))
	defer p.Close()
	if a := p.Do(t.Context(), invocation("write", "r0", 1)); a.Outcome != history.OutcomeInfo {
		t.Errorf("write: %+v", a)
	}
	if a := p.Do(t.Context(), invocation("read", "r0", 1)); a.Outcome != history.OutcomeFail {
		t.Errorf("read: %+v", a)
	}
	if p.Err() != nil {
		t.Error(p.Err())
	}
}

// Goal: an operation that is given up early ends early, is no trouble, and its late answer is never
// taken for that of another one.
func TestProgramGivenUp(t *testing.T) {
	t.Parallel()
	p := newCharacter(t, "hangs", newToyNode(t).address())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	answer := p.Do(ctx, invocation("write", "r0", 1))
	if answer.Outcome != history.OutcomeFail || time.Since(start) > time.Second {
		t.Errorf("%+v after %v", answer, time.Since(start))
	}
	if p.Err() != nil || len(p.idle) != 0 {
		t.Errorf("%v, %d idle", p.Err(), len(p.idle))
	}
}

// Goal: every clause that a program can break is found broken, and none else; an honest one keeps
// all.
func TestExamine(t *testing.T) {
	t.Parallel()
	var examining sync.WaitGroup
	truthful := []string{"honest", "answers twice", "stale", "info", "fails what is lost", "deaf"}
	for mode, want := range map[string]string{
		"honest":        "",
		"crashes":       "live: it ended by itself: exit status 1: ZeroDivisionError: division by zero, ",
		"dies-at-start": "live: it ended by itself: exit status 3: no module named redis, ",
		"hangs":         "time: it gave no answer within 1.6s, asked a read with a node that refuses",
		"patient": "time: it gave no answer within 600ms, " +
			"asked a read with a node that says nothing",
		"garbage":       `line: it says what is no JSON object of an answer: "hello", asked a read with`,
		"wrong id":      "id: it answers request 3 when asked 2, asked a read with a node that refuses",
		"no output":     "answer: it says ok, but read output: unexpected end of JSON input, ",
		"answers twice": "once: it ", // how it is noticed depends on when the second one comes
		"never asks":    "truth: it says ok to a read, but has sent the node nothing, asked a read",
		"info": `truth: it says info: who knows, ` +
			`asked read {} of the server`,
		"stale": `truth: it says {"value":null}, which is {"value":5}, asked read {} of the server`,
		"fails what is lost": "certain: it says fail to a write that happened, " +
			"when the connection breaks after 0 bytes of the node's answer",
		"retries": "repeat: it sends something on 3 connections, " +
			"asked a read with a node that says nothing",
		"deaf": "end: it runs on for 2s, when its input ended",
	} {
		// Not subtests: these mostly wait, and few subtests run at a time.
		examining.Go(func() {
			var broken []string
			// Whoever talks to the server has more time: this machine may be busy.
			p := character(mode)
			p.Timeout, p.startGrace = 500*time.Millisecond, 10*time.Second
			if !slices.Contains(truthful, mode) {
				p.Timeout, p.startGrace = 100*time.Millisecond, time.Second
			}
			for _, f := range Examine(t.Context(), p, newToyNode(t).address()) {
				if f.Breach != "" {
					broken = append(broken, string(f.Clause)+": "+f.Breach)
				}
			}
			got := strings.Join(broken, "\n")
			if !strings.HasPrefix(got, want) || (got == "") != (want == "") || len(broken) > 1 {
				t.Errorf("%s:\ngot  %s\nwant %s", mode, got, want)
			}
		})
	}
	examining.Wait()
}

// Goal: nothing that a program can say is taken for an answer that breaks the history's laws.
func FuzzProgramAnswer(f *testing.F) {
	f.Add([]byte(`{"id":1,"outcome":"ok","output":{"value":17}}`), uint8(0))
	f.Add([]byte(`{"id":1,"outcome":"ok","output": {"swapped":false, "current":null}}`), uint8(2))
	f.Add([]byte(`{"id":1,"outcome":"info","error":"a\nb"}`), uint8(1))
	f.Add([]byte(`{"id":1.0,"outcome":"ok"}`), uint8(0))
	f.Add([]byte(`null`), uint8(1))
	f.Add([]byte(` {"id":1} x`), uint8(1))
	kinds := []string{workload.KindRead, workload.KindWrite, workload.KindCAS}
	f.Fuzz(func(t *testing.T, line []byte, which uint8) {
		kind := kinds[int(which)%len(kinds)]
		answer, trouble := readAnswer(line, 1, kind)
		if strings.ContainsRune(answer.Error, '\n') {
			t.Errorf("error of several lines: %q", answer.Error)
		}
		if trouble != nil {
			if answer.Outcome != history.OutcomeInfo || answer.Output != nil {
				t.Errorf("trouble, and %+v", answer)
			}
			return
		}
		switch answer.Outcome {
		case history.OutcomeOK:
			_, err := workload.DecodeRegisterOutput(kind, answer.Output)
			if err != nil || strings.ContainsRune(string(answer.Output), '\n') {
				t.Errorf("%q: %v", answer.Output, err)
			}
		case history.OutcomeFail, history.OutcomeInfo:
			if answer.Output != nil {
				t.Errorf("%+v", answer)
			}
		default:
			t.Errorf("outcome %q", answer.Outcome)
		}
	})
}
