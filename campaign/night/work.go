package night

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"gauntlet/campaign"
	"gauntlet/checker"
	"gauntlet/suite"
)

// What keeps a night from going on for nothing.
const (
	brokenInARow = 5 // cells
	leastFree    = 128 << 20
	overhead     = 15 * time.Second // of a run on hosts beside its phases, until one has been seen
)

// played is a run that came back.
type played struct {
	begun
	campaign.Played
}

// work makes runs until there are none left, or something ends the night. The journal is written by
// this goroutine alone.
func (n *night) work(ctx context.Context) {
	back := make(chan played)
	underWay := 0
	for {
		for underWay < n.Jobs && n.stop.why == "" {
			b, more := n.state.next()
			if !more || n.hold(ctx, b) {
				break
			}
			if err := n.note(entry{Begun: &b}); err != nil {
				n.fail(err)
				break
			}
			underWay++
			go func() { back <- played{b, n.play(ctx, b)} }()
		}
		if underWay == 0 {
			return
		}
		p := <-back
		underWay--
		n.take(ctx, p)
	}
}

// play makes one run.
func (n *night) play(ctx context.Context, b begun) campaign.Played {
	s, seed := *n.combination(b.Cell).Suite, b.Cell.Seed
	s.Seed = &seed
	return n.Player.Play(ctx, campaign.Job{
		Name: b.Cell.ID(), Suite: &s, Seed: seed, Binaries: n.Binaries, Out: n.path(b.Directory),
	})
}

// take judges a run that came back, and writes it down. A run that was cut short by us counts for
// nothing, unless it had found a violation before.
func (n *night) take(ctx context.Context, p played) {
	a := n.judge(p.begun, p.Played)
	final := a.Class == checker.ExitViolation || a.Class == checker.ExitValid
	e, why := entry{}, ""
	switch {
	case !final && fullDisk(p.Played):
		why = "the disk is full"
		n.fail(syscall.ENOSPC)
	case !final && ctx.Err() != nil:
		why = "interrupted"
	}
	if why != "" {
		n.mark(p.begun, "this campaign was stopped ("+why+")")
		e.Lost = n.lose(p.begun, why)
	} else {
		e.Ended = &a
		n.own += a.Bytes
	}
	n.settle(e)
	n.tell(p, a, why)
	if e.Ended != nil {
		n.pace.learn(n.combination(p.Cell), p.Cell.Combination, a)
		n.count(n.state.records[p.Cell.Index])
	}
}

// below is a run directory as seen from the night's.
func (n *night) below(path string) string {
	if path == "" {
		return ""
	}
	absolute, err := filepath.Abs(n.path())
	if err == nil {
		if at, err := filepath.Abs(path); err == nil {
			if short, err := filepath.Rel(absolute, at); err == nil {
				return short
			}
		}
	}
	return path
}

func (n *night) tell(p played, a Attempt, why string) {
	text := className(a.Class)
	switch {
	case why != "":
		text = "lost: " + why
	case a.skipped():
		text = fmt.Sprintf("skipped: the place lacks %v", a.Skipped)
	case len(a.Reasons) > 0:
		text += ": " + a.Reasons[0]
	}
	n.say(p.Cell.ID(), "%s, seed %d, run %d, %.1fs: %s", n.combination(p.Cell).Label(), p.Cell.Seed,
		p.Number, p.Took.Seconds(), text)
}

// count ends a night whose harness is broken: more of the same would tell nothing, and a full disk
// of it hides what there is.
func (n *night) count(r *cellRecord) {
	if !r.standing.Final {
		return
	}
	switch r.standing.Class {
	case checker.ExitHarness, checker.ExitRefused:
		n.broken++
	default:
		n.broken = 0
	}
	if n.broken >= brokenInARow {
		n.halt(stop{why: fmt.Sprintf("%d cells in a row could not be had", n.broken),
			class: r.standing.Class})
	}
}

