package nemesis

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/history"
)

// The kinds of faults. "While it lasts" is the event's For.
const (
	KindPartition Kind = "partition" // severs links
	KindPause     Kind = "pause"     // stops a process, and lets it continue
	KindKill      Kind = "kill"      // kills a process, and starts it again
	KindVersion   Kind = "version"   // ends a process, and starts it again as another build
	KindPower     Kind = "power"     // as kill, and what was not yet synced is lost or torn

	KindClockJump Kind = "clock-jump" // moves a monotonic clock forward by Amount, at once
	KindClockRate Kind = "clock-rate" // a clock runs Rate permille faster, or slower if negative

	KindDiskSlow  Kind = "disk-slow"  // each write with its sync takes Amount longer
	KindDiskError Kind = "disk-error" // the next sync fails: the process must end, and starts again
	KindDiskFull  Kind = "disk-full"  // writes fail: the process must end, and starts again
	KindBitRot    Kind = "bit-rot"    // as kill, and a durable bit of the log flips

	KindLoss      Kind = "loss"      // Rate permille of the messages are lost
	KindDuplicate Kind = "duplicate" // Rate permille of the messages arrive twice
	KindDelay     Kind = "delay"     // messages take Amount longer
	KindReorder   Kind = "reorder"   // Rate permille of the messages are held back by up to Amount
	KindClog      Kind = "clog"      // nothing arrives while it lasts, then everything
	KindMTU       Kind = "mtu"       // packets of Size bytes or more are lost: a black hole

	KindClientCut Kind = "client-cut" // nothing that clients send arrives
)

// Traits are what a kind takes, and where it can be had.
type Traits struct {
	Links   bool // strikes links by shape; else processes, clocks or disks by role
	Crowd   bool // strikes several processes at once where its role says so
	MinRate int  // of Rate, which is never 0; MinRate = MaxRate = 0: takes none
	MaxRate int  //
	Amount  bool // takes an Amount
	Size    bool // takes a Size
	Entries bool // takes a number of Entries
	Does    bool // is an operation: over once it is done, see KindAdd
	Runs    bool // strikes by role, and yet the process runs on
	Hosts   bool // package inject carries it out, in the lab and on hosts
	Lossy   bool // ... where the data lie on a lossy disk, which only hosts of a lab have
	Sim     bool // the simulator does
}

// maxAmount and maxSize bound amounts and sizes: more is a slip of the unit.
const (
	maxAmount = time.Hour
	maxSize   = 65535
)

// kinds is the one list of what can befall a cluster.
var kinds = []struct {
	kind Kind
	Traits
}{
	{KindPartition, Traits{Links: true, Hosts: true, Sim: true}},
	{KindPause, Traits{Crowd: true, Hosts: true, Sim: true}},
	{KindKill, Traits{Crowd: true, Hosts: true, Sim: true}},
	{KindVersion, Traits{Hosts: true}},
	{KindPower, Traits{Crowd: true, Lossy: true, Sim: true}},
	{KindClockJump, Traits{Runs: true, Amount: true, Sim: true}},
	{KindClockRate, Traits{Runs: true, MinRate: -900, MaxRate: 1000, Sim: true}},
	{KindDiskSlow, Traits{Runs: true, Amount: true, Lossy: true, Sim: true}},
	{KindDiskError, Traits{Lossy: true, Sim: true}},
	{KindDiskFull, Traits{Lossy: true, Sim: true}},
	{KindBitRot, Traits{Sim: true}},
	{KindLoss, Traits{Links: true, MinRate: 1, MaxRate: 1000, Hosts: true, Sim: true}},
	{KindDuplicate, Traits{Links: true, MinRate: 1, MaxRate: 1000, Sim: true}},
	{KindDelay, Traits{Links: true, Amount: true, Sim: true}},
	{KindReorder, Traits{Links: true, MinRate: 1, MaxRate: 1000, Amount: true, Sim: true}},
	{KindClog, Traits{Links: true, Sim: true}},
	{KindMTU, Traits{Links: true, Size: true, Hosts: true, Sim: true}},
	{KindClientCut, Traits{Crowd: true, Runs: true, Hosts: true, Sim: true}},
	{KindAdd, Traits{Does: true, Runs: true, Hosts: true}},
	{KindPromote, Traits{Does: true, Runs: true, Hosts: true}},
	{KindRemove, Traits{Does: true, Hosts: true}},
	{KindReplace, Traits{Does: true, Hosts: true}},
	{KindTransfer, Traits{Does: true, Runs: true, Hosts: true, Sim: true}},
	{KindSnapshot, Traits{Does: true, Runs: true, Hosts: true}},
	{KindRestart, Traits{Does: true, Crowd: true, Hosts: true}},
	{KindFill, Traits{Does: true, Runs: true, Entries: true, Hosts: true}},
}

// Kinds lists every kind, always in the same order.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i, row := range kinds {
		all[i] = row.kind
	}
	return all
}

// Traits says what the kind takes; nothing at all if it is unknown.
func (k Kind) Traits() Traits {
	for _, row := range kinds {
		if row.kind == k {
			return row.Traits
		}
	}
	return Traits{}
}

// Valid says why the kind is unknown.
func (k Kind) Valid() error {
	if slices.Contains(Kinds(), k) {
		return nil
	}
	return fmt.Errorf("unknown kind of fault %q (one of %s)", string(k), names(Kinds()))
}

// measures returns every reason why a fault of the kind cannot have such a rate, amount or size,
// joined.
func (k Kind) measures(rate int, amount time.Duration, size int) error {
	var errs []error
	traits := k.Traits()
	switch rated := traits.MaxRate != 0; {
	case !rated && rate != 0:
		errs = append(errs, fmt.Errorf("%s takes no rate", k))
	case rated && rate == 0:
		errs = append(errs, fmt.Errorf("%s needs a rate other than 0", k))
	case rate < traits.MinRate || rate > traits.MaxRate:
		errs = append(errs, fmt.Errorf("%s: a rate of %d permille must be from %d to %d", k, rate,
			traits.MinRate, traits.MaxRate))
	}
	switch {
	case !traits.Amount && amount != 0:
		errs = append(errs, fmt.Errorf("%s takes no amount", k))
	case traits.Amount && (amount <= 0 || amount > maxAmount):
		errs = append(errs, fmt.Errorf("%s: an amount of %v must be above 0 and at most %v", k,
			amount, maxAmount))
	}
	switch {
	case !traits.Size && size != 0:
		errs = append(errs, fmt.Errorf("%s takes no size", k))
	case traits.Size && (size < 1 || size > maxSize):
		errs = append(errs, fmt.Errorf("%s: a size of %d bytes must be from 1 to %d", k, size, maxSize))
	}
	return errors.Join(errs...)
}

// modes is what can become of the packets of a severed link.
var modes = []history.CutMode{history.CutPackets, history.CutPayload, history.CutReject}

// takesMode says why a fault of the kind cannot treat packets so; "" is always right.
func (k Kind) takesMode(mode history.CutMode) error {
	switch {
	case mode == "":
		return nil
	case k != KindPartition && k != KindClientCut:
		return fmt.Errorf("%s takes no mode", k)
	case !slices.Contains(modes, mode):
		return fmt.Errorf("unknown mode %q (one of %s)", string(mode), names(modes))
	}
	return nil
}

// names lists words for a person.
func names[W ~string](words []W) string {
	texts := make([]string, len(words))
	for i, word := range words {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}
