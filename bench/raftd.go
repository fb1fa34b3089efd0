package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// raftdSystem is raftd with heartbeats of 50 ms, elections after 300 to 600 ms, pre-vote and check
// quorum: the defaults, but written down.
func raftdSystem(binary string) system {
	return system{
		name: "raftd",
		command: func(p places, node int) []string {
			var members []string
			for i := range nodes {
				members = append(members, fmt.Sprintf("n%d=%s", i+1, p.dialled[i]))
			}
			return []string{
				binary, "--name", fmt.Sprintf("n%d", node+1),
				"--data", filepath.Join(p.dir, fmt.Sprintf("n%d", node+1)),
				"--peers", strings.Join(members, ","),
				"--listen-client", p.clients[node], "--listen-peer", p.peers[node],
				"--heartbeat", "50ms", "--election-timeout", "300ms",
			}
		},
		leader: raftdLeader,
		dial: func(ctx context.Context, address string) (client, error) {
			return dialRaftd(ctx, address)
		},
		share: 1,
	}
}

func raftdLeader(ctx context.Context, p places) (int, error) {
	for i, address := range p.clients {
		status, err := raftdStatus(ctx, address)
		if err == nil && status.Role == "leader" {
			return i, nil
		}
	}
	return 0, errors.New("nobody leads")
}

type raftdStatusBody struct {
	Role    string `json:"role"`
	Commit  uint64 `json:"commit"`
	Applied uint64 `json:"applied"`

	SnapshotIndex uint64 `json:"snapshotIndex"`
}

func raftdStatus(ctx context.Context, address string) (status raftdStatusBody, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+"/v1/status", nil)
	if err != nil {
		return status, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return status, err
	}
	defer answer.Body.Close()
	return status, json.NewDecoder(answer.Body).Decode(&status)
}

// raftdClient speaks just as much HTTP/1.1 as it needs: net/http's client takes more time than
// raftd itself, and that time would be missing on a machine that both share.
type raftdClient struct {
	connection net.Conn
	reader     *bufio.Reader
	request    []byte
	body       []byte
}

func dialRaftd(ctx context.Context, address string) (*raftdClient, error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &raftdClient{connection: connection, reader: bufio.NewReader(connection)}, nil
}

func (c *raftdClient) close() { c.connection.Close() }

func (c *raftdClient) put(ctx context.Context, key, value string) error {
	body := len(`{"value":""}`) + len(value) // which needs no escapes
	b := append(c.request[:0], "PUT /v1/kv/"...)
	b = append(b, key...)
	b = append(b, " HTTP/1.1\r\nHost: raftd\r\nContent-Type: application/json\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(body), 10)
	b = append(b, "\r\n\r\n{\"value\":\""...)
	b = append(b, value...)
	c.request = append(b, "\"}"...)
	answer, err := c.do(ctx)
	if err == nil && string(bytes.TrimSpace(answer)) != "{}" {
		err = fmt.Errorf("strange answer %q", answer)
	}
	return err
}

func (c *raftdClient) get(ctx context.Context, key string) error {
	b := append(c.request[:0], "GET /v1/kv/"...)
	b = append(b, key...)
	c.request = append(b, " HTTP/1.1\r\nHost: raftd\r\n\r\n"...)
	answer, err := c.do(ctx)
	if err != nil {
		return err
	}
	value, found := bytes.CutPrefix(answer, []byte(`{"found":true,"value":"`))
	if !found || len(value) < len(`"}`) {
		return fmt.Errorf("key %s is not there", key)
	}
	return nil
}

// do sends the request and returns the body of the answer, which the next call overwrites. The
// connection is of no use after an error other than a refusal.
func (c *raftdClient) do(ctx context.Context) ([]byte, error) {
	deadline, _ := ctx.Deadline()
	if err := c.connection.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := c.connection.Write(c.request); err != nil {
		return nil, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	ok := bytes.HasPrefix(line, []byte("HTTP/1.1 200 "))
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		if strings.EqualFold(string(name), "Content-Length") {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return nil, err
			}
		}
	}
	if length < 0 || length > 1<<20 {
		return nil, fmt.Errorf("answer of %d bytes", length)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.reader, c.body); err != nil {
		return nil, err
	}
	if !ok {
		return nil, &refusal{string(bytes.TrimSpace(c.body))}
	}
	return c.body, nil
}

// refusal is an answer that is no success.
type refusal struct{ body string }

func (r *refusal) Error() string { return r.body }
