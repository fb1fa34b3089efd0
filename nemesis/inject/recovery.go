package inject

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gauntlet/target"
)

// ForceAll as the run to end by force means every run on the host.
const ForceAll = "all"

// Healed is what Recover found on one host and did there, each line in words for a person.
type Healed struct {
	Did  []string // what was undone; empty if there was nothing
	Left []string // what could not be undone: the host is not clean
	Live []string // runs that a controller still holds; they were left alone
}

// Recover undoes, from the host's own journals alone, whatever runs have left there: rules, stopped
// processes, the runs' processes and files. Runs that a controller still holds are left alone, but
// for the one that force names, or ForceAll; its controller finds its epoch refused from then on.
// Recover may be repeated and interrupted, and called by anyone who can log in.
func Recover(ctx context.Context, h *target.Host, force string) (Healed, error) {
	return recoverHost(ctx, h, force)
}

func recoverHost(ctx context.Context, h host, force string) (Healed, error) {
	n := node{host: h}
	result, err := h.Run(ctx, target.Command{
		Script: `set -- "$1" "$HOME" "$2"` + "\n" + guardScript, Args: []string{"heal", force},
		Root: true,
	})
	if err = n.judge("heal", result, err); err != nil {
		return Healed{}, err
	}
	healed, err := parseHealed(string(result.Stdout))
	return healed, n.fail("heal", "", err)
}

// parseHealed reads what the guard said of its healing. Text that ends without its last word is an
// error: what was cut short would make any host look clean.
func parseHealed(text string) (Healed, error) {
	var h Healed
	for line := range strings.Lines(text) {
		line, whole := strings.CutSuffix(line, "\n")
		what, rest, _ := strings.Cut(line, " ")
		switch {
		case !whole:
			return h, fmt.Errorf("answer %q was cut short", line)
		case line == "healed":
			return h, nil
		case what == "did":
			h.Did = append(h.Did, rest)
		case what == "left":
			h.Left = append(h.Left, rest)
		case what == "live":
			h.Live = append(h.Live, rest)
		default:
			return h, fmt.Errorf("unexpected answer %q", line)
		}
	}
	return h, errors.New("the answer ends too early")
}
