package inject

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"gauntlet/target"
)

//go:embed firewall.sh
var firewallScript string

// The address of the host's own that the proof knocks at: on the loopback, where no one else is.
const (
	proofAddress = "127.93.7.1"
	proofTimeout = 3 * time.Second
)

// survey asks which backend the host's iptables has, and what else filters packets there.
func (n *node) survey(ctx context.Context) (backend string, others []string, err error) {
	result, err := n.host.Run(ctx, target.Command{Root: true,
		Script: firewallScript + "\nbackend; iptables -V 2>&1 | head -n 1; others\nexit 0"})
	if err = n.judge("look for firewalls", result, err); err != nil {
		return "", nil, err
	}
	lines := strings.Split(strings.TrimRight(string(result.Stdout), "\n"), "\n")
	if lines[0] == "unknown" || len(lines) < 2 {
		return "", nil, n.fail("look for firewalls", hints["backend"],
			fmt.Errorf("%w: an iptables that says which backend it has: %q", ErrMissing,
				strings.Join(lines[1:], " ")))
	}
	return lines[0], lines[2:], nil
}

// firewalls demands that our rules come first. A packet that any table drops is gone, so rules that
// accept in another table are no obstacle; but what drops or redirects earlier would be. So where
// something else filters, a rule of ours is tried on the loopback.
func (i *Injector) firewalls(ctx context.Context, n *node) error {
	_, others, err := n.survey(ctx)
	if err != nil || len(others) == 0 {
		return err
	}
	seen, knocked, err := i.prove(ctx, n)
	if err != nil || seen {
		return err
	}
	return n.fail("try a rule", "switch it off for the run, or put its rules after chain INPUT",
		fmt.Errorf("%w: %s (%v)", ErrFirewall, shorten(others), knocked))
}

// prove loads a rule that drops one kind of packet, sends such a packet through the host's own SSH
// server, and reads whether the rule counted it.
func (i *Injector) prove(ctx context.Context, n *node) (seen bool, knocked, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := "GNT-" + i.run + "-IN"
	rule := fmt.Sprintf("-A %s -i lo -d %s/32 -p tcp -m tcp --dport 9 -j DROP\n", name, proofAddress)
	n.chain.unsure = []string{"4"}
	defer func() {
		undo, cancel := afterwards(ctx)
		defer cancel()
		_, undone := n.guard(undo, i.run, "cut", "4", "")
		if undone == nil {
			n.chain.unsure = nil
		}
		err = errors.Join(err, undone)
	}()
	if _, err := n.guard(ctx, i.run, "cut", "4", rule); err != nil {
		return false, nil, err
	}
	knocking, stop := context.WithTimeout(ctx, proofTimeout)
	var knock sync.WaitGroup
	defer knock.Wait()
	defer stop()
	answered := make(chan error, 1)
	knock.Go(func() {
		conn, err := n.host.Dial(knocking, "tcp", proofAddress+":9")
		if err == nil {
			err = errors.New("it was let in")
			conn.Close()
		}
		answered <- err
	})
	for {
		listing, err := n.guard(ctx, i.run, "counters", "4")
		if err != nil || proofCounted(listing) {
			return err == nil, nil, err
		}
		select {
		case knocked := <-answered:
			listing, err := n.guard(ctx, i.run, "counters", "4")
			return err == nil && proofCounted(listing), knocked, err
		case <-time.After(evidencePoll / 2):
		}
	}
}

// proofCounted reads from "iptables -v -S CHAIN" whether the rule of the proof met a packet.
func proofCounted(listing string) bool {
	for line := range strings.Lines(listing) {
		fields := strings.Fields(line)
		if after(fields, "-d") == proofAddress+"/32" && after(fields, "-c") != "0" {
			return true
		}
	}
	return false
}
