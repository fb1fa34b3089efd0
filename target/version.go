package target

import (
	"context"
	"fmt"
	"sync"
)

// Versions is a Target of which two builds can run, each node one of its own: the older is 0, the
// newer 1.
type Versions interface {
	Target
	Stopper
	// Choose makes a build that of the node's next start.
	Choose(h *Host, build int)
	// Build is the build of the node's next start, if no other is chosen until then.
	Build(h *Host) int
	// Version asks the running node which build it is, in its own words.
	Version(ctx context.Context, h *Host) (string, error)
}

// Start says which builds the nodes of a cluster begin with.
type Start string

// The starts. Mixed: the older and the newer in turn, node by node.
const (
	StartOlder Start = "older"
	StartNewer Start = "newer"
	StartMixed Start = "mixed"
)

// Builds is the build that each of the nodes begins with, or nil if there is only one.
func (s RaftdSpec) Builds() []int {
	if len(s.Binaries) == 0 {
		return nil
	}
	builds := make([]int, max(s.Nodes, 0))
	for i := range builds {
		switch s.Start {
		case StartNewer:
			builds[i] = 1
		case StartMixed:
			builds[i] = i % 2
		}
	}
	return builds
}

// builds is which build runs on which host.
type builds struct {
	mu     sync.Mutex
	chosen map[string]int // by host name
}

func (b *builds) of(h *Host) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.chosen[h.Name()]
}

func (b *builds) choose(h *Host, build int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chosen[h.Name()] = build
}

// versioned is a raftd of two builds.
type versioned struct{ *raftd }

func (v versioned) Choose(h *Host, build int) { v.builds.choose(h, build) }

func (v versioned) Build(h *Host) int { return v.builds.of(h) }

// Version is the build that the node's status names.
func (v versioned) Version(ctx context.Context, h *Host) (string, error) {
	s, err := v.status(ctx, h)
	if err != nil {
		return "", h.fail("ask for the version", "", err)
	}
	return s.Build, nil
}

// readPrograms reads every build that the nodes may run.
func (r *raftd) readPrograms() ([]program, error) {
	paths := r.spec.Binaries
	if len(paths) == 0 {
		paths = []string{r.spec.Binary}
	}
	programs := make([]program, len(paths))
	for i, path := range paths {
		var err error
		if programs[i], err = readProgram(path); err != nil {
			return nil, fmt.Errorf("raftd binary: %w", err)
		}
	}
	if len(programs) == 2 && programs[0].path == programs[1].path {
		return nil, fmt.Errorf("raftd binaries %s and %s are the same program", paths[0], paths[1])
	}
	return programs, nil
}

// program is the build of a host's node.
func (r *raftd) program(h *Host) (program, error) {
	programs, err := r.programs()
	if err != nil {
		return program{}, err
	}
	return programs[r.builds.of(h)], nil
}
