package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"gauntlet/nemesis/inject"
	"gauntlet/target"
)

// ConsentCmd writes the markers by which the owner of hosts allows faults on them.
type ConsentCmd struct {
	Hosts   string        `help:"Inventory of the hosts." placeholder:"FILE" required:""`
	Cluster string        `help:"Their cluster in the inventory." placeholder:"ID" required:""`
	For     time.Duration `help:"How long it lasts, such as 24h." placeholder:"TIME" required:""`
}

// maxConsent keeps a consent from outlasting the memory of who gave it.
const maxConsent = 366 * 24 * time.Hour

// Run writes a marker on each host of the inventory, and on no other.
func (c *ConsentCmd) Run(out io.Writer) error {
	if c.For <= 0 || c.For > maxConsent {
		return &exitError{exitUsage, fmt.Errorf("--for %v: want more than 0 and at most %v",
			c.For, maxConsent)}
	}
	hosts, err := target.LoadInventory(c.Hosts)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	for _, h := range hosts {
		if h.Cluster != c.Cluster {
			return &exitError{exitUsage, fmt.Errorf(
				"--cluster %s: host %s of %s is of cluster %q: no run would use this consent",
				c.Cluster, h.Name, c.Hosts, h.Cluster)}
		}
	}
	consent := inject.Consent{Cluster: c.Cluster, Expires: time.Now().Add(c.For)}
	failed := eachHost(hosts, func(ctx context.Context, _ int, h *target.Host) error {
		return inject.WriteConsent(ctx, h, consent)
	})
	for i, h := range hosts {
		if failed[i] == nil {
			fmt.Fprintf(out, "%s  consents to faults of cluster %s until %s\n", h.Name, c.Cluster,
				consent.Expires.UTC().Format(time.RFC3339))
		}
	}
	return errors.Join(failed...)
}
