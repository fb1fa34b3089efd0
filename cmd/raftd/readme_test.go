package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// The README's members listen on these ports. The test has other ones, which nobody else uses.
const (
	readmeClients = "127.0.0.1:440"
	readmePeers   = "127.0.0.1:450"
)

// Goal: every line of raft/README.md that a reader may type is true, and every endpoint has one.
// Method: carry out all of them, the build and the start included, in one shell with curl, and
// compare what they print with what the README shows. See step.shown for how it marks what varies.
func TestReadme(t *testing.T) {
	needCurl(t)
	steps := readmeSteps(t)
	shell := newReadmeShell(t)
	for _, s := range steps {
		shell.carryOut(s)
	}
	for _, endpoint := range endpoints(t) {
		if !slices.ContainsFunc(steps, endpoint.shownBy) {
			t.Errorf("README shows no curl line for %s %s", endpoint.method, endpoint.path)
		}
	}
	shell.isClean()
}

func needCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("needs curl (on Debian: apt-get install curl)")
	}
}

// step is a command of the README and what stands below it.
type step struct {
	line    int
	command string
	// shown is the answer. What is set in ‹› is an example of its kind: a number for a number, a
	// string for a string, true for either. A line that is … stands for any lines, or
	// none.
	shown string
}

// readmeSteps reads the lines with a prompt out of the shell blocks, each with the lines that
// belong to it, and with the answer that follows.
func readmeSteps(t *testing.T) []step {
	t.Helper()
	text, err := os.ReadFile("../../raft/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	inside, more := false, false
	for i, line := range strings.Split(string(text), "\n") {
		command, prompt := strings.CutPrefix(line, "$ ")
		last := len(steps) - 1
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case !inside:
		case prompt:
			steps = append(steps, step{line: i + 1, command: command})
		case more:
			steps[last].command += "\n" + line
		case last >= 0:
			steps[last].shown += line + "\n"
		}
		more = inside && (prompt || more) && strings.HasSuffix(line, `\`)
	}
	if len(steps) < 10 {
		t.Fatalf("only %d commands found", len(steps))
	}
	return steps
}

// readmeShell is a shell in a directory of its own, which ends with all that was started from it.
type readmeShell struct {
	t       *testing.T
	dir     string
	ports   *strings.Replacer // from the README's to ours
	back    *strings.Replacer
	clients []string // addresses of the servers
	in      io.Writer
	out     *bufio.Reader
}

func newReadmeShell(t *testing.T) *readmeShell {
	s := &readmeShell{t: t, dir: t.TempDir()}
	clients, peers := freePorts(t), freePorts(t)
	s.ports = strings.NewReplacer(readmeClients, clients, readmePeers, peers,
		"/tmp/raftd", filepath.Join(s.dir, "data"))
	s.back = strings.NewReplacer(clients, readmeClients, peers, readmePeers)
	for _, i := range []int{1, 2, 3, 4, 9} {
		s.clients = append(s.clients, fmt.Sprint(clients, i))
	}
	curlrc := "silent\nnoproxy = \"*\"\nmax-time = 30\n"
	if err := os.WriteFile(filepath.Join(s.dir, ".curlrc"), []byte(curlrc), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh")
	cmd.Dir = s.dir
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = append(os.Environ(), "CURL_HOME="+s.dir, "GOFLAGS=-buildvcs=false")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		cmd.Wait()
	})
	s.in, s.out = in, bufio.NewReader(out)
	s.run(`go() { (cd '` + root + `' && command go "$@"); }`)
	return s
}

// freePorts returns an address without its last digit, such that those with 1 to 9 are free.
func freePorts(t *testing.T) string {
	t.Helper()
	for range 100 {
		// Below the ports that the kernel gives to whoever wants any.
		prefix := fmt.Sprint("127.0.0.1:", 1100+rand.IntN(2000))
		free := true
		for i := 1; i <= 9 && free; i++ {
			l, err := net.Listen("tcp", fmt.Sprint(prefix, i))
			if free = err == nil; free {
				l.Close()
			}
		}
		if free {
			return prefix
		}
	}
	t.Fatal("no free ports")
	return ""
}

// carryOut runs a command and compares. A member that lags behind is asked again, and so is a
// cluster that said that nothing has happened; but nothing is done twice.
func (s *readmeShell) carryOut(step step) {
	s.t.Helper()
	shown := pattern(step.shown)
	isRead := regexp.MustCompile(`/v1/(status|members)$|/metrics|read=stale`).MatchString(
		strings.TrimRight(step.command, "'"))
	var got string
	await(s.t, fmt.Sprintf("README.md:%d: %s\nshows\n%s", step.line, step.command, step.shown),
		func() bool {
			got = s.back.Replace(s.run(s.ports.Replace(step.command)))
			again := strings.Contains(got, `"outcome":"fail"`) || isRead
			return shown.MatchString(got) || !again
		})
	if !shown.MatchString(got) {
		s.t.Errorf("README.md:%d: %s\nshows\n%s\nprinted\n%s", step.line, step.command, step.shown,
			got)
	}
}

// isClean demands that the last commands ended all servers, and left none of their files.
func (s *readmeShell) isClean() {
	s.t.Helper()
	for _, address := range s.clients {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			s.t.Errorf("a server at %s has not ended", s.back.Replace(address))
		}
	}
	files, err := os.ReadDir(s.dir)
	if err != nil || len(files) != 1 || files[0].Name() != ".curlrc" {
		s.t.Errorf("what is left: %v, %v", files, err)
	}
}

// run has the shell carry out a command, and returns what it printed.
func (s *readmeShell) run(command string) string {
	s.t.Helper()
	const end = "the end of what that command printed"
	fmt.Fprintf(s.in, "%s\necho '%s'\n", command, end)
	var printed strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("the shell ended in %s: %v", command, err)
		}
		if before, ended := strings.CutSuffix(line, end+"\n"); ended {
			return printed.String() + before
		}
		printed.WriteString(line)
	}
}

// pattern turns the answer that the README shows into what it means. Empty lines at the end of the
// answer do not count.
func pattern(shown string) *regexp.Regexp {
	text := regexp.QuoteMeta(strings.TrimRight(shown, "\n"))
	for _, kind := range []struct{ example, means string }{
		{`‹"[^›]*"›`, `"[^"]*"`},
		{`‹-?[0-9.]+›`, `-?[0-9.e+-]+`},
		{`‹(true|false)›`, `(true|false)`},
		{`‹[^›"]*›`, `[^"\n]*`},
		{`(?m)^…\n`, `(?s:.*\n)?`},
		{`\n…$`, `(?s:\n.*)?`},
	} {
		// Quoting put a backslash before what is special, and nothing else of an example is.
		text = regexp.MustCompile(kind.example).ReplaceAllLiteralString(text, kind.means)
	}
	return regexp.MustCompile(`^` + text + `\n*$`)
}

