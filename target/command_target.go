package target

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gauntlet/history"
	"gauntlet/redact"
)

//go:embed sweep.sh
var sweepScript string

const (
	readyTimeout = 5 * time.Second // of one ready check
	stopTimeout  = 20 * time.Second
)

// CommandSpec describes a target of which nothing is known but the commands that run it.
//
// Commands are POSIX shell scripts, run in the run root. They, DataDir, Logs and the templates of
// files are text/templates over CommandNode.
type CommandSpec struct {
	Nodes   int
	Files   []CommandFile // put into the run root before the first start
	Start   string        // becomes the node's process: it should end with "exec PROGRAM ..."
	Ready   string        // exits 0 once the node answers; "": its client port can be reached
	Stop    string        // ends the node when the run is over, if it runs; "": it is killed only
	Observe string        // prints what the node believes, as a CommandStatus; "": it tells nothing
	DataDir string        // an absolute path, in which the data gets a directory; "": the run root
	Logs    []string      // files to fetch besides what the process prints; a missing one is none

	ClientPort int
	PeerPort   int      // what partitions cut between nodes; may be the same as ClientPort
	Client     []string // program on the controller, and arguments: see client.NewProgram

	ElectionTimeout time.Duration // what "ET" means in the suite
}

// CommandFile is a file of a node in the run root. Just one of Template and From is set.
type CommandFile struct {
	Path     string // relative to the run root, without ".."
	Template string // text of the file
	From     string // file on the controller, which is uploaded as it is and made executable
}

// CommandStatus is the JSON object that the observe command prints: one atomic read of its node.
// Role is required; all else is left out where the system has no such thing.
type CommandStatus struct {
	Term    uint64       `json:"term"`
	Role    history.Role `json:"role"`   // follower, pre-candidate, candidate, leader
	Leader  string       `json:"leader"` // name of the node that it takes for the leader
	Commit  uint64       `json:"commit"`
	Applied uint64       `json:"applied"`
}

// command is the Target of a CommandSpec.
type command struct {
	nodes
	spec  CommandSpec
	files func() ([]program, error) // the files that are uploaded as they are
}

// NewCommand makes a target of commands on the hosts of a run, whose name is 8 hexadecimal digits.
// What is wrong with the arguments is reported by Deploy.
func NewCommand(spec CommandSpec, run string, hosts []*Host) Target {
	c := &command{nodes: newNodes("command", run, spec.Nodes, hosts), spec: spec}
	c.files = sync.OnceValues(c.readFiles)
	return c
}

func (c *command) PeerPort() int { return c.spec.PeerPort }

func (c *command) ClientAddress(h *Host) string { return address(h, c.spec.ClientPort) }

func (c *command) readFiles() ([]program, error) {
	var files []program
	for _, file := range c.spec.Files {
		if file.From == "" {
			continue
		}
		p, err := readProgram(file.From)
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", file.Path, err)
		}
		files = append(files, p)
	}
	return files, nil
}

// Deploy makes the run root and the data directory, and puts the files there.
func (c *command) Deploy(ctx context.Context, h *Host) error {
	if err := c.spec.Valid(); err != nil {
		return h.fail("deploy", "", err)
	}
	uploads, err := c.files()
	if err != nil {
		return h.fail("deploy", "", err)
	}
	plan, err := c.plan(h)
	if err != nil {
		return h.fail("deploy", "", err)
	}
	if err := c.deploy(ctx, h, uploads...); err != nil {
		return err
	}
	if err := c.data(ctx, h, `[ -d "${1%/*}" ] || { echo "${1%/*} is no directory" >&2; exit 1; }
		umask 077 && mkdir -p "$1"`); err != nil {
		return err
	}
	for _, file := range plan.files {
		if err := c.put(ctx, h, file, &uploads); err != nil {
			return err
		}
	}
	return nil
}

// put makes one file of the run root: from its text, or from the next of the uploads.
func (c *command) put(ctx context.Context, h *Host, file CommandFile, uploads *[]program) error {
	at := c.root(h) + "/" + file.Path
	from := ""
	if file.From != "" {
		from, *uploads = (*uploads)[0].path, (*uploads)[1:]
	}
	_, err := h.RunOK(ctx, Command{
		Script: `umask 077 && mkdir -p "$(dirname "$1")" || exit 1
			[ -z "$2" ] || ln -f -- "$2" "$1" 2>/dev/null || cp -f -- "$2" "$1"`,
		Args: []string{at, from},
	})
	if err != nil {
		return h.reword("deploy "+file.Path, err)
	}
	if from != "" {
		return nil
	}
	return h.Put(ctx, at, 0o600, strings.NewReader(file.Template))
}

// data runs a script about the data directory, $1, unless it lies in the run root.
func (c *command) data(ctx context.Context, h *Host, script string) error {
	if c.spec.DataDir == "" {
		return nil
	}
	plan, err := c.plan(h)
	if err != nil {
		return h.fail("data-dir", "", err)
	}
	_, err = h.RunOK(ctx, Command{Script: script, Args: []string{plan.data}})
	return h.reword("data-dir", err)
}

// mark is what stands in the environment of a node's process, and so of everything that this
// starts: by it all are found again.
func (c *command) mark(h *Host) string { return "GAUNTLET_NODE=" + h.Name() + ":" + c.run }

