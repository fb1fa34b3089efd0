package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
)

// serve answers one control connection and closes it.
func (k *keeper) serve(c *link) {
	defer c.close()
	var r request
	files, err := c.receive(&r)
	closeAll(files)
	if err == nil {
		err = r.valid()
	}
	if err != nil {
		c.send(failure(err))
		return
	}
	switch r.Op {
	case opDial:
		serveDial(c, r)
	case opAcquire:
		k.serveAcquire(c, r.Run)
	case opStatus:
		s := k.snapshot()
		c.send(answer{Status: &s})
	case opDown:
		os.Exit(0) // pid 1: everything ends with it
	}
}

func failure(err error) answer {
	a := answer{Error: err.Error()}
	errors.As(err, &a.Errno)
	var n net.Error
	a.Timeout = errors.As(err, &n) && n.Timeout()
	return a
}

// serveDial connects inside this network namespace. The socket stays in it wherever it goes.
func serveDial(c *link, r request) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		awaitEnd(c)
		cancel()
	}()
	conn, err := new(net.Dialer).DialContext(ctx, r.Network, r.Address)
	if err != nil {
		c.send(failure(err))
		return
	}
	defer conn.Close()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err == nil {
		// Not File(): that would switch the shared description to blocking mode.
		raw.Control(func(fd uintptr) { c.sendDescriptors(answer{}, int(fd)) })
	}
}

// awaitEnd returns when the client hangs up; whatever it still says is none of the protocol.
func awaitEnd(c *link) {
	var anything any
	files, _ := c.receive(&anything)
	closeAll(files)
}

func (k *keeper) serveAcquire(c *link, run string) {
	k.mu.Lock()
	holder := k.status.Holder
	if holder == "" {
		k.status.Holder = run
	}
	k.mu.Unlock()
	if holder != "" {
		c.send(answer{Error: fmt.Sprintf("the lab is in use by run %s", holder)})
		return
	}
	if c.send(answer{}) == nil {
		awaitEnd(c)
	}
	k.mu.Lock()
	k.status.Holder = ""
	k.mu.Unlock()
}

func (k *keeper) snapshot() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.status
	s.Dead = slices.Clone(s.Dead)
	return s
}
