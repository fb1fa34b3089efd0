package target

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

// newHost prepares a host, and the jump hosts on the way to it. Nothing is dialled yet.
func newHost(cfg HostConfig) (*Host, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	h := &Host{
		config:   cfg,
		channels: make(chan struct{}, maxChannels),
		dialling: make(chan struct{}, 1),
	}
	h.life, h.end = context.WithCancel(context.Background())
	if cfg.Jump == nil {
		return h, nil
	}
	if h.jump, err = newHost(*cfg.Jump); err != nil {
		return nil, &HostError{cfg.Name, "connect", "", fmt.Errorf("jump host: %w", err)}
	}
	h.config.Dial = h.jump.forward
	return h, nil
}

// forward is the DialFunc of the hosts behind a jump host. Only tunnels are asked of it: many a
// jump host runs no commands. One connection to it is kept, and replaced when it broke.
func (h *Host) forward(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := h.Dial(ctx, network, address)
	if err == nil {
		return conn, nil
	}
	if refused, ok := errors.AsType[*ssh.OpenChannelError](err); ok {
		hint := "check from the jump host that an SSH server listens there"
		if refused.Reason == ssh.Prohibited {
			hint = "set AllowTcpForwarding yes in sshd_config of the jump host, and reload sshd"
		}
		return nil, &HostError{h.Name(), "forward", hint,
			fmt.Errorf("%s: %s", address, refused.Message)}
	}
	if inner, ok := err.(*HostError); ok && inner.Op == "dial "+address {
		err = inner.Err
	}
	return nil, h.fail("forward", "", err)
}

// beyond is an error met on a jump host, as that of the host behind it; nil if err is not one.
func beyond(cfg HostConfig, err error) error {
	if inner, ok := errors.AsType[*HostError](err); ok && cfg.Jump != nil {
		return &HostError{cfg.Name, "connect", "",
			fmt.Errorf("%w: jump host %w", ErrUnreachable, inner)}
	}
	return nil
}
