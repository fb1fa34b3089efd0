package inject

import (
	"context"
	"errors"

	"gauntlet/target"
)

// Healed is what Recover found on one host and did there, each line in words for a person.
type Healed struct {
	Host string
	Did  []string // what was undone; empty if there was nothing
	Left []string // what could not be undone: the host is not clean
	Live []string // runs whose controller lives: "06a68cf8 of 198.18.0.1"; they were left alone
}

// Recover undoes, from the host's own journals alone, whatever runs have left there: rules, stopped
// processes, the runs' processes and files. Runs that a controller still holds are left alone,
// unless force is set; such a controller finds its epoch refused from then on. Recover may be
// repeated, and called by anyone who can log in.
func Recover(ctx context.Context, h *target.Host, force bool) (Healed, error) {
	return Healed{Host: h.Name()}, errors.New("not built yet")
}
