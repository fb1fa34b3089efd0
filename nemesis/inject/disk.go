package inject

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// Faults of disks are what a host's lossy disk does to processes: its control file (package
// lab/lossydisk/mount) takes the commands, and tells what they did.

// powerCut is what proves a power cut beside the process that is gone: what the disk lost.
const powerCut = "power cut"

// cutModels is what can become of unsynced data, as the control file has it, as often as they stand
// here: the loss of all of it is what a lost sync shows best by.
var cutModels = []string{"all", "all", "all", "prefix", "torn", "subset"}

// malady is a fault that a disk has until it is told otherwise.
type malady struct {
	begin, end string // commands
	state      string // how the disk calls it
	count      string // what it counts then
	what       string // of the evidence
}

var maladies = map[nemesis.Kind]malady{
	nemesis.KindDiskSlow:  {"slow", "unslow", "slow", "stalled", "stalled syncs"},
	nemesis.KindDiskError: {"fail", "unfail", "failing", "failed", "failed syncs"},
	nemesis.KindDiskFull:  {"full", "unfull", "full", "refused", "refused writes"},
}

// diskState is what a disk says of itself: "full+slow cuts 1 failed 0 refused 2 stalled 3".
type diskState struct {
	ills   []string
	counts map[string]int
}

func parseDiskState(line string) (diskState, error) {
	words := strings.Fields(line)
	s := diskState{counts: map[string]int{}}
	if len(words)%2 == 0 {
		return s, fmt.Errorf("answer %q is no state of a disk", line)
	}
	s.ills = strings.Split(words[0], "+")
	for i := 1; i < len(words); i += 2 {
		n, err := strconv.Atoi(words[i+1])
		if err != nil {
			return s, fmt.Errorf("answer %q is no state of a disk: %w", line, err)
		}
		s.counts[words[i]] = n
	}
	return s, nil
}

func (s diskState) has(ill string) bool { return strings.Contains(strings.Join(s.ills, "+"), ill) }

// needDisk names what is missing where a node's data lie on no lossy disk.
func (n *node) needDisk(kind string) error {
	if n.disk != "" {
		return nil
	}
	return n.fail(kind, "faults of disks need the lab, and there: root",
		fmt.Errorf("%w: a disk that can lose what was not synced", ErrMissing))
}

// tellDisk gives a command to a node's disk, through its guard.
func (i *Injector) tellDisk(ctx context.Context, n *node, command ...string) (diskState, error) {
	said, err := n.guard(ctx, i.run, "disk", append([]string{n.disk}, command...)...)
	if err != nil {
		return diskState{}, err
	}
	state, err := parseDiskState(strings.TrimSpace(said))
	return state, n.fail("disk", "", err)
}

// cutAhead is how long before the instant of a cut its hosts are told: all of them must have heard.
const cutAhead = 300 * time.Millisecond

// cutPower takes the power from the disks of the fault's hosts, at one instant of the clock that
// the hosts of a lab share with us, and ends their processes. Nothing that one of these does
// between the two becomes durable.
func (i *Injector) cutPower(ctx context.Context, f *history.Fault, draw uint64) error {
	struck := i.struck(f)
	for _, n := range struck {
		if err := n.needDisk(f.Kind); err != nil {
			return err
		}
	}
	if err := i.remember(ctx, f); err != nil {
		return err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return err
	}
	at := strconv.FormatInt(now.Nano()+int64(cutAhead), 10)
	chances := chance.New(draw, "inject.cut", 0)
	model := cutModels[chances.Intn(len(cutModels))]
	hold := "hold" // most disks hold syncs up before they die
	if chances.Intn(4) == 0 {
		hold = ""
	}
	err := gather(f, struck, func(n *node) (history.Evidence, error) {
		name := fnv.New64a()
		name.Write([]byte(n.name()))
		seed := strconv.FormatUint(chance.Key(draw, "inject.cut", name.Sum64(), 0), 10)
		said, err := n.guard(ctx, i.run, "blackout",
			append(i.victim(f, n), n.disk, model, seed, at, hold)...)
		said = strings.TrimSpace(said)
		return history.Evidence{Host: n.name(), At: i.clock(), Moment: "start", What: powerCut,
			Value: said, Bit: strings.HasPrefix(said, "lost ")}, err
	})
	f.Start = i.clock()
	if err == nil {
		err = gather(f, struck, func(n *node) (history.Evidence, error) {
			return i.await(ctx, n.name(), processGone, i.seesGone(f, n))
		})
	}
	if err == nil {
		return nil
	}
	undo, cancel := afterwards(ctx)
	defer cancel()
	return errors.Join(err, each(struck, func(n *node) error { return i.repower(undo, n) }))
}

