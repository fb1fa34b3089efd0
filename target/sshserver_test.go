package target

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// server is an SSH server on loopback that behaves as OpenSSH does where it matters to us: a
// command runs in a session of its own in a home directory, signal requests are refused, as they
// are for root, and what has detached itself outlives its channel. Only the hang-up when a channel
// closes is not OpenSSH's: it keeps tests from leaving processes behind.
type server struct {
	t        *testing.T
	home     string
	listener net.Listener
	config   *ssh.ServerConfig
	allowed  ssh.PublicKey

	path        string       // goes before the PATH of commands
	shell       string       // what the login shell does first
	maxSessions atomic.Int64 // open at a time; 0: any number
	sessions    atomic.Int64 // open now
	turnAway    atomic.Int64 // how many connections to close unheard before the next
	words       string       // that it says to those
	forwarding  bool         // tunnels are allowed

	refusals atomic.Int64 // how many channels to refuse before the next
	logins   atomic.Int64 // authenticated connections so far
	open     atomic.Int64 // channels open now
	mostOpen atomic.Int64 // ... and at most at one time
	serving  sync.WaitGroup
}

// site is a server together with what a client needs to reach it.
type site struct {
	*server
	config HostConfig
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return signer(t, key, err)
}

func newECDSA(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return signer(t, key, err)
}

func newRSA(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	return signer(t, key, err)
}

