package target

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gauntlet/redact"
)

const (
	// startTimeout bounds how long a node may take to answer, if the caller's context does not.
	startTimeout = 20 * time.Second
	// answerTimeout is short: a paused node says nothing, and the next one is waiting.
	answerTimeout = time.Second
	answerLimit   = 256 << 10
	logLimit      = 256 << 20
)

// nodes is what every target has in common that runs one process on each host: the run root, with
// the process, its data and its log in it.
type nodes struct {
	name    string // of the target, its process and its log
	run     string
	wanted  int // how many hosts the suite speaks of
	hosts   []*Host
	clients map[string]*http.Client // by host name: each through that host's SSH connection
}

func newNodes(name, run string, wanted int, hosts []*Host) nodes {
	n := nodes{name, run, wanted, hosts, map[string]*http.Client{}}
	for _, h := range hosts {
		n.clients[h.Name()] = &http.Client{Transport: &http.Transport{
			DialContext:     h.Dial,
			MaxConnsPerHost: 1, // each holds one of the host's few channels
		}}
	}
	return n
}

func (n *nodes) Name() string { return n.name }

func address(h *Host, port int) string { return net.JoinHostPort(h.Address(), strconv.Itoa(port)) }

// root is the run root, absolute.
func (n *nodes) root(h *Host) string { return h.Home() + "/.gauntlet/" + n.run }

func (n *nodes) log(h *Host) string { return n.root(h) + "/log/" + n.name + ".log" }

var runName = regexp.MustCompile(`^[0-9a-f]{8}$`)

// valid names what is wrong with the run. Its name becomes part of a path that is removed at the
// end.
func (n *nodes) valid() error {
	switch {
	case !runName.MatchString(n.run):
		return fmt.Errorf("run name %q is not 8 hexadecimal digits", n.run)
	case len(n.hosts) == 0 || n.wanted != len(n.hosts):
		return fmt.Errorf("%d nodes of %s, but %d hosts", n.wanted, n.name, len(n.hosts))
	default:
		return nil
	}
}

// program is a binary as it is to lie on the hosts.
type program struct {
	bytes []byte
	path  string // on a host, relative to the home directory: named after the hash
}

// readProgram reads a binary of this machine.
func readProgram(path string) (program, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return program{}, err
	}
	sum := sha256.Sum256(content)
	return program{content, ".gauntlet/cache/" + hex.EncodeToString(sum[:])}, nil
}

// deploy makes the run root and uploads programs into the cache, which outlives runs.
func (n *nodes) deploy(ctx context.Context, h *Host, programs ...program) error {
	if err := n.valid(); err != nil {
		return h.fail("deploy", "", err)
	}
	disk := h.Disk()
	if disk != "" {
		disk += "/" + n.run
	}
	arguments := []string{n.root(h), disk}
	for _, p := range programs {
		arguments = append(arguments, p.path)
	}
	result, err := h.RunOK(ctx, Command{
		Script: `set -eu
			umask 077
			mkdir -p .gauntlet/cache "$1/pids" "$1/log"
			if [ -z "$2" ]; then
				mkdir -p "$1/data"
			else # a directory there must last, whatever becomes of what is in it
				mkdir -p "$2" && sync "${2%/*}" && ln -sfn "$2" "$1/data"
			fi
			shift 2
			for path; do
				[ -x "$path" ] && [ "$(sha256sum <"$path")" = "${path##*/}  -" ] || echo "$path"
			done`,
		Args: arguments,
	})
	if err != nil {
		return h.reword("deploy", err)
	}
	missing := strings.Fields(string(result.Stdout))
	for _, p := range programs {
		if len(missing) == 0 || missing[0] != p.path {
			continue
		}
		missing = missing[1:]
		if err := h.Put(ctx, p.path, 0o700, bytes.NewReader(p.bytes)); err != nil {
			return err
		}
	}
	return nil
}

