package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
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
	"ssh": true, "sessions": true, "root": true, "setsid": true, "match multiport": true, // a host
	"backend": true, "lingering": true,
	"iptables": true, "iptables-restore": true, "iptables-save": true, "flock": true, // both
}

// column is what one place can and cannot do. What is not in it was not asked.
type column struct {
	place    string
	findings []finding
	warning  string
}

type finding struct {
	name, detail, hint string
	ok                 bool
	needed             bool // by every run there
}

// Run prints a table of places and capabilities, what is behind its words, and ends with exit code
// 4 if something is missing that every run needs.
func (c *DoctorCmd) Run(out io.Writer) error {
	columns, err := c.examine()
	if err != nil {
		return err
	}
	if err := printTable(out, columns); err != nil {
		return err
	}
	if err := printDetails(out, columns); err != nil {
		return err
	}
	missing := 0
	for _, column := range columns {
		for _, f := range column.findings {
			if f.mark() == missingMark {
				missing++
			}
		}
		if column.warning != "" {
			fmt.Fprintf(out, "warning: %s\n", column.warning)
		}
	}
	if missing > 0 {
		return &exitError{exitHarness,
			fmt.Errorf("%d capabilities that every run needs are missing", missing)}
	}
	return nil
}

// examine asks this machine, or all hosts of an inventory at once.
func (c *DoctorCmd) examine() ([]column, error) {
	if c.Hosts == "" {
		here := column{place: "this machine"}
		for _, f := range lab.Capabilities() {
			here.findings = append(here.findings, finding{f.Name, f.Detail, f.Hint, f.OK, needed[f.Name]})
		}
		return []column{here}, nil
	}
	configs, err := target.LoadInventory(c.Hosts)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	columns := make([]column, len(configs))
	var wait sync.WaitGroup
	for i, config := range configs {
		wait.Go(func() { columns[i] = examineHost(config) })
	}
	wait.Wait()
	return columns, nil
}

// examineHost asks one host.
func examineHost(config target.HostConfig) column {
	c := column{place: config.Name}
	if config.SharedWith != "" {
		c.warning = fmt.Sprintf("%s is shared with %s", config.Name, config.SharedWith)
	}
	ctx, cancel := context.WithTimeout(context.Background(), doctorTimeout)
	defer cancel()
	host, err := target.Connect(ctx, config)
	if err != nil {
		c.findings = unconnected(config, err)
		return c
	}
	defer host.Close()
	c.findings = []finding{{name: "ssh", ok: true}, {name: "sessions", ok: true}}
	found, err := inject.Capabilities(ctx, host)
	if err != nil {
		c.findings = append(c.findings, troubled("root", config, err))
		return c
	}
	ipv6 := strings.Contains(config.Address, ":")
	for _, f := range found {
		must := needed[f.Name] || ipv6 && strings.HasPrefix(f.Name, "ip6tables")
		c.findings = append(c.findings, finding{f.Name, f.Detail, f.Hint, f.OK, must})
	}
	return c
}

// unconnected says how far we came with a host that could not be connected to.
func unconnected(config target.HostConfig, err error) []finding {
	switch {
	case errors.Is(err, target.ErrSessions):
		return []finding{{name: "ssh", ok: true}, troubled("sessions", config, err)}
	case errors.Is(err, target.ErrBecome):
		return []finding{{name: "ssh", ok: true}, {name: "sessions", ok: true},
			troubled("root", config, err)}
	default:
		return []finding{troubled("ssh", config, err)}
	}
}

// troubled is the finding that an error of a host is.
func troubled(name string, config target.HostConfig, err error) finding {
	said := strings.TrimPrefix(err.Error(), config.Name+": ")
	return finding{name, said, strings.Join(target.Hints(err), "; "), false, needed[name]}
}

// The words of the table.
const (
	okMark      = "ok"
	noMark      = "no"
	missingMark = "MISSING" // and no run can do without
	unaskedMark = "-"
)

func (f finding) mark() string {
	switch {
	case f.ok:
		return okMark
	case f.needed:
		return missingMark
	default:
		return noMark
	}
}

// names are the capabilities that were asked for anywhere, in the order in which they were met.
func names(columns []column) []string {
	var all []string
	for _, c := range columns {
		for _, f := range c.findings {
			if !slices.Contains(all, f.name) {
				all = append(all, f.name)
			}
		}
	}
	return all
}

// find is what a place says of a capability.
func (c column) find(name string) (finding, bool) {
	i := slices.IndexFunc(c.findings, func(f finding) bool { return f.name == name })
	if i < 0 {
		return finding{}, false
	}
	return c.findings[i], true
}

// printTable prints a row for each capability and a column for each place.
func printTable(out io.Writer, columns []column) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprint(table, "CAPABILITY")
	for _, c := range columns {
		fmt.Fprint(table, "\t", c.place)
	}
	fmt.Fprintln(table)
	for _, name := range names(columns) {
		fmt.Fprint(table, name)
		for _, c := range columns {
			mark := unaskedMark
			if f, asked := c.find(name); asked {
				mark = f.mark()
			}
			fmt.Fprint(table, "\t", mark)
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// printDetails says what was seen and what to do, once for all places that say the same.
func printDetails(out io.Writer, columns []column) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table)
	for _, name := range names(columns) {
		said := map[finding][]string{}
		var order []finding
		for _, c := range columns {
			f, asked := c.find(name)
			if !asked || f.detail == "" && f.ok {
				continue
			}
			if said[f] == nil {
				order = append(order, f)
			}
			said[f] = append(said[f], c.place)
		}
		for _, f := range order {
			detail := f.detail
			if !f.ok && f.hint != "" {
				detail = strings.TrimSpace(fmt.Sprintf("%s (%s)", detail, f.hint))
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", strings.Join(said[f], " "), name, detail)
		}
	}
	return table.Flush()
}