// arguments are the command line of a node's process.
func (c *command) arguments(h *Host, start string) []string {
	return []string{"env", c.mark(h), "sh", "-c", inRoot + start, "sh", c.root(h)}
}

// inRoot is how every command begins; $1 is the run root.
const inRoot = `PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH; cd "$1" || exit 1
`

// Start starts the node and waits until it is ready. An observe command that prints what it should
// not is an error here: later, nobody could tell it from a node that says nothing.
func (c *command) Start(ctx context.Context, h *Host) (Process, error) {
	plan, err := c.plan(h)
	if err != nil {
		return Process{}, h.fail("start command", "", err)
	}
	if _, err := c.Process(ctx, h); errors.Is(err, ErrNotRunning) {
		if err := c.sweep(ctx, h); err != nil {
			return Process{}, err
		}
	}
	p, err := c.start(ctx, h, c.arguments(h, plan.start),
		func(ctx context.Context, h *Host) error { return c.ready(ctx, h, plan.ready) })
	if err != nil {
		return Process{}, err
	}
	var wrong *statusError
	if _, err := c.Observe(ctx, h); errors.As(err, &wrong) {
		return Process{}, h.fail("start command", "", wrong)
	}
	return p, nil
}

func (c *command) ready(ctx context.Context, h *Host, check string) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if check != "" {
		_, err := h.RunOK(ctx, c.script(h, check))
		return err
	}
	conn, err := h.Dial(ctx, "tcp", c.ClientAddress(h))
	if err == nil {
		conn.Close()
	}
	return err
}

// script is a command of the spec as it is run on a host.
func (c *command) script(h *Host, text string) Command {
	return Command{Script: inRoot + text, Args: []string{c.root(h)}, MaxOutput: answerLimit}
}

// sweep kills everything that a node's process has left behind.
func (c *command) sweep(ctx context.Context, h *Host) error {
	_, err := h.RunOK(ctx, Command{Script: sweepScript, Args: []string{c.mark(h)}})
	return h.reword("kill command", err)
}

// Kill runs the stop command, if there is one, and kills what is left of the node: its process and
// all that this has started.
func (c *command) Kill(ctx context.Context, h *Host) error {
	if err := c.valid(); err != nil {
		return h.fail("kill command", "", err)
	}
	stopped := c.stop(ctx, h)
	return errors.Join(stopped, c.nodes.Kill(ctx, h), c.sweep(ctx, h))
}

// Stop runs the stop command, or else asks the node's process to end, and kills what is left.
func (c *command) Stop(ctx context.Context, h *Host) error {
	if c.spec.Stop != "" {
		return c.Kill(ctx, h)
	}
	return errors.Join(c.nodes.Stop(ctx, h), c.sweep(ctx, h))
}

func (c *command) stop(ctx context.Context, h *Host) error {
	if c.spec.Stop == "" {
		return nil
	}
	plan, err := c.plan(h)
	if err != nil {
		return h.fail("stop command", "", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, stopTimeout,
		fmt.Errorf("not done within %v", stopTimeout))
	defer cancel()
	stop := c.script(h, plan.stop)
	stop.Script = `[ -d "$1" ] || exit 0
` + stop.Script
	_, err = h.RunOK(ctx, stop)
	return h.reword("stop command", err)
}

// Wipe empties the data directory.
func (c *command) Wipe(ctx context.Context, h *Host) error {
	if err := c.nodes.Wipe(ctx, h); err != nil {
		return err
	}
	return c.data(ctx, h, `umask 077 && rm -rf -- "$1" && mkdir -p -- "$1"`)
}

// Remove removes the data directory and the run root; the cache of files stays.
func (c *command) Remove(ctx context.Context, h *Host) error {
	if err := c.valid(); err != nil {
		return h.fail("remove", "", err)
	}
	if _, err := c.Process(ctx, h); !errors.Is(err, ErrNotRunning) {
		return errors.Join(err, c.nodes.Remove(ctx, h)) // which says who is running
	}
	if err := c.data(ctx, h, `rm -rf -- "$1"`); err != nil {
		return err
	}
	return c.nodes.Remove(ctx, h)
}

// Logs fetches what the process printed and the other logs, and writes down the files that the node
// was given.
func (c *command) Logs(ctx context.Context, h *Host, dir string) error {
	plan, err := c.plan(h)
	if err != nil {
		return h.fail("logs", "", err)
	}
	if err := c.logs(ctx, h, dir, c.arguments(h, plan.start)); err != nil {
		return err
	}
	for _, file := range plan.files {
		if file.From != "" {
			continue
		}
		at := filepath.Join(dir, flat(file.Path))
		if err := os.WriteFile(at, []byte(redact.String(file.Template)), 0o644); err != nil {
			return h.fail("logs", "", err)
		}
	}
	for _, from := range plan.logs {
		if !path.IsAbs(from) {
			from = c.root(h) + "/" + from
		}
		var text bytes.Buffer
		_, err := h.GetLog(ctx, from, &text, logLimit)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		at := filepath.Join(dir, flat(strings.TrimPrefix(from, c.root(h)+"/")))
		if err := errors.Join(err, os.WriteFile(at, text.Bytes(), 0o644)); err != nil {
			return h.fail("logs", "", err)
		}
	}
	return nil
}

// flat makes one name of a path.
func flat(path string) string {
	return strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")
}

// Claims is nothing: no line of an unknown log is known to be a claim.
func (c *command) Claims(string) ([]history.Observation, error) { return nil, nil }
