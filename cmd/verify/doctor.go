package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"gauntlet/lab"
	"gauntlet/nemesis/inject"
	"gauntlet/target"
)

// DoctorCmd says what can be done where.
type DoctorCmd struct {
	Hosts string `help:"Ask the hosts of this inventory, not this machine." placeholder:"FILE"`
}

// doctorTimeout bounds the examination of one host.
const doctorTimeout = 30 * time.Second

// needed names what no run can do without; all else is needed by some faults only.
var needed = map[string]bool{
	"namespaces": true, "iptables drop": true, "iptables multiport": true, // this machine
	"ssh": true, "root": true, "setsid": true, "match multiport": true, // a host
	"iptables": true, "iptables-restore": true, "iptables-save": true, "flock": true, // both
}

// Run prints one line per capability and ends with exit code 4 if something is missing that every
// run needs.
func (c *DoctorCmd) Run(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "WHERE\tCAPABILITY\t\tDETAIL")
	var missing int
	if c.Hosts == "" {
		for _, found := range lab.Capabilities() {
			missing += row(table, "this machine", found.Name, found.OK, found.Detail, found.Hint)
		}
	} else {
		configs, err := target.LoadInventory(c.Hosts)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		for _, config := range configs {
			missing += examine(table, config)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if missing > 0 {
		return &exitError{exitHarness,
			fmt.Errorf("%d capabilities that every run needs are missing", missing)}
	}
	return nil
}

// examine prints the capabilities of one host and returns how many of the needed ones are missing.
func examine(out io.Writer, config target.HostConfig) (missing int) {
	ctx, cancel := context.WithTimeout(context.Background(), doctorTimeout)
	defer cancel()
	host, err := target.Connect(ctx, config)
	if err != nil {
		hint := ""
		var failed *target.HostError
		if errors.As(err, &failed) {
			hint = failed.Hint
		}
		return row(out, config.Name, "ssh", false, err.Error(), hint)
	}
	defer host.Close()
	row(out, config.Name, "ssh", true, "connected as "+config.User, "")
	found, err := inject.Capabilities(ctx, host)
	if err != nil {
		return row(out, config.Name, "tools", false, err.Error(), "")
	}
	for _, f := range found {
		missing += row(out, config.Name, f.Name, f.OK, f.Detail, f.Hint)
	}
	return missing
}

func row(out io.Writer, where, name string, ok bool, detail, hint string) (missing int) {
	mark := "ok"
	if !ok {
		mark = "no"
		if needed[name] {
			mark, missing = "MISSING", 1
		}
		if hint != "" {
			detail += " (" + hint + ")"
		}
	}
	fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", where, name, mark, detail)
	return missing
}
