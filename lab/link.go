package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// maxMessage bounds one message between processes of the lab, in bytes: it holds the state of
// MaxHosts hosts, and fits the buffer that Linux gives a socket.
const maxMessage = 192 << 10

// link carries JSON messages, each with open files attached if need be, between two processes.
// It is a sequenced-packet socket: a message arrives whole or not at all, and the death of the
// other process is the end of the link.
type link struct{ conn *net.UnixConn }

// newLink returns two connected ends; the second is a file, meant for another process.
func newLink() (*link, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "link")
	ours, err := linkFrom(os.NewFile(uintptr(fds[0]), "link"))
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// linkFrom takes over f, which must be one end of a link.
func linkFrom(f *os.File) (*link, error) {
	defer f.Close()
	c, err := net.FileConn(f) // a duplicate, close-on-exec: commands of hosts do not inherit it
	if err != nil {
		return nil, err
	}
	unixConn, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, fmt.Errorf("%s is not a unix socket", f.Name())
	}
	return &link{unixConn}, nil
}

func (l *link) close() { l.conn.Close() }

// send writes one message. The files stay the caller's.
func (l *link) send(v any, files ...*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	return l.sendDescriptors(v, fds...)
}

func (l *link) sendDescriptors(v any, fds ...int) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(data) > maxMessage {
		return fmt.Errorf("message of %d bytes, limit %d", len(data), maxMessage)
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err = l.conn.WriteMsgUnix(data, rights, nil)
	return err
}

// receive reads one message into v and returns the files that came with it, now the caller's.
// The end of the link is io.EOF.
func (l *link) receive(v any) ([]*os.File, error) {
	data := make([]byte, maxMessage)
	control := make([]byte, unix.CmsgSpace(4*8))
	n, controlSize, flags, _, err := l.conn.ReadMsgUnix(data, control)
	if err != nil {
		if errors.Is(err, unix.ECONNRESET) {
			return nil, io.EOF
		}
		return nil, err
	}
	files, err := parseRights(control[:controlSize])
	if err != nil {
		return nil, err
	}
	switch {
	case n == 0:
		err = io.EOF
	case flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0:
		err = errors.New("message too long")
	default:
		err = json.Unmarshal(data[:n], v)
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

func parseRights(control []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, os.NewSyscallError("recvmsg", err)
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
