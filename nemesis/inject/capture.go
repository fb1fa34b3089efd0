package inject

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// The bounds of packet captures on one host.
const (
	capturePackets   = 20000    // of one fault; each with at most 256 bytes
	captureKilobytes = 64 << 10 // of all faults: over that, no further one is begun
	captureBytes     = 16 << 20 // of one file when it is fetched
)

// FetchCaptures copies the packet captures of every host, each compressed, into the directory that
// dir names for it. Without Config.Capture there are none.
func (i *Injector) FetchCaptures(ctx context.Context, dir func(host string) string) error {
	if !i.capture {
		return nil
	}
	return each(i.nodes, func(n *node) error {
		files, err := n.captures(ctx, i.run)
		for _, file := range files {
			err = errors.Join(err, n.fetchCapture(ctx, file, dir(n.name())))
		}
		return err
	})
}

// Warnings is what Arm and the faults found that the run can do without, one line each: no tcpdump
// on a host.
func (i *Injector) Warnings() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.warnings)
}

func (i *Injector) warn(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if line := oneLine(err); !slices.Contains(i.warnings, line) {
		i.warnings = append(i.warnings, line)
	}
}

// canCapture warns of hosts that cannot.
func (i *Injector) canCapture(ctx context.Context) {
	_ = each(i.nodes, func(n *node) error {
		result, err := n.host.Run(ctx, target.Command{Root: true,
			Script: `command -v tcpdump >/dev/null`})
		if err == nil && result.Exit != 0 {
			err = fmt.Errorf("%w: tcpdump, so its packets are not captured", ErrMissing)
		}
		if n.mute = err != nil; n.mute {
			i.warn(n.fail("capture", "", err))
		}
		return nil
	})
}

// records reports that the fault concerns what peers say to each other, and that is wanted.
func (i *Injector) records(f *history.Fault) bool {
	return i.capture && nemesis.Kind(f.Kind).Traits().Links
}

// record captures what the peers of a partition's hosts say to each other, as long as it lasts. A
// capture that fails is a warning, no more: the fault is what the run is about.
func (i *Injector) record(ctx context.Context, f *history.Fault) {
	if !i.records(f) {
		return
	}
	filter := i.peers()
	_ = each(i.involved(f.Cuts), func(n *node) error {
		if n.mute {
			return nil
		}
		_, err := n.guard(ctx, i.run, "capture", captureName(f), strconv.Itoa(capturePackets),
			strconv.Itoa(captureKilobytes), filter)
		if err != nil {
			i.warn(err)
		}
		return nil
	})
}

// unrecord ends the captures of a fault.
func (i *Injector) unrecord(ctx context.Context, f *history.Fault) {
	if !i.records(f) {
		return
	}
	ctx, cancel := afterwards(ctx)
	defer cancel()
	_ = each(i.involved(f.Cuts), func(n *node) error {
		if n.mute {
			return nil
		}
		_, err := n.guard(ctx, i.run, "uncapture", captureName(f))
		if err != nil && !errors.Is(err, ErrExpired) { // the host has ended it by itself
			i.warn(err)
		}
		return nil
	})
}

func captureName(f *history.Fault) string { return "fault-" + strconv.Itoa(f.ID) }

// involved are the hosts on either side of the cuts.
func (i *Injector) involved(cuts []history.Cut) []*node {
	return slices.DeleteFunc(slices.Clone(i.nodes), func(n *node) bool {
		return !slices.ContainsFunc(cuts,
			func(c history.Cut) bool { return c.To == n.name() || c.From == n.name() })
	})
}

// peers is the filter, in tcpdump's language, for what the run's hosts say to each other.
func (i *Injector) peers() string {
	var hosts []string
	for _, n := range i.nodes {
		hosts = append(hosts, "host "+n.host.Address())
	}
	filter := "(" + strings.Join(hosts, " or ") + ")"
	if i.port != 0 {
		filter = fmt.Sprintf("tcp port %d and %s", i.port, filter)
	}
	return filter
}

// captures lists the files of a run on a host, oldest fault first.
func (n *node) captures(ctx context.Context, run string) ([]string, error) {
	result, err := n.host.Run(ctx, target.Command{Args: []string{run},
		Script: `cd "$HOME/.gauntlet/$1/capture" 2>/dev/null || exit 0
			for file in *.pcap; do [ ! -f "$file" ] || echo "$PWD/$file"; done`})
	if err = n.judge("list captures", result, err); err != nil {
		return nil, err
	}
	files := strings.Fields(string(result.Stdout))
	slices.SortFunc(files, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return files, nil
}

// fetchCapture copies one file. Of one that is too long, the beginning is a capture as well.
func (n *node) fetchCapture(ctx context.Context, file, dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	to, err := os.Create(filepath.Join(dir, filepath.Base(file)+".gz"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	packed := gzip.NewWriter(to)
	_, err = n.get(ctx, file, packed, captureBytes)
	if errors.Is(err, target.ErrTooLarge) {
		err = nil
	}
	return errors.Join(err, packed.Close())
}

// getter copies a file of a host.
type getter func(ctx context.Context, path string, w io.Writer, limit int64) (int64, error)