// endpoint is a method and a path, whose {parts} stand for any.
type endpoint struct{ method, path string }

// endpoints finds what the server listens to in its source.
func endpoints(t *testing.T) []endpoint {
	t.Helper()
	files, err := filepath.Glob("../../raft/server/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []endpoint
	// What ends in a slash is the beginning of a path, not a route.
	route := regexp.MustCompile(`"(GET|PUT|POST|DELETE) (/[^" ]*[^" /])"`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range route.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasSuffix(file, "_test.go") {
				found = append(found, endpoint{m[1], m[2]})
			}
		}
	}
	if len(found) < 9 {
		t.Fatalf("only %d endpoints found: %v", len(found), found)
	}
	return found
}

var curlOf = regexp.MustCompile(`^curl .*127\.0\.0\.1:\d+(/[^ ?']*)`)

func (e endpoint) shownBy(s step) bool {
	m := curlOf.FindStringSubmatch(s.command)
	if m == nil {
		return false
	}
	method := "GET"
	if named := regexp.MustCompile(` -X (\w+)`).FindStringSubmatch(s.command); named != nil {
		method = named[1]
	} else if strings.Contains(s.command, " -d ") {
		method = "POST"
	}
	path := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(e.path), `[^/]+`)
	return method == e.method && regexp.MustCompile(`^`+path+`$`).MatchString(m[1])
}

// Goal: the notation of the README means what TestReadme says, no more.
func TestReadmeNotation(t *testing.T) {
	for _, c := range []struct {
		shown, got string
		same       bool
	}{
		{`{"term":‹2›}`, `{"term":17}`, true},
		{`{"term":‹2›}`, `{"term":"x"}`, false},
		{`{"term":‹2›}`, `{"term":17,"vote":"n1"}`, false},
		{`{"leader":‹"n3"›}`, `{"leader":"n1"}`, true},
		{`{"leader":‹"n3"›}`, `{"leader":"n1","vote":"n1"}`, false},
		{`{"ok":‹true›}`, `{"ok":false}`, true},
		{`{"ok":true}`, `{"ok":false}`, false},
		{"a\n…\nb ‹1.5›\n", "a\nx\ny\nb 0\n", true},
		{"a\n…\nb ‹1.5›\n", "a\nb 0\n", true},
		{"…\nb\n…", "b\n", true},
		{"…\nb\n…", "a\nb\nc\nd\n", true},
		{"…\nb\n…", "a\nbc\n", false},
		{`{"value":"1.2"}`, `{"value":"1x2"}`, false},
	} {
		if same := pattern(c.shown).MatchString(c.got); same != c.same {
			t.Errorf("%q shown, %q got: same %v", c.shown, c.got, same)
		}
	}
}
