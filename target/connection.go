package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const (
	defaultConnectTimeout = 10 * time.Second
	defaultKeepAlive      = 5 * time.Second
)

// connection is one authenticated SSH connection. It closes itself when the peer falls silent.
type connection struct {
	client  *ssh.Client
	ended   chan struct{} // closed when the connection is no more
	killing sync.Mutex    // held by who uses the channel kept for killing
}

// connect dials, checks the host key, authenticates and begins to watch the peer. A server that
// has no time for us is asked again.
func connect(ctx context.Context, cfg HostConfig) (*connection, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.ConnectTimeout,
		fmt.Errorf("no answer within %v: %w", cfg.ConnectTimeout, context.DeadlineExceeded))
	defer cancel()

	keys, err := loadHostKeys(cfg)
	if err != nil {
		return nil, err
	}
	signers, done, err := loadSigners(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer done()

	return connectPatiently(ctx, cfg, func() (*connection, error) {
		conn, err := cfg.Dial(ctx, "tcp", cfg.SSH)
		if err != nil {
			return nil, unreachable(ctx, cfg, err)
		}
		client, err := handshake(ctx, conn, cfg, keys, signers)
		if err != nil {
			return nil, err
		}
		c := &connection{client: client, ended: make(chan struct{})}
		go func() {
			_ = client.Wait()
			close(c.ended)
		}()
		go c.watch(cfg.KeepAlive)
		return c, nil
	})
}

// handshake makes an SSH client of conn, or closes it and says what is wrong.
func handshake(
	ctx context.Context, conn net.Conn, cfg HostConfig, keys *hostKeys, signers []ssh.Signer,
) (*ssh.Client, error) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	greeted := &greetedConn{Conn: conn}
	link, channels, requests, err := ssh.NewClientConn(greeted, cfg.SSH, &ssh.ClientConfig{
		User:              cfg.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signers...)},
		HostKeyCallback:   keys.check,
		HostKeyAlgorithms: keys.algorithms,
	})
	if err == nil && !stop() { // the connection was closed under us at the last moment
		link.Close()
		err = context.Cause(ctx)
	}
	if err == nil {
		return ssh.NewClient(link, channels, requests), nil
	}
	conn.Close()

	if said, away := greeted.turnedAway(err); away && ctx.Err() == nil {
		return nil, &turnedAwayError{said}
	}
	var negotiation *ssh.AlgorithmNegotiationError
	switch {
	case keys.refused != nil:
		return nil, keys.refused
	case errors.As(err, &negotiation) && strings.Contains(negotiation.What, "host key"):
		return nil, keys.otherKind(negotiation.RequestedAlgorithms)
	case strings.Contains(err.Error(), "unable to authenticate"): // x/crypto gives it no type
		return nil, unauthenticated(cfg, signers)
	default:
		return nil, unreachable(ctx, cfg, err)
	}
}

// alive reports whether the connection had not ended just now.
func (c *connection) alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// broke reports whether a channel could not be opened because the connection is no more, and not
// because the server refused it. Nothing that was to go through the channel was sent.
func (c *connection) broke(err error) bool {
	if _, refused := errors.AsType[*ssh.OpenChannelError](err); refused {
		return false
	}
	c.client.Close()
	<-c.ended
	return true
}

// watch asks the peer for a sign of life and closes the connection when none comes: a host that
// lost power, or whose network went away, sends nothing that would tell us.
func (c *connection) watch(interval time.Duration) {
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-c.ended:
			return
		case <-timer.C:
		}
		answered := make(chan struct{})
		go func() {
			// Any answer will do; most servers refuse the request, which is one.
			_, _, _ = c.client.SendRequest("keepalive@openssh.com", true, nil)
			close(answered)
		}()
		timer.Reset(interval)
		select {
		case <-c.ended:
			return
		case <-timer.C:
			c.client.Close()
			return
		case <-answered:
			timer.Reset(interval)
		}
	}
}

// loadSigners collects the private keys to offer. done must be called after the handshake.
func loadSigners(ctx context.Context, cfg HostConfig) ([]ssh.Signer, func(), error) {
	var signers []ssh.Signer
	done := func() {}
	if cfg.KeyFile != "" {
		signer, err := loadKey(cfg)
		if err != nil {
			return nil, done, err
		}
		signers = append(signers, signer)
	}
	if cfg.Agent {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", os.Getenv("SSH_AUTH_SOCK"))
		if err != nil {
			return nil, done, &HostError{cfg.Name, "connect",
				"start ssh-agent and ssh-add the key, or give a key file without a passphrase",
				fmt.Errorf("%w: no SSH agent: %w", ErrAuthentication, err)}
		}
		done = func() { conn.Close() }
		held, err := agent.NewClient(conn).Signers()
		if err != nil {
			done()
			return nil, func() {}, &HostError{cfg.Name, "connect", "check it with: ssh-add -l",
				fmt.Errorf("%w: SSH agent: %w", ErrAuthentication, err)}
		}
		signers = append(signers, held...)
	}
	return signers, done, nil
}

// loadKey reads the private key file of a host.
func loadKey(cfg HostConfig) (ssh.Signer, error) {
	hint := "give a private key file that this user can read"
	text, err := os.ReadFile(cfg.KeyFile)
	if err == nil {
		var signer ssh.Signer
		if signer, err = ssh.ParsePrivateKey(text); err == nil {
			return signer, nil
		}
		err = fmt.Errorf("key file %s: %w", cfg.KeyFile, err)
		if _, locked := errors.AsType[*ssh.PassphraseMissingError](err); locked {
			hint = "add the key to ssh-agent and use the agent instead of the file"
		}
	}
	return nil, &HostError{cfg.Name, "connect", hint, fmt.Errorf("%w: %w", ErrAuthentication, err)}
}

// unauthenticated is the error for a server that accepts none of our keys.
func unauthenticated(cfg HostConfig, signers []ssh.Signer) error {
	offered := "no key"
	for i, s := range signers {
		if i == 0 {
			offered = ssh.FingerprintSHA256(s.PublicKey())
		} else {
			offered += ", " + ssh.FingerprintSHA256(s.PublicKey())
		}
	}
	hint := "add the public key to ~/.ssh/authorized_keys of that user, or give another key or user"
	return &HostError{cfg.Name, "connect", hint,
		fmt.Errorf("%w: %s refuses user %q with %s", ErrAuthentication, cfg.SSH, cfg.User, offered)}
}

// unreachable is the error for a server that cannot be talked to.
func unreachable(ctx context.Context, cfg HostConfig, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx) // why we gave up, not that the socket was closed then
	}
	if err := beyond(cfg, err); err != nil {
		return err
	}
	hint := "check the address, and that an SSH server listens there"
	return &HostError{cfg.Name, "connect", hint,
		fmt.Errorf("%w: %s: %w", ErrUnreachable, cfg.SSH, err)}
}