// start starts the node and waits until it answers, or dies. Arguments begin with the program.
func (n *nodes) start(
	ctx context.Context, h *Host, arguments []string, answers func(context.Context, *Host) error,
) (Process, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout,
		fmt.Errorf("no answer within %v: %w", startTimeout, context.DeadlineExceeded))
	defer cancel()
	p, err := process(ctx, h, "start", n.root(h), n.name, arguments...)
	if err != nil {
		return Process{}, err
	}
	pause := time.NewTicker(25 * time.Millisecond)
	defer pause.Stop()
	for {
		silent := answers(ctx, h)
		// Asked after the answer: a stranger on our port may have given it while ours was dying.
		now, err := n.Process(ctx, h)
		switch {
		case err == nil && silent == nil && now == p:
			return p, nil
		case errors.Is(err, ErrNotRunning) || err == nil && now != p:
			return Process{}, n.died(ctx, h, errors.New("it ended at once"))
		case ctx.Err() != nil:
			return Process{}, n.died(ctx, h, context.Cause(ctx))
		case err != nil:
			return Process{}, err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return Process{}, n.died(ctx, h, context.Cause(ctx))
		}
	}
}

// died is the error of a node that would not start: with what its log says last, and as the hint
// with some more of it. How it exited only the host's first process knows.
func (n *nodes) died(ctx context.Context, h *Host, reason error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortGrace)
	defer cancel()
	result, err := h.Run(ctx, Command{Script: `tail -n 10 "$1"`, Args: []string{n.log(h)}})
	hint := "its log is empty"
	if text := strings.TrimSpace(string(result.Stdout)); err == nil && text != "" {
		reason = fmt.Errorf("%w; its log ends: %.200s", reason, lastLine(result.Stdout))
		hint = "its last log lines:\n" + text
	}
	return h.fail("start "+n.name, hint, reason)
}

// Kill ends the node with SIGKILL.
func (n *nodes) Kill(ctx context.Context, h *Host) error {
	_, err := process(ctx, h, "kill", n.root(h), n.name)
	return err
}

// Stop asks the node to end with SIGTERM.
func (n *nodes) Stop(ctx context.Context, h *Host) error {
	_, err := process(ctx, h, "stop", n.root(h), n.name)
	return err
}

// Process finds the running node.
func (n *nodes) Process(ctx context.Context, h *Host) (Process, error) {
	return process(ctx, h, "find", n.root(h), n.name)
}

// Wipe empties the data directory.
func (n *nodes) Wipe(ctx context.Context, h *Host) error {
	if err := n.valid(); err != nil {
		return h.fail("wipe", "", err)
	}
	_, err := process(ctx, h, "wipe", n.root(h), n.name)
	return err
}

// Remove removes the run root; the cache of binaries stays.
func (n *nodes) Remove(ctx context.Context, h *Host) error {
	if err := n.valid(); err != nil {
		return h.fail("remove", "", err)
	}
	_, err := process(ctx, h, "remove", n.root(h), n.name)
	return err
}

// logs fetches NAME.log, and writes the command line to NAME.args, an argument a line. A node that
// never started has no log, and none is written.
func (n *nodes) logs(ctx context.Context, h *Host, dir string, arguments []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return h.fail("logs", "", err)
	}
	text := redact.String(strings.Join(arguments, "\n") + "\n")
	if err := os.WriteFile(filepath.Join(dir, n.name+".args"), []byte(text), 0o644); err != nil {
		return h.fail("logs", "", err)
	}
	path := filepath.Join(dir, n.name+".log")
	file, err := os.Create(path)
	if err != nil {
		return h.fail("logs", "", err)
	}
	_, err = h.GetLog(ctx, n.log(h), file, logLimit)
	err = errors.Join(err, file.Close())
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Remove(path)
	}
	return h.fail("logs", "", err)
}

// ask makes one HTTP request of a node through its host's SSH connection, and returns the body of
// an answer whose status is 200. With a body to send it is a POST of JSON.
func (n *nodes) ask(ctx context.Context, h *Host, url string, send []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	method := http.MethodGet
	if send != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(send))
	if err != nil {
		return nil, err
	}
	if send != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	client, ok := n.clients[h.Name()]
	if !ok {
		return nil, errors.New("not a host of this target")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", request.URL.Path, response.Status)
	}
	return body, nil
}
