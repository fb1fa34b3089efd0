package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	etcd "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// etcdSystem is etcd as its defaults are: heartbeat 100 ms, election timeout 1 s.
func etcdSystem(binary string, share int) system {
	return system{
		name: "etcd",
		command: func(p places, node int) []string {
			var members []string
			for i := range nodes {
				members = append(members, fmt.Sprintf("n%d=http://%s", i+1, p.dialled[i]))
			}
			return []string{
				binary, "--name", fmt.Sprintf("n%d", node+1),
				"--data-dir", filepath.Join(p.dir, fmt.Sprintf("n%d", node+1)),
				"--listen-client-urls", "http://" + p.clients[node],
				"--advertise-client-urls", "http://" + p.clients[node],
				"--listen-peer-urls", "http://" + p.peers[node],
				"--initial-advertise-peer-urls", "http://" + p.peers[node],
				"--initial-cluster", strings.Join(members, ","),
				"--log-level", "error",
			}
		},
		leader: etcdLeader,
		dial: func(ctx context.Context, address string) (client, error) {
			return dialEtcd(ctx, address)
		},
		share: share,
	}
}

// etcdClient is etcd's own, with a connection that it shares with nobody.
type etcdClient struct{ *etcd.Client }

func dialEtcd(ctx context.Context, addresses ...string) (*etcdClient, error) {
	c, err := etcd.New(etcd.Config{
		Endpoints: addresses, DialTimeout: 5 * time.Second, Logger: zap.NewNop(),
	})
	if err != nil {
		return nil, err
	}
	return &etcdClient{c}, nil
}

func (c *etcdClient) put(ctx context.Context, key, value string) error {
	_, err := c.Put(ctx, key, value)
	return err
}

func (c *etcdClient) get(ctx context.Context, key string) error {
	answer, err := c.Get(ctx, key)
	if err != nil {
		return err
	}
	if len(answer.Kvs) != 1 {
		return fmt.Errorf("key %s is not there", key)
	}
	return nil
}

func (c *etcdClient) close() { c.Close() }

// etcdLeader asks the nodes who leads until one says that it does.
func etcdLeader(ctx context.Context, p places) (int, error) {
	for i, address := range p.clients {
		if leads, err := leadsEtcd(ctx, address); err == nil && leads {
			return i, nil
		}
	}
	return 0, errors.New("nobody leads")
}

func leadsEtcd(ctx context.Context, address string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := dialEtcd(ctx, address)
	if err != nil {
		return false, err
	}
	defer c.close()
	status, err := c.Status(ctx, address)
	if err != nil {
		return false, err
	}
	return status.Leader != 0 && status.Leader == status.Header.MemberId, nil
}
