package inject

import (
	"context"
	_ "embed"
	"strings"

	"gauntlet/target"
)

//go:embed capability.sh
var capabilityScript string

// Capability is one thing that faults need on a host.
type Capability struct {
	Name   string // "iptables", "match u32", ...
	OK     bool
	Detail string // what was seen
	Hint   string // what to do if it is not OK
}

// hints says what each capability is needed for, or where it comes from.
var hints = map[string]string{
	"root":             "rules can be changed by root only: log in as root",
	"iptables":         "partitions need it: install the package iptables",
	"iptables-restore": "partitions need it: install the package iptables",
	"iptables-save":    "the clean-up proof needs it: install the package iptables",
	"ip6tables":        "needed only if hosts have IPv6 addresses",
	"flock":            "the guard needs it: install the package util-linux",
	"setsid":           "the guard needs it: install the package util-linux",
	"match multiport":  "partitions need it: load the kernel module xt_multiport",
	"match u32":        "one-way shapes need it: load the kernel module xt_u32",
}

// Capabilities asks a host what it has of all that faults need, and changes nothing there.
func Capabilities(ctx context.Context, h *target.Host) ([]Capability, error) {
	return capabilities(ctx, h)
}

func capabilities(ctx context.Context, h host) ([]Capability, error) {
	n := node{host: h}
	result, err := h.Run(ctx, target.Command{Script: capabilityScript})
	if err = n.judge("look for capabilities", result, err); err != nil {
		return nil, err
	}
	var found []Capability
	for line := range strings.Lines(string(result.Stdout)) {
		fields := strings.SplitN(strings.TrimRight(line, "\n"), "\t", 3)
		if len(fields) != 3 {
			continue
		}
		c := Capability{Name: fields[0], OK: fields[1] == "yes", Detail: fields[2]}
		if !c.OK {
			c.Hint = hints[c.Name]
		}
		found = append(found, c)
	}
	return found, nil
}