// seesGone looks whether the process that the fault struck is gone.
func (i *Injector) seesGone(
	f *history.Fault, n *node,
) func(context.Context) (string, bool, error) {
	return func(ctx context.Context) (string, bool, error) {
		said, err := n.guard(ctx, i.run, "state", i.victim(f, n)...)
		said = strings.TrimSpace(said)
		return said, said == "gone", err
	}
}

// repower gives a disk its power again, and starts the node.
func (i *Injector) repower(ctx context.Context, n *node) error {
	if _, err := i.tellDisk(ctx, n, "on"); err != nil {
		return err
	}
	return i.revive(ctx, n)
}

// sicken makes the disks of the fault's hosts slow, full or failing, and awaits the first operation
// that meets it.
func (i *Injector) sicken(ctx context.Context, f *history.Fault, e nemesis.Event) error {
	struck, m := i.struck(f), maladies[e.Kind]
	command := []string{m.begin}
	if e.Amount > 0 {
		command = append(command, e.Amount.String())
	}
	before := make(map[string]int, len(struck))
	for _, n := range struck {
		if err := n.needDisk(f.Kind); err != nil {
			return err
		}
		state, err := i.tellDisk(ctx, n, "state")
		if err != nil {
			return err
		}
		before[n.name()] = state.counts[m.count]
	}
	err := each(struck, func(n *node) error {
		_, err := i.tellDisk(ctx, n, command...)
		return err
	})
	f.Start = i.clock()
	if err == nil {
		err = gather(f, struck, func(n *node) (history.Evidence, error) {
			return i.await(ctx, n.name(), m.what, func(ctx context.Context) (string, bool, error) {
				state, err := i.tellDisk(ctx, n, "state")
				met := state.counts[m.count] - before[n.name()]
				return strconv.Itoa(met), met > 0, err
			})
		})
	}
	if err == nil {
		return nil
	}
	undo, cancel := afterwards(ctx)
	defer cancel()
	return errors.Join(err, each(struck, func(n *node) error {
		if _, err := i.tellDisk(undo, n, m.end); err != nil || e.Kind.Traits().Runs {
			return err
		}
		return i.revive(undo, n) // it may have ended
	}))
}

// cure looks whether the disks are still as the fault made them, heals them, and starts the nodes
// that could not go on.
func (i *Injector) cure(ctx context.Context, f *history.Fault) error {
	kind := nemesis.Kind(f.Kind)
	m := maladies[kind]
	return gather(f, i.struck(f), func(n *node) (e history.Evidence, err error) {
		if !ended(*f, n.name()) {
			state, err := i.tellDisk(ctx, n, "state")
			if errors.Is(err, ErrExpired) {
				return i.atEnd(n, m.what, "healed by the guard", false), err
			} else if err != nil {
				return e, err
			}
			e = i.atEnd(n, m.what, strings.Join(state.ills, "+"), state.has(m.state))
		}
		if _, err := i.tellDisk(ctx, n, m.end); err != nil || kind.Traits().Runs {
			return e, err
		}
		return e, i.revive(ctx, n)
	})
}

// sane proves that a run left a disk as it found it.
func (n *node) sane(ctx context.Context) error {
	if n.disk == "" {
		return nil
	}
	result, err := n.host.Run(ctx, target.Command{Root: true, Args: []string{n.disk},
		Script: `{ echo state >&8 && cat <&8; } 8<>"$1/.control"`})
	if err = n.judge("look at the disk", result, err); err != nil {
		return err
	}
	state, err := parseDiskState(strings.TrimSpace(string(result.Stdout)))
	if err == nil && !state.has("healthy") {
		err = fmt.Errorf("%w: its disk is %s", ErrDirty, strings.Join(state.ills, "+"))
	}
	return n.fail("compare with before", "", err)
}
