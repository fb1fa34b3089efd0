package inject

import (
	"flag"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gauntlet/lab"
)

// chatterPart is the argument that makes the test binary a peer: see chat.
const chatterPart = "__chatter"

// TestMain lets the test binary play the parts of a lab, as cmd/verify does, and of a peer. Tests
// here wait for leases and packets rather than compute, so many may run at once on few CPUs.
func TestMain(m *testing.M) {
	if lab.IsReexec(os.Args) {
		os.Exit(lab.Main(os.Args))
	}
	if len(os.Args) > 1 && os.Args[1] == chatterPart {
		chat(os.Args[2:])
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// chat speaks to the peers without end, and listens. As between the nodes of a real target, each
// connection carries data one way, and one that is stuck is given up and dialled again.
func chat(peers []string) {
	listener, err := net.Listen("tcp", ":4401")
	if err != nil {
		os.Exit(1)
	}
	for _, peer := range peers {
		go func() {
			for ; ; time.Sleep(50 * time.Millisecond) {
				speak(peer)
			}
		}()
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			os.Exit(1)
		}
		go func() { _, _ = io.Copy(io.Discard, conn); conn.Close() }()
	}
}

func speak(peer string) {
	dialer := net.Dialer{Timeout: 300 * time.Millisecond,
		Control: func(_, _ string, c syscall.RawConn) (err error) {
			giveUp := func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 300)
			}
			if failed := c.Control(giveUp); failed != nil {
				return failed
			}
			return err
		}}
	conn, err := dialer.Dial("tcp", peer)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		if _, err := conn.Write([]byte("heartbeat")); err != nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
