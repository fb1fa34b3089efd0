package inject

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gauntlet/history"
)

// Cuts that take every packet must be seen to do so on each host that enforces them, and where
// nobody sends anything, we do. A cut that takes some packets only, by chance or by size, need not
// meet any on a host where little is said; it has bitten if it took one anywhere. We send nothing
// large ourselves: what the nodes do not say cannot be missed by them.

// partial reports that the cuts take some packets only.
func partial(cuts []history.Cut) bool {
	return slices.ContainsFunc(cuts, func(c history.Cut) bool { return c.Rate > 0 || c.Size > 0 })
}

// taken says what is counted.
func taken(cuts []history.Cut) string {
	for _, cut := range cuts {
		switch {
		case cut.Mode == history.CutReject:
			return "rejected packets"
		case cut.Size > 0:
			return fmt.Sprintf("dropped packets of %d bytes or more", cut.Size)
		}
	}
	return "dropped packets"
}

// elsewhere is what a host says that itself took nothing, of a cut that bit others.
const elsewhere = "0, but others some"

// share lets the evidence of a partial cut that bit on one host stand for the others at the same
// moment, unless their rules were gone.
func share(f *history.Fault, moment string) {
	at := func(e history.Evidence) bool { return e.Moment == moment && e.Bit }
	if !partial(f.Cuts) || !slices.ContainsFunc(f.Evidence, at) {
		return
	}
	for k := range f.Evidence {
		if e := &f.Evidence[k]; e.Moment == moment && e.Value == "0" {
			e.Value, e.Bit = elsewhere, true
		}
	}
}

// patience is how long a fault is given to show its effect. What takes few packets may be long in
// meeting one.
func patience(f *history.Fault) time.Duration {
	if !partial(f.Cuts) {
		return evidenceTimeout
	}
	return max(evidenceTimeout, min(evidenceLonger, (f.PlannedStop-f.PlannedStart)/2))
}

// awaitDrops waits until each host has dropped something for this fault; of a partial one, any.
func (i *Injector) awaitDrops(ctx context.Context, f *history.Fault, receivers []*node) error {
	var bitten atomic.Bool // somewhere, which is enough
	knocking, stop := context.WithCancel(ctx)
	var knocks sync.WaitGroup
	defer knocks.Wait()
	defer stop()
	err := gather(f, receivers, func(n *node) (history.Evidence, error) {
		begin, knocked := time.Now(), false
		return i.awaitFor(ctx, patience(f), n.name(), taken(f.Cuts),
			func(ctx context.Context) (string, bool, error) {
				if !knocked && time.Since(begin) > knockAfter {
					knocked = true
					i.knock(knocking, &knocks, f.Cuts, n)
				}
				packets, held, err := i.count(ctx, n, f.ID)
				if err == nil && !held {
					err = n.fail("count drops", "", errors.New("the rules are gone"))
				}
				if packets > 0 && partial(f.Cuts) {
					bitten.Store(true)
				}
				return strconv.FormatUint(packets, 10), packets > 0 || bitten.Load(), err
			})
	})
	share(f, "start")
	return err
}

// knock sends something across each cut into a host where nothing arrives by itself, say because
// the other side is paused: a connection attempt from over there. One need not be lost where only
// some packets are, so there it goes on.
func (i *Injector) knock(
	ctx context.Context, wait *sync.WaitGroup, cuts []history.Cut, n *node,
) {
	port := i.port
	if port == 0 {
		port = n.control.port
	}
	for _, cut := range cuts {
		if cut.To != n.name() || cut.Mode == history.CutPayload || cut.Size > 0 {
			continue // it carries nothing, and is small
		}
		dial, address := i.dial, n.client
		if cut.From != history.Clients {
			dial = i.node(cut.From).host.Dial
			address = net.JoinHostPort(n.host.Address(), strconv.Itoa(port))
		}
		wait.Go(func() {
			tick := time.NewTicker(evidencePoll)
			defer tick.Stop()
			for again := true; again && ctx.Err() == nil; again = cut.Rate > 0 {
				if conn, err := dial(ctx, "tcp", address); err == nil {
					conn.Close()
				}
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
}

// probe proves that control is not cut.
func probe(ctx context.Context, n *node) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return n.fail("reach the host after the cut", "", n.host.Probe(ctx))
}
