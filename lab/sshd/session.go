package sshd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// Path is $PATH of commands.
const Path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Payloads of session requests (RFC 4254, section 6).
type (
	execRequest struct{ Command string }
	envRequest  struct{ Name, Value string }
	ptyRequest  struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	windowRequest struct{ Columns, Rows, Width, Height uint32 }
	signalRequest struct{ Signal string }
	exitStatus    struct{ Status uint32 }
	exitSignal    struct {
		Signal     string
		CoreDumped bool
		Message    string
		Language   string
	}
)

// signals are those that RFC 4254, section 6.10, names.
var signals = map[string]unix.Signal{
	"ABRT": unix.SIGABRT, "ALRM": unix.SIGALRM, "FPE": unix.SIGFPE, "HUP": unix.SIGHUP,
	"ILL": unix.SIGILL, "INT": unix.SIGINT, "KILL": unix.SIGKILL, "PIPE": unix.SIGPIPE,
	"QUIT": unix.SIGQUIT, "SEGV": unix.SIGSEGV, "TERM": unix.SIGTERM,
	"USR1": unix.SIGUSR1, "USR2": unix.SIGUSR2,
}

// session is one channel and the command that runs in it.
type session struct {
	channel ssh.Channel
	env     []string
	home    string
	pty     *ptyRequest
	command *exec.Cmd  // nil until started
	ours    []*os.File // our ends of its pipes or terminal
	outputs sync.WaitGroup

	mu      sync.Mutex
	running bool // its process exists, so its number is not yet another's
}

func serveSession(incoming ssh.NewChannel, conn ssh.ConnMetadata, c Config) {
	channel, requests, err := incoming.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	s := &session{channel: channel, home: c.Home, env: environment(conn, c)}
	for r := range requests {
		ok := s.handle(r.Type, r.Payload) == nil
		if r.WantReply {
			r.Reply(ok, nil)
		}
		if ok && (r.Type == "exec" || r.Type == "shell") {
			go s.finish()
		}
	}
	s.hangUp()
}

func environment(conn ssh.ConnMetadata, c Config) []string {
	clientHost, clientPort, _ := net.SplitHostPort(conn.RemoteAddr().String())
	host, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	return []string{
		"HOME=" + c.Home, "USER=" + c.User, "LOGNAME=" + c.User, "SHELL=/bin/sh", "PATH=" + Path,
		fmt.Sprintf("SSH_CLIENT=%s %s %s", clientHost, clientPort, port),
		fmt.Sprintf("SSH_CONNECTION=%s %s %s %s", clientHost, clientPort, host, port),
	}
}

var errRefused = errors.New("refused")

// handle carries out one request; an error is a refusal.
func (s *session) handle(kind string, payload []byte) error {
	switch kind {
	case "exec":
		var r execRequest
		if err := ssh.Unmarshal(payload, &r); err != nil {
			return err
		}
		return s.start("/bin/sh", "-c", r.Command)
	case "shell":
		return s.start("-sh") // the dash asks for a login shell
	case "pty-req":
		var r ptyRequest
		if err := ssh.Unmarshal(payload, &r); err != nil || s.command != nil {
			return errRefused
		}
		s.pty = &r
		return nil
	case "window-change":
		var r windowRequest
		if err := ssh.Unmarshal(payload, &r); err != nil {
			return err
		}
		return s.resize(r)
	case "signal":
		var r signalRequest
		if err := ssh.Unmarshal(payload, &r); err != nil {
			return err
		}
		return s.signal(signals[r.Signal])
	case "env":
		var r envRequest
		if err := ssh.Unmarshal(payload, &r); err != nil {
			return err
		}
		if r.Name != "LANG" && !strings.HasPrefix(r.Name, "LC_") {
			return errRefused // Debian's AcceptEnv
		}
		s.env = append(s.env, r.Name+"="+r.Value)
		return nil
	default:
		return errRefused
	}
}

