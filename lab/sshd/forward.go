package sshd

import (
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const forwardTimeout = 10 * time.Second

// forwardRequest is the payload of a direct-tcpip channel (RFC 4254, section 7.2).
type forwardRequest struct {
	Host       string
	Port       uint32
	OriginHost string
	OriginPort uint32
}

// forward connects from this host and copies both ways, passing on each half's end by itself.
func forward(incoming ssh.NewChannel) {
	var r forwardRequest
	if err := ssh.Unmarshal(incoming.ExtraData(), &r); err != nil || r.Port > 0xffff {
		incoming.Reject(ssh.ConnectionFailed, "malformed address")
		return
	}
	address := net.JoinHostPort(r.Host, strconv.Itoa(int(r.Port)))
	c, err := net.DialTimeout("tcp", address, forwardTimeout)
	if err != nil {
		incoming.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	defer c.Close()
	channel, requests, err := incoming.Accept()
	if err != nil {
		return
	}
	defer channel.Close()
	go ssh.DiscardRequests(requests)
	var both sync.WaitGroup
	both.Go(func() {
		if _, err := io.Copy(c, channel); err != nil {
			channel.Close()
		}
		c.(*net.TCPConn).CloseWrite()
	})
	both.Go(func() {
		_, err := io.Copy(channel, c)
		channel.CloseWrite()
		if err != nil { // reset: nothing will be read any more, nor can be said
			channel.Close()
		}
	})
	both.Wait()
}
