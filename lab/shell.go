package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

func (l *Lab) shell(ctx context.Context, name, command string) (int, error) {
	client, err := l.login(ctx, name)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return 0, err
	}
	defer session.Close()
	session.Stdin, session.Stdout, session.Stderr = os.Stdin, os.Stdout, os.Stderr
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		restore, err := useTerminal(session, fd)
		if err != nil {
			return 0, err
		}
		defer restore()
	}
	stop := context.AfterFunc(ctx, func() { client.Close() })
	defer stop()
	if command == "" {
		err = session.Shell()
	} else {
		err = session.Start(command)
	}
	if err == nil {
		err = session.Wait()
	}
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Signal() != "":
		return 255, nil
	case errors.As(err, &exit):
		return exit.ExitStatus(), nil
	default:
		return 0, fmt.Errorf("shell on %s: %w", name, err)
	}
}

// login opens an SSH connection to a host, by name.
func (l *Lab) login(ctx context.Context, name string) (*ssh.Client, error) {
	i := slices.IndexFunc(l.hosts, func(h Host) bool { return h.Name == name })
	if i < 0 {
		return nil, &Error{
			Problem: fmt.Sprintf("no host %q in the lab", name),
			Hint:    fmt.Sprintf("it has n1 to n%d", len(l.hosts)),
		}
	}
	h := l.hosts[i]
	key, err := os.ReadFile(l.KeyFile())
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return nil, err
	}
	known, err := knownhosts.New(l.KnownHostsFile())
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort(h.Address.String(), strconv.Itoa(h.SSHPort))
	raw, err := l.Dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn, channels, requests, err := ssh.NewClientConn(raw, address, &ssh.ClientConfig{
		User: h.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: known,
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
	})
	if err != nil {
		raw.Close()
		return nil, err
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// useTerminal passes this process's terminal through: raw, with its name and its size.
func useTerminal(session *ssh.Session, fd int) (restore func(), err error) {
	columns, rows, err := term.GetSize(fd)
	if err != nil {
		return nil, err
	}
	kind := os.Getenv("TERM")
	if kind == "" {
		kind = "dumb"
	}
	if err := session.RequestPty(kind, rows, columns, ssh.TerminalModes{}); err != nil {
		return nil, err
	}
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	go func() {
		for range resized {
			if columns, rows, err := term.GetSize(fd); err == nil {
				session.WindowChange(rows, columns)
			}
		}
	}()
	return func() {
		signal.Stop(resized)
		close(resized)
		term.Restore(fd, before)
	}, nil
}