// hold tells whether a run must not begin, and why the night then ends.
func (n *night) hold(ctx context.Context, b begun) bool {
	if ctx.Err() != nil {
		n.halt(stop{why: "it was interrupted", class: checker.ExitInconclusive, resumable: true,
			err: errInterrupted})
		return true
	}
	if err := n.room(); err != nil {
		n.fail(err)
		return true
	}
	budget := n.Campaign.Budget.Time
	if n.For > 0 {
		budget = n.For
	}
	c := n.combination(b.Cell)
	expected := n.pace.expect(c, b.Cell.Combination)
	if budget > 0 && n.elapsed()+expected > budget {
		n.halt(stop{why: fmt.Sprintf("%v of the budget of %v were used, and a run of %s takes about %v",
			n.elapsed().Round(time.Second), budget, c.Label(), expected.Round(time.Second))})
		return true
	}
	if most := n.Campaign.Budget.Disk; most > 0 && n.own > most {
		n.halt(stop{why: fmt.Sprintf("what failed fills the %d MiB that the night may take", most>>20)})
		return true
	}
	return false
}

// room sees to it that there is room on the disk for one more run.
func (n *night) room() error {
	if most := n.Campaign.Budget.Disk; most > 0 && n.own > most {
		k := n.store.look(n.name, n.state.header.Campaign)
		if err := k.drop(k.bytes - most*3/4); err != nil {
			n.warn("old run directories cannot be deleted: %v", err)
		}
		n.own = k.bytes
	}
	if most := n.Campaign.Store.Disk; most > 0 && n.older+n.own > most {
		n.measure()
	}
	free, err := n.free(n.path())
	if err != nil {
		return err
	}
	if need := leastFree + 2*n.pace.largest; free < need {
		return fmt.Errorf("%s: %d MiB are free, and a run may take %d: make room, then %s", n.path(),
			free>>20, need>>20, n.GoOn(n.path()))
	}
	return nil
}

// measure deletes what is not kept any more, and learns how much lies there.
func (n *night) measure() {
	left, err := n.store.retain(n.Campaign.Store, n.state.header.Campaign, n.name)
	if err != nil {
		n.warn("old run directories cannot be deleted: %v", err)
	}
	n.own = sizeOf(n.path())
	n.older = left - n.own
}

// fail ends the night because of this machine.
func (n *night) fail(err error) {
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%s: %w: make room, then %s", n.path(), err, n.GoOn(n.path()))
	}
	n.halt(stop{why: err.Error(), class: harnessBroken, resumable: true, err: err})
}

// halt begins no further run. The first reason stands.
func (n *night) halt(s stop) {
	if n.stop.why != "" {
		return
	}
	n.stop = s
	if !errors.Is(s.err, errInterrupted) {
		n.say("stop", "%s", s.why)
	}
}

// pace is what runs have taken so far.
type pace struct {
	slowest map[int]time.Duration // by combination
	beside  time.Duration         // the longest beside the phases
	longest time.Duration
	largest int64 // bytes
}

func (p *pace) learn(c suite.Combination, index int, a Attempt) {
	if p.slowest == nil {
		p.slowest = map[int]time.Duration{}
	}
	p.slowest[index] = max(p.slowest[index], a.Took)
	p.longest, p.largest = max(p.longest, a.Took), max(p.largest, a.Bytes)
	p.beside = max(p.beside, a.Took-phases(c))
}

// expect is how long a run takes: as long as the slowest of its combination, or else its phases and
// what others took beside theirs.
func (p *pace) expect(c suite.Combination, index int) time.Duration {
	switch seen := p.slowest[index]; {
	case c.Suite.Place == suite.PlaceSim:
		return max(seen, p.longest)
	case seen > phases(c):
		return seen
	case p.beside > 0:
		return phases(c) + p.beside
	}
	return phases(c) + overhead
}

func phases(c suite.Combination) time.Duration {
	p := c.Suite.Phases
	return p.WarmUp + p.Load + p.Recovery
}

// write replaces a file whole.
func write(path string, data []byte) error {
	if err := os.WriteFile(path+".tmp", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
