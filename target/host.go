package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// maxChannels bounds the commands and tunnels open on one host at a time. OpenSSH refuses an
// eleventh session on a connection (MaxSessions); we use eight channels, one of them for
// killing.
const maxChannels = 8 - 1

// Host is a machine reached over SSH. It may be used by any number of goroutines; a caller waits
// while maxChannels are in use. A connection that broke is replaced when it is next needed.
type Host struct {
	config     HostConfig
	home       string
	controller string
	root       bool  // commands can be root's
	rootLogin  bool  // all are, already
	jump       *Host // the way to it; nil: direct

	channels chan struct{} // holds a token for each open channel
	dialling chan struct{} // a mutex for reconnecting whose waiters can give up

	life context.Context // ends with Close
	end  context.CancelFunc

	mu      sync.Mutex
	current *connection // may have ended
}

// Connect reaches a host and learns where it is: its home directory and our address.
// Errors are *HostError: ErrUnreachable, ErrThrottled, ErrHostKey, ErrAuthentication, ErrSessions
// or ErrBecome tell why. If there are words to become root, they must work.
func Connect(ctx context.Context, cfg HostConfig) (*Host, error) {
	h, err := newHost(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Address == "" {
		return nil, h.fail("connect", "", errors.New("no data address"))
	}
	for _, step := range []func(context.Context) error{
		h.countSessions, h.introduce, h.becomeRoot,
	} {
		if err := step(ctx); err != nil {
			h.Close()
			return nil, err
		}
	}
	return h, nil
}

// complete fills in the defaults and names what is missing.
func (cfg HostConfig) complete() (HostConfig, error) {
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = defaultConnectTimeout
	}
	if cfg.KeepAlive <= 0 {
		cfg.KeepAlive = defaultKeepAlive
	}
	var problem string
	if err := checkAddress("tcp", cfg.SSH); err != nil {
		problem = fmt.Sprintf("SSH address is not host:port: %v", err)
	} else if cfg.Address != "" && net.ParseIP(cfg.Address) == nil {
		problem = fmt.Sprintf("data address %q is not an IP address", cfg.Address)
	} else if cfg.User == "" {
		problem = "no user"
	} else if cfg.KeyFile == "" && !cfg.Agent {
		problem = "neither a key file nor the agent to authenticate with"
	} else {
		return cfg, nil
	}
	return cfg, &HostError{Host: cfg.Name, Op: "connect", Err: errors.New(problem)}
}

// introduce runs the first command. Without SSH_CONNECTION no fault could spare our own
// connection.
func (h *Host) introduce(ctx context.Context) error {
	result, err := h.RunOK(ctx, Command{
		Script: `printf '%s\n%s\n%s\n' "$HOME" "${SSH_CONNECTION%% *}" "$(id -u)"`,
	})
	if err != nil {
		return err
	}
	lines := strings.Split(string(result.Stdout), "\n")
	if len(lines) != 4 {
		lines = make([]string, 4)
	}
	controller, err := netip.ParseAddr(lines[1])
	if err != nil || !strings.HasPrefix(lines[0], "/") {
		return h.fail("connect", "", fmt.Errorf("no HOME or SSH_CONNECTION in its environment: %q",
			result.Stdout))
	}
	h.home, h.controller = lines[0], controller.Unmap().WithZone("").String()
	h.rootLogin = lines[2] == "0"
	h.root = h.rootLogin
	return nil
}

// becomeRoot proves that commands can be root's, if the configuration says so.
func (h *Host) becomeRoot(ctx context.Context) error {
	if h.rootLogin || len(h.config.Become) == 0 {
		return nil
	}
	result, err := h.RunOK(ctx, Command{Script: "id -u", Root: true})
	if err != nil {
		return err
	}
	if who := lastLine(result.Stdout); who != "0" {
		return h.becomeError(fmt.Sprintf("%q makes us uid %s", strings.Join(h.config.Become, " "), who),
			"it must make root of us")
	}
	h.root = true
	return nil
}

// Name is the host's name in this run.
func (h *Host) Name() string { return h.config.Name }

// Address is the host's IP address on the data network.
func (h *Host) Address() string { return h.config.Address }

// Disk is where a lossy disk is mounted that is to hold the nodes' data; "" if none is.
func (h *Host) Disk() string { return h.config.Disk }

// Home is the SSH user's home directory, absolute.
func (h *Host) Home() string { return h.home }

// Controller is the IP address from which the host sees this controller come.
func (h *Host) Controller() string { return h.controller }

// Root reports whether commands that ask for root get it: the login is root, or became it when we
// connected.
func (h *Host) Root() bool { return h.root }

// Close ends the connection and everything that runs through it. Detached processes live on.
func (h *Host) Close() {
	h.end()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.current != nil {
		h.current.client.Close()
	}
	if h.jump != nil {
		h.jump.Close()
	}
}

// Probe proves that the host can be reached afresh: it makes a new SSH connection,
// authenticates and runs a command, without using the connection there is.
func (h *Host) Probe(ctx context.Context) error {
	c, err := connect(ctx, h.config)
	if err != nil {
		return err
	}
	defer c.client.Close()
	_, err = c.run(ctx, job{line: "exec true"}, func() {})
	return h.fail("probe", "", err)
}

// connection returns a live connection, a new one if need be.
func (h *Host) connection(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(h.life, func() { cancel(ErrClosed) })()

	select {
	case h.dialling <- struct{}{}:
		defer func() { <-h.dialling }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	h.mu.Lock()
	c := h.current
	h.mu.Unlock()
	if h.life.Err() != nil {
		return nil, ErrClosed
	}
	if c != nil && c.alive() {
		return c, nil
	}
	c, err := connect(ctx, h.config)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.life.Err() != nil { // closed meanwhile: Close has not seen this one
		c.client.Close()
		return nil, ErrClosed
	}
	h.current = c
	return c, nil
}

// acquire waits for a channel to become free.
func (h *Host) acquire(ctx context.Context) error {
	select {
	case h.channels <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("all %d channels in use: %w", cap(h.channels), context.Cause(ctx))
	case <-h.life.Done():
		return ErrClosed
	}
}

func (h *Host) release() { <-h.channels }

// fail makes err a *HostError of this host, unless it is nil or is one already.
func (h *Host) fail(op, hint string, err error) error {
	if _, done := err.(*HostError); done || err == nil {
		return err
	}
	return &HostError{h.Name(), op, hint, err}
}

// Each calls f for every host at once and waits for all. The errors, each naming its host, are
// joined in the order of the hosts; one host's error does not stop the others.
func Each(ctx context.Context, hosts []*Host, f func(context.Context, *Host) error) error {
	failures := make([]error, len(hosts))
	var wait sync.WaitGroup
	for i, h := range hosts {
		wait.Go(func() {
			err := f(ctx, h)
			named, ok := errors.AsType[*HostError](err)
			if err != nil && (!ok || named.Host != h.Name()) {
				err = fmt.Errorf("%s: %w", h.Name(), err)
			}
			failures[i] = err
		})
	}
	wait.Wait()
	return errors.Join(failures...)
}
