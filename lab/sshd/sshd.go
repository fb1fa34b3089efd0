// Package sshd is the SSH server of a lab host: one user, one key, commands and terminals through
// /bin/sh, and TCP forwarding from the host. What it does, it does as OpenSSH does, so that nothing
// works in the lab that would fail on a machine:
//
//   - a command that leaves a background job holding its output keeps its channel open;
//   - what a command detached with setsid(1) outlives the connection;
//   - a connection carries at most ten sessions.
//
// One difference: a command whose channel is closed gets SIGHUP even without a terminal.
// OpenSSH's own sshd cannot run in a user namespace that maps a single user.
package sshd

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// Config is who may enter, and as whom.
type Config struct {
	HostKey       ssh.Signer
	AuthorizedKey ssh.PublicKey
	User          string
	Home          string // $HOME, and where commands start
}

const (
	maxSessions      = 10 // of a connection: OpenSSH's MaxSessions
	handshakeTimeout = 10 * time.Second
)

// Serve accepts connections until the listener is closed.
func Serve(listener net.Listener, c Config) error {
	server := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-Gauntlet",
		PublicKeyCallback: func(m ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			if m.User() == c.User && bytes.Equal(k.Marshal(), c.AuthorizedKey.Marshal()) {
				return nil, nil
			}
			return nil, errors.New("not authorized")
		},
	}
	server.AddHostKey(c.HostKey)
	for {
		conn, err := listener.Accept()
		var transient interface{ Temporary() bool }
		switch {
		case err == nil:
			go serveConn(conn, server, c)
		case errors.As(err, &transient) && transient.Temporary(): // out of descriptors
			time.Sleep(10 * time.Millisecond)
		default:
			return err
		}
	}
}

// DefaultSignals undoes what nohup(1), or a shell that starts a background job, did to this
// process: ignored signals are inherited, and a command that inherits them can neither be stopped
// by them nor trap them. A signal that is caught instead has its default action in commands.
func DefaultSignals() {
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP,
		unix.SIGTTIN, unix.SIGTTOU)
}

func serveConn(raw net.Conn, server *ssh.ServerConfig, c Config) {
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(handshakeTimeout))
	conn, channels, requests, err := ssh.NewServerConn(raw, server)
	if err != nil {
		return
	}
	raw.SetDeadline(time.Time{})
	go ssh.DiscardRequests(requests) // keepalive@openssh.com is answered: refused is an answer
	var sessions atomic.Int32
	for incoming := range channels {
		switch incoming.ChannelType() {
		case "session":
			if sessions.Add(1) > maxSessions {
				sessions.Add(-1)
				incoming.Reject(ssh.ResourceShortage, "too many sessions")
				continue
			}
			go func() {
				defer sessions.Add(-1)
				serveSession(incoming, conn, c)
			}()
		case "direct-tcpip":
			go forward(incoming)
		default:
			incoming.Reject(ssh.UnknownChannelType, "unknown channel type")
		}
	}
}
