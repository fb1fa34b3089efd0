package inject

import "context"

// FetchCaptures copies the packet captures of every host, compressed, into the directory that dir
// names for it. Without Config.Capture there are none.
func (i *Injector) FetchCaptures(ctx context.Context, dir func(host string) string) error {
	return nil
}

// Warnings is what Arm found that the run can do without, one line each: no tcpdump on a host.
func (i *Injector) Warnings() []string { return nil }
