package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"gauntlet/raft/server"
	"gauntlet/raft/wal"
)

// The lists of --peers of TestRestart.
const (
	alone     = "n1=h:1"
	three     = "n1=h:1,n2=h:2,n3=h:3"
	moved     = "n1=h:1,n2=i:9,n3=h:3"
	reordered = "n1=h:1,n3=h:3,n2=h:2"
)

// Goal: a member starts again with the flags that it was founded or joined with, wherever the
// addresses have moved if the cluster keeps its name; and with no other members, order or names of
// them, which would give its log to a set that chose other entries, nor as one of another cluster.
// Method: start the one, then the other on the directory that it left, and once more the first one.
func TestRestart(t *testing.T) {
	for _, c := range []struct {
		first, again []string
		reason       string // empty: it may
	}{
		{found("n1", three, ""), found("n1", three, ""), ""},
		{found("n1", three, ""), found("n1", three, three), ""},
		{found("n1", three, ""), found("n1", moved, three), ""},
		{found("n1", three, "c"), found("n1", moved, "c"), ""},
		{join("n4", 4, "c"), join("n4", 4, "c"), ""},

		{found("n1", alone, ""), found("n1", three, ""), `first members ["n1"], this has ["n1" "n2`},
		{found("n1", alone, "c"), found("n1", three, "c"), `first members ["n1"], this`},
		{found("n1", three, "c"), found("n1", alone, "c"), `this has ["n1"]`},
		{found("n1", three, "c"), found("n1", reordered, "c"), `this has ["n1" "n3" "n2"]`},
		{found("n1", three, "c"), join("n1", 1, "c"), "this has []"},
		{join("n1", 1, "c"), found("n1", three, "c"), "first members [], this has"},

		{found("n1", alone, "c"), found("n2", "n2=h:1", "c"), `name "n1", this is "n2"`},
		{found("n1", three, "c"), found("n2", three, "c"), "member 1, this is 2"},
		{join("n4", 4, "c"), join("n4", 5, "c"), "member 4, this is 5"},
		{join("n4", 4, "c"), join("n5", 4, "c"), `name "n4", this is "n5"`},

		{found("n1", three, ""), found("n1", moved, ""), `cluster "n1=h:1,n2=h:2,n3=h:3", this is`},
		{found("n1", three, "c"), found("n1", three, "d"), `cluster "c", this is "d"`},
		{found("n1", three, "c"), found("n1", three, ""), `cluster "c", this is "n1=`},
		{join("n4", 4, "c"), join("n4", 4, "d"), `cluster "c", this is "d"`},
	} {
		data := "--data=" + t.TempDir()
		if err := startAndKill(t, append(c.first, data)); err != nil {
			t.Fatalf("%q: %v", c.first, err)
		}
		err := startAndKill(t, append(c.again, data))
		switch {
		case c.reason == "" && err != nil:
			t.Errorf("%q, then %q: %v", c.first, c.again, err)
		case c.reason != "" && (!errors.Is(err, wal.ErrNotOurs) ||
			!strings.Contains(err.Error(), "/OWNER says ") || !strings.Contains(err.Error(), c.reason)):
			t.Errorf("%q, then %q: %v, want %s", c.first, c.again, err, c.reason)
		}
		if err := startAndKill(t, append(c.first, data)); err != nil {
			t.Errorf("%q, after a start with %q: %v", c.first, c.again, err)
		}
	}
}

// found returns the flags of a first member; an empty cluster is none.
func found(name, peers, cluster string) []string {
	return []string{"--name=" + name, "--peers=" + peers, "--cluster=" + cluster}
}

func join(name string, id int, cluster string) []string {
	return []string{"--join", "--name=" + name, fmt.Sprint("--id=", id), "--cluster=" + cluster}
}

// startAndKill starts a member with these flags, on ports of its own, and ends it.
func startAndKill(t *testing.T, args []string) error {
	t.Helper()
	flags, _, err := parse(args, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cfg := flags.config()
	cfg.Events = io.Discard
	for _, l := range []*net.Listener{&cfg.Clients, &cfg.Peers} {
		if *l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		defer (*l).Close()
	}
	member, err := server.Start(cfg)
	if err == nil {
		member.Kill()
	}
	return err
}

// Goal: members that were founded with different lists of --peers do not recognise each other, so
// that a log from one cluster never meets those of another; only who joins may not know the list.
func TestFoundingSetsDoNotMix(t *testing.T) {
	cluster := func(args []string) uint64 {
		f, _, err := parse(append(args, "--data=d"), io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return f.config().Cluster
	}
	of := cluster(found("n2", three, ""))
	for peers, same := range map[string]bool{
		three: true, alone: false, reordered: false, moved: false,
	} {
		if (cluster(found("n1", peers, "")) == of) != same {
			t.Errorf("%s and %s are one cluster: %v, want %v", peers, three, !same, same)
		}
	}
	if cluster(join("n4", 4, three)) != of {
		t.Errorf("who joins %s is taken for a stranger", three)
	}
}
