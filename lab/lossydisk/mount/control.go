package mount

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gauntlet/chance"
	"gauntlet/lab/lossydisk"
)

// ControlName is the control file, in the root of the mount. No listing shows it. A command is
// written to it, whole and at once, and the answer, a line, read from the same descriptor:
//
//	{ echo cut subset 42 >&8; cat <&8; } 8<>DISK/.control
//
//	cut all|prefix|torn|subset SEED [AT [hold]]   the power goes; answers what was lost
//	on                      the power is back
//	fail, unfail            syncs fail with EIO, or no more
//	full, unfull            writes fail with ENOSPC, or no more
//	slow DURATION, unslow   each sync takes so much longer, or no more
//	heal                    none of all that any more
//	state                   changes nothing
//
// AT is an instant of the machine's CLOCK_BOOTTIME in nanoseconds, at most 10 s ahead: so the disks
// of several hosts of a lab, which share that clock, lose their power at the same one. With hold no
// sync ends from now until then, as if the disk had died a little before: whoever goes on
// acknowledging loses all of that.
//
// The others answer with the state and the counts so far:
//
//	healthy cuts N failed N refused N stalled N
//
// with off, failing, full or slow, or several of these joined by "+", in the place of healthy.
// A command that makes no sense fails with EINVAL.
const ControlName = ".control"

// maxCommand bounds the text of a command, in bytes.
const maxCommand = 256

// obey carries a command out and answers it.
func obey(d *lossydisk.Disk, command string) (string, error) {
	words := strings.Fields(command)
	if len(words) > 0 && words[0] == "cut" {
		return cut(d, words[1:])
	}
	change, err := parseChange(words)
	if err != nil {
		return "", err
	}
	d.Alter(change)
	faults, counts := d.State()
	return fmt.Sprintf("%s cuts %d failed %d refused %d stalled %d\n", condition(faults),
		counts.Cuts, counts.Failed, counts.Refused, counts.Stalled), nil
}

func condition(f lossydisk.Faults) string {
	var ills []string
	for _, ill := range []struct {
		name string
		is   bool
	}{{"off", f.Off}, {"failing", f.FailSyncs}, {"full", f.Full}, {"slow", f.Slow > 0}} {
		if ill.is {
			ills = append(ills, ill.name)
		}
	}
	if len(ills) == 0 {
		return "healthy"
	}
	return strings.Join(ills, "+")
}

// maxAhead bounds how long a cut may wait for its instant.
const maxAhead = 10 * time.Second

// awaitInstant returns at an instant of CLOCK_BOOTTIME, or at once if that has passed.
func awaitInstant(text string) error {
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return err
	}
	ahead := time.Duration(at - now.Nano())
	if ahead > maxAhead {
		return fmt.Errorf("%v ahead is too far", ahead)
	}
	time.Sleep(ahead)
	return nil
}

func cut(d *lossydisk.Disk, words []string) (string, error) {
	held := len(words) == 4 && words[3] == "hold"
	if len(words) < 2 || len(words) > 3 && !held {
		return "", fmt.Errorf("cut %q: want a model and a seed", words)
	}
	model, err := lossydisk.ParseModel(words[0])
	if err != nil {
		return "", err
	}
	seed, err := strconv.ParseUint(words[1], 10, 64)
	if err != nil {
		return "", err
	}
	if held {
		before, _ := d.State()
		d.Alter(func(f *lossydisk.Faults) { f.Slow = 2 * maxAhead })
		defer d.Alter(func(f *lossydisk.Faults) { f.Slow = before.Slow })
	}
	if len(words) > 2 {
		if err := awaitInstant(words[2]); err != nil {
			return "", err
		}
	}
	loss, err := d.Cut(model, chance.New(seed, "lossydisk.cut", 0).Intn)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("lost %d bytes of %d files and %d changes of names (%s)\n", loss.Bytes,
		loss.Files, loss.Names, model), nil
}

// parseChange says what a command other than a cut changes.
func parseChange(words []string) (func(*lossydisk.Faults), error) {
	switch command := strings.Join(words, " "); command {
	case "on":
		return func(f *lossydisk.Faults) { f.Off = false }, nil
	case "fail", "unfail":
		return func(f *lossydisk.Faults) { f.FailSyncs = command == "fail" }, nil
	case "full", "unfull":
		return func(f *lossydisk.Faults) { f.Full = command == "full" }, nil
	case "unslow":
		return func(f *lossydisk.Faults) { f.Slow = 0 }, nil
	case "heal":
		return func(f *lossydisk.Faults) { *f = lossydisk.Faults{} }, nil
	case "state":
		return func(*lossydisk.Faults) {}, nil
	}
	if len(words) != 2 || words[0] != "slow" {
		return nil, fmt.Errorf("unknown command %q", words)
	}
	amount, err := time.ParseDuration(words[1])
	if err != nil || amount <= 0 {
		return nil, fmt.Errorf("slow %s: want a duration above 0", words[1])
	}
	return func(f *lossydisk.Faults) { f.Slow = amount }, nil
}