// start runs /bin/sh under the given arguments in a session, hence process group, of its own.
func (s *session) start(args ...string) error {
	if s.command != nil {
		return errRefused
	}
	c := &exec.Cmd{Path: "/bin/sh", Args: args, Env: s.env, Dir: s.home}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var theirs []*os.File
	var err error
	if s.pty != nil {
		theirs, err = s.openTerminal(c)
	} else {
		theirs, err = s.openPipes(c)
	}
	if err == nil {
		err = c.Start()
	}
	closeAll(theirs)
	if err != nil {
		closeAll(s.ours)
		return err
	}
	s.command, s.running = c, true
	s.copy()
	return nil
}

func (s *session) openTerminal(c *exec.Cmd) ([]*os.File, error) {
	master, slave, err := pty.Open()
	if err != nil {
		return nil, err
	}
	s.ours = []*os.File{master}
	r := s.pty
	c.Env = append(c.Env, "TERM="+r.Term, "SSH_TTY="+slave.Name())
	c.SysProcAttr.Setctty = true // of descriptor 0
	c.Stdin, c.Stdout, c.Stderr = slave, slave, slave
	return []*os.File{slave}, s.resize(windowRequest{r.Columns, r.Rows, r.Width, r.Height})
}

func (s *session) openPipes(c *exec.Cmd) ([]*os.File, error) {
	var theirs []*os.File
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			return theirs, err
		}
		if i == 0 {
			r, w = w, r
		}
		s.ours, theirs = append(s.ours, r), append(theirs, w)
	}
	c.Stdin, c.Stdout, c.Stderr = theirs[0], theirs[1], theirs[2]
	return theirs, nil
}

// copy starts moving data between the channel and the command.
func (s *session) copy() {
	stdin, outputs := s.ours[0], s.ours[1:]
	if s.pty != nil {
		outputs = s.ours
	}
	go func() {
		io.Copy(stdin, s.channel)
		if s.pty == nil {
			stdin.Close()
		}
	}()
	for i, f := range outputs {
		var to io.Writer = s.channel
		if i == 1 {
			to = s.channel.Stderr()
		}
		s.outputs.Go(func() {
			io.Copy(to, f) // a terminal ends with EIO
			f.Close()      // the next write of the command, if any, is its last
		})
	}
}

// finish says how the command ended, and closes the channel once its output has.
func (s *session) finish() {
	pid := s.command.Process.Pid
	for { // leave it a zombie, so that nobody gets its number while signal may be using it
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	s.mu.Lock()
	s.running = false
	s.command.Wait()
	s.mu.Unlock()
	s.sendExit(s.command.ProcessState.Sys().(syscall.WaitStatus))
	s.outputs.Wait()
	s.channel.CloseWrite()
	s.channel.Close()
}

func (s *session) sendExit(w syscall.WaitStatus) {
	if !w.Signaled() {
		s.channel.SendRequest("exit-status", false, ssh.Marshal(exitStatus{uint32(w.ExitStatus())}))
		return
	}
	name := strings.TrimPrefix(unix.SignalName(w.Signal()), "SIG")
	s.channel.SendRequest("exit-signal", false, ssh.Marshal(exitSignal{
		Signal: name, CoreDumped: w.CoreDump(), Message: w.Signal().String(),
	}))
}

// signal reaches the command's process group, but not what has left it with setsid.
func (s *session) signal(number unix.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running || number == 0 {
		return errRefused
	}
	return unix.Kill(-s.command.Process.Pid, number)
}

func (s *session) resize(r windowRequest) error {
	if s.pty == nil || len(s.ours) == 0 {
		return errRefused
	}
	terminal, err := s.ours[0].SyscallConn() // not Fd: it may be closed meanwhile
	if err != nil {
		return err
	}
	size := unix.Winsize{
		Row: uint16(r.Rows), Col: uint16(r.Columns), Xpixel: uint16(r.Width), Ypixel: uint16(r.Height),
	}
	failure := terminal.Control(func(fd uintptr) {
		err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &size)
	})
	return errors.Join(failure, err)
}

// hangUp is the end of the channel, from whichever side.
func (s *session) hangUp() {
	s.signal(unix.SIGHUP)
	closeAll(s.ours) // ends copying from commands that ignore it, or left a job behind
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
