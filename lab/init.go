package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const greetingTimeout = 5 * time.Second

// keeper is lab init: it made the hosts, and serves those who use them.
type keeper struct {
	mu     sync.Mutex
	status Status
}

// runInit is pid 1 of the lab. It ends when up ends, and with it the lab.
func runInit(up *link) error {
	var config initConfig
	if _, err := up.receive(&config); err != nil {
		return err
	}
	k := &keeper{status: Status{Since: time.Now(), Dir: config.Dir, PID: machinePID()}}
	err := k.build(config)
	if sendErr := up.send(report(err)); sendErr != nil {
		return sendErr
	}
	for err == nil {
		var nothing struct{}
		files, receiveErr := up.receive(&nothing)
		if errors.Is(receiveErr, io.EOF) {
			return nil
		}
		if receiveErr != nil {
			return receiveErr
		}
		for _, f := range files {
			if c, err := linkFrom(f); err == nil {
				go k.serve(c)
			}
		}
	}
	return err
}

// machinePID reads the machine's /proc, which lab init keeps: its own would say 1.
func machinePID() int {
	self, _ := os.Readlink("/proc/self")
	pid, _ := strconv.Atoi(self)
	return pid
}

func (k *keeper) build(config initConfig) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := makeBridge(); err != nil {
		return err
	}
	failures := make(chan error, len(config.Hosts))
	for _, h := range config.Hosts {
		k.status.Hosts = append(k.status.Hosts, h.Host)
		go func() {
			if err := k.bringUp(h); err != nil {
				failures <- fmt.Errorf("host %s: %w", h.Name, err)
				return
			}
			failures <- nil
		}()
	}
	var all []error
	for range config.Hosts {
		all = append(all, <-failures)
	}
	return errors.Join(all...)
}

// bringUp makes one host and returns when its SSH server greets.
func (k *keeper) bringUp(h hostConfig) error {
	c, err := spawn(roleHost, &unix.SysProcAttr{Cloneflags: hostNamespaces, Setsid: true}, os.Stderr)
	if err != nil {
		return err
	}
	go func() {
		err := c.Wait()
		k.mu.Lock()
		defer k.mu.Unlock()
		k.status.Dead = append(k.status.Dead, h.Name)
		fmt.Fprintf(os.Stderr, "%s %s: first process ended: %v\n",
			time.Now().Format(time.DateTime), h.Name, err)
	}()
	if err := plug(h.Name, c.Process.Pid); err != nil {
		return err
	}
	if err := c.down.send(h); err != nil {
		return err
	}
	var r initReport
	if _, err := c.down.receive(&r); err != nil {
		return fmt.Errorf("died while it started: %w", err)
	}
	if err := r.err(); err != nil {
		return err
	}
	return awaitGreeting(h.Address)
}

// awaitGreeting proves the path through the bridge to the SSH server, not merely its process. A new
// port of a bridge loses packets for some milliseconds, so it tries again sooner than TCP would,
// which takes a second.
func awaitGreeting(a netip.Addr) error {
	address := netip.AddrPortFrom(a, sshPort).String()
	var err error
	for wait := 10 * time.Millisecond; wait < greetingTimeout; wait *= 2 {
		if err = greeted(address, wait); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no greeting from the ssh server: %w", err)
}

func greeted(address string, wait time.Duration) error {
	c, err := net.DialTimeout("tcp", address, wait)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(greetingTimeout))
	_, err = io.ReadFull(c, make([]byte, len("SSH-2.0")))
	return err
}
