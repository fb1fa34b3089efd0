package mount

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gauntlet/chance"
	"gauntlet/lab/lossydisk"
)

// ControlName is the control file, in the root of the mount. No listing shows it. A command is
// written to it, whole and at once, and the answer, a line, read from the same descriptor:
//
//	{ echo cut subset 42 >&8; cat <&8; } 8<>DISK/.control
//
//	cut all|prefix|torn|subset SEED   the power goes; answers what was lost
//	on                                the power is back
//	fail, unfail                      syncs fail with EIO, or no more
//	full, unfull                      writes fail with ENOSPC, or no more
//	slow DURATION, unslow             each sync takes so much longer, or no more
//	heal                              none of all that any more
//	state                             changes nothing
//
// The others answer with the state and the counts so far:
//
//	power on|off cuts N failed N refused N stalled N
//
// A command that makes no sense fails with EINVAL.
const ControlName = ".control"

// maxCommand bounds the text of a command, in bytes.
const maxCommand = 256

// obey carries a command out and answers it.
func obey(d *lossydisk.Disk, command string) (string, error) {
	words := strings.Fields(command)
	if len(words) == 3 && words[0] == "cut" {
		return cut(d, words[1], words[2])
	}
	change, err := parseChange(words)
	if err != nil {
		return "", err
	}
	d.Alter(change)
	faults, counts := d.State()
	power := "on"
	if faults.Off {
		power = "off"
	}
	return fmt.Sprintf("power %s cuts %d failed %d refused %d stalled %d\n", power,
		counts.Cuts, counts.Failed, counts.Refused, counts.Stalled), nil
}

func cut(d *lossydisk.Disk, name, number string) (string, error) {
	model, err := lossydisk.ParseModel(name)
	if err != nil {
		return "", err
	}
	seed, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return "", err
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