func signer(t *testing.T, key any, err error) ssh.Signer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// writeKey makes a user's key and returns the file and the public half.
func writeKey(t *testing.T, passphrase string) (string, ssh.PublicKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "test")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "test", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	write(t, file, string(pem.EncodeToMemory(block)))
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return file, public
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newSite starts a server that shows the given host keys, or a new one.
func newSite(t *testing.T, hostKeys ...ssh.Signer) *site {
	t.Helper()
	if len(hostKeys) == 0 {
		hostKeys = []ssh.Signer{newSigner(t)}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, public := writeKey(t, "")
	s := &server{t: t, home: t.TempDir(), listener: listener, allowed: public, forwarding: true}
	s.config = &ssh.ServerConfig{PublicKeyCallback: s.authorize}
	for _, key := range hostKeys {
		s.config.AddHostKey(key)
	}
	known := filepath.Join(t.TempDir(), "known_hosts")
	address := listener.Addr().String()
	write(t, known, knownhosts.Line([]string{address}, hostKeys[0].PublicKey())+"\n")

	s.serving.Go(s.accept)
	t.Cleanup(func() {
		listener.Close()
		s.serving.Wait()
	})
	return &site{s, HostConfig{
		Name: "n1", Address: "127.0.0.1", SSH: address, User: "tester",
		KeyFile: file, KnownHosts: known,
	}}
}

// host connects to the site.
func (s *site) host(t *testing.T) *Host {
	t.Helper()
	h, err := Connect(t.Context(), s.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

func (s *server) authorize(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if string(key.Marshal()) != string(s.allowed.Marshal()) {
		return nil, errors.New("not allowed")
	}
	return nil, nil
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		if s.turnAway.Add(-1) >= 0 {
			_, _ = io.WriteString(conn, s.words)
			conn.Close()
			continue
		}
		s.serving.Go(func() { s.serve(conn) })
	}
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	link, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	s.logins.Add(1)
	go ssh.DiscardRequests(requests)
	for offer := range channels {
		if s.refusals.Add(-1) >= 0 {
			_ = offer.Reject(ssh.ConnectionFailed, "open failed")
			continue
		}
		now := s.open.Add(1)
		for most := s.mostOpen.Load(); now > most && !s.mostOpen.CompareAndSwap(most, now); {
			most = s.mostOpen.Load()
		}
		s.serving.Go(func() {
			switch offer.ChannelType() {
			case "session":
				if most := s.maxSessions.Load(); s.sessions.Add(1) > most && most > 0 {
					_ = offer.Reject(ssh.ConnectionFailed, "open failed")
				} else {
					s.session(link, offer)
				}
				s.sessions.Add(-1)
			case "direct-tcpip":
				s.forward(offer)
				s.open.Add(-1)
			default:
				_ = offer.Reject(ssh.UnknownChannelType, "no")
			}
		})
	}
}

// forward connects a direct-tcpip channel to its address (RFC 4254, section 7.2).
func (s *server) forward(offer ssh.NewChannel) {
	var to struct {
		Host       string
		Port       uint32
		Origin     string
		OriginPort uint32
	}
	if !s.forwarding {
		_ = offer.Reject(ssh.Prohibited, "open failed")
		return
	}
	if err := ssh.Unmarshal(offer.ExtraData(), &to); err != nil {
		_ = offer.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	conn, err := net.Dial("tcp", net.JoinHostPort(to.Host, fmt.Sprint(to.Port)))
	if err != nil {
		_ = offer.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := offer.Accept()
	if err != nil {
		conn.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(conn, channel); conn.Close() }()
	_, _ = io.Copy(channel, conn)
	channel.Close()
	conn.Close()
}

// session runs the one command of a session channel (RFC 4254, section 6).
func (s *server) session(link ssh.ConnMetadata, offer ssh.NewChannel) {
	channel, requests, err := offer.Accept()
	if err != nil {
		return
	}
	defer func() {
		s.open.Add(-1) // first: the client may open the next as soon as it has seen this one close
		channel.Close()
	}()
	var cmd *exec.Cmd
	ended := make(chan error, 1)
	for {
		select {
		case request, ok := <-requests:
			if !ok {
				if cmd != nil {
					_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGHUP)
					<-ended
				}
				return
			}
			var text struct{ Value string }
			_ = ssh.Unmarshal(request.Payload, &text)
			switch {
			case request.Type == "exec" && cmd == nil:
				cmd = s.start(link, channel, text.Value, ended)
				_ = request.Reply(cmd != nil, nil)
			default:
				_ = request.Reply(false, nil)
			}
		case <-ended:
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			code := uint32(status.ExitStatus())
			if status.Signaled() {
				code = 128 + uint32(status.Signal())
			}
			payload := ssh.Marshal(struct{ Code uint32 }{code})
			_, _ = channel.SendRequest("exit-status", false, payload)
			return
		}
	}
}

func (s *server) start(
	link ssh.ConnMetadata, channel ssh.Channel, line string, ended chan<- error,
) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", s.shell+line)
	cmd.Dir = s.home
	from := strings.ReplaceAll(link.RemoteAddr().String(), ":", " ")
	to := strings.ReplaceAll(link.LocalAddr().String(), ":", " ")
	cmd.Env = []string{
		"HOME=" + s.home, "PATH=" + s.path + os.Getenv("PATH"), "SSH_CONNECTION=" + from + " " + to,
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return nil
	}
	go func() { _, _ = io.Copy(stdin, channel); stdin.Close() }()
	go func() { ended <- cmd.Wait() }()
	return cmd
}

// wire is a DialFunc whose connections a test can cut, or freeze as a dead host does: nothing
// that is sent arrives, and nothing comes.
type wire struct {
	mu    sync.Mutex
	conns []*wireConn
}

type wireConn struct {
	net.Conn
	read   atomic.Int64
	frozen atomic.Bool
	closed chan struct{}
	once   sync.Once
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &wireConn{Conn: conn, closed: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, c)
	return c, nil
}

func (w *wire) each(f func(*wireConn)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		f(c)
	}
}

// received is how many bytes came so far.
func (w *wire) received() (n int64) {
	w.each(func(c *wireConn) { n += c.read.Load() })
	return n
}

func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	if c.frozen.Load() {
		<-c.closed
		return 0, net.ErrClosed
	}
	return n, err
}

func (c *wireConn) Write(p []byte) (int, error) {
	if c.frozen.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *wireConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
