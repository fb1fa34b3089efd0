// Command bench compares raftd with etcd on this machine: three nodes of each, real disks, the same
// load generator, in turn. It prints what it measures and writes RESULTS.md.
//
//	cluster.go     three processes of one system, and what they cost
//	etcd.go        the two systems: how they are started, asked for their leader, and talked to
//	raftd.go
//	load.go        closed and open loops of clients
//	throughput.go  the figures: load against both systems in turn
//	failover.go    kill -9 of the leader
//	messages.go    what raftd's members say to each other for a commit
//	million.go     memory, stalls and restart with a million keys
//	machine.go     what the figures depend on
//	goals.go       what is to be reached; results.go the tables
//
// # What is compared
//
//  1. Each system is used through its public interface: etcd by its own gRPC client, raftd by JSON
//     over HTTP/1.1 on connections that are kept. A client has one request under way. For raftd
//     that takes a connection each; for etcd ten clients of a node share one, which suits it best:
//     with one each it is slower by half at 256 clients, with a hundred it is no faster.
//  2. Client i talks to node i modulo 3 of either system, whichever leads. So two thirds of the
//     requests come in at followers, as behind any balancer.
//  3. Both clusters run all the time, on loopback, with data on the disk of the working tree. They
//     are loaded one after the other, A B A B: a ratio is of two neighbours, and the median of
//     those is told.
//  4. Processor time is that of the three servers, user and system, over what was acknowledged.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// settings are the command line.
type settings struct {
	window   time.Duration
	rounds   int
	trials   int
	only     string
	results  string
	etcd     string
	raftd    string
	work     string
	keys     int
	share    int
	clients  string
	baseline string
	loads    int
}

func main() {
	var s settings
	flag.DurationVar(&s.window, "for", 5*time.Second, "how long each measurement lasts")
	flag.IntVar(&s.rounds, "rounds", 3, "how often each measurement is repeated")
	flag.IntVar(&s.trials, "trials", 20, "how many leaders of each system are killed")
	flag.StringVar(&s.only, "only", "closed,open,messages,failover,million", "what to measure")
	flag.StringVar(&s.results, "results", "", "where to write the tables; default: only print")
	flag.StringVar(&s.etcd, "etcd", ".cache/etcd", "the etcd to run")
	flag.StringVar(&s.raftd, "raftd", ".cache/raftd", "the raftd to run")
	flag.StringVar(&s.work, "work", ".data", "where the nodes keep their data; emptied first")
	flag.IntVar(&s.keys, "keys", 1_000_000, "how many keys the measurement of memory writes")
	flag.IntVar(&s.share, "etcd-share", 10, "how many clients use one gRPC connection together")
	flag.StringVar(&s.clients, "clients", "1,16,64,256", "the sizes of the closed loops")
	flag.StringVar(&s.baseline, "baseline", "", "an older raftd to compare with, in place of etcd")
	flag.IntVar(&s.loads, "loads", len(loads), "how many of puts, gets and 90/10")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		stop()
		os.Exit(1)
	}
}

// run measures what was asked for. Whatever happens, no process of ours outlives it.
func run(ctx context.Context, s settings) error {
	if err := os.RemoveAll(s.work); err != nil {
		return err
	}
	work, err := filepath.Abs(s.work)
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	both := []system{raftdSystem(s.raftd), etcdSystem(s.etcd, s.share)}
	if s.baseline != "" {
		both[1] = raftdSystem(s.baseline)
		both[1].name = "baseline"
	}
	var r results
	if r.clients, err = numbers(s.clients); err != nil {
		return fmt.Errorf("-clients: %w", err)
	}
	if r.machine, err = describeMachine(ctx, work); err != nil {
		return err
	}
	r.machine += fmt.Sprintf("Each measurement lasts %v, and is made %d times.\n\n", s.window, s.rounds)
	for _, part := range []struct {
		name    string
		measure func() error
	}{
		{"closed", func() error { return r.measureClosed(ctx, s, work, both) }},
		{"open", func() error { return r.measureOpen(ctx, s, work, both) }},
		{"messages", func() error { return r.measureMessages(ctx, s, work) }},
		{"failover", func() error { return r.measureFailover(ctx, s, work, both) }},
		{"million", func() error { return r.measureMillion(ctx, s, work) }},
	} {
		if !strings.Contains(","+s.only+",", ","+part.name+",") {
			continue
		}
		err := part.measure()
		if ctx.Err() != nil {
			return ctx.Err() // what else went wrong is its consequence
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	fmt.Print("\n", r.markdown())
	if s.results == "" {
		return nil
	}
	return os.WriteFile(s.results, []byte(r.markdown()), 0o644)
}

// numbers reads a list of positive numbers.
func numbers(list string) (found []int, err error) {
	for _, word := range strings.Split(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no positive number", word)
		}
		found = append(found, n)
	}
	return found, nil
}
