package inject

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

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
	"root":     "rules can be changed by root only: write become: sudo -n, or log in as root",
	"iptables": "partitions need it: install the package iptables",
	"backend": "partitions need an iptables whose version says nf_tables or legacy: " +
		"install the package iptables",
	"iptables-restore":  "partitions need it: install the package iptables",
	"iptables-save":     "the clean-up proof needs it: install the package iptables",
	"ip6tables":         "needed only if hosts have IPv6 addresses: install the package iptables",
	"ip6tables-restore": "hosts with IPv6 addresses need it: install the package iptables",
	"ip6tables-save":    "hosts with IPv6 addresses need it: install the package iptables",
	"flock":             "the guard needs it: install the package util-linux",
	"setsid":            "the guard needs it: install the package util-linux",
	"lingering": "the guard must outlive its login: " +
		"set KillUserProcesses=no in /etc/systemd/logind.conf",
	"match multiport": "partitions need it: load the kernel module xt_multiport",
	"match u32":       "one-way shapes need it: load the kernel module xt_u32",
	"match statistic": "faults of kind loss need it: load the kernel module xt_statistic",
	"match length":    "faults of kind mtu need it: load the kernel module xt_length",
	"target REJECT": "mode: reject needs it: load the kernel modules ipt_REJECT and, for IPv6, " +
		"ip6t_REJECT",
	"packet sizes": "faults of kind mtu take too much there: " +
		"ethtool -K DEVICE gro off lro off",
	"tcpdump": "needed only for capture: peers: install the package tcpdump",
	"free":    "wait until that run ends, or until its lease has run out",
}

// Capabilities asks a host what it has of all that faults need, and changes nothing there.
func Capabilities(ctx context.Context, h *target.Host) ([]Capability, error) {
	n := &node{host: h, cluster: h.Cluster()}
	result, err := h.Run(ctx, target.Command{
		Script: firewallScript + capabilityScript, Root: h.Root(),
	})
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
	return append(found, n.consentCapability(ctx)), nil
}

// consentCapability says whether a run would be allowed on the host.
func (n *node) consentCapability(ctx context.Context) Capability {
	c := Capability{Name: "consent"}
	if err := n.consented(ctx); err != nil {
		c.Detail, c.Hint = err.Error(), strings.Join(target.Hints(err), "; ")
		if failed, ok := errors.AsType[*target.HostError](err); ok {
			c.Detail = failed.Err.Error()
		}
		return c
	}
	c.OK = true
	c.Detail = fmt.Sprintf("cluster %s until %s", n.cluster, n.until.UTC().Format(time.RFC3339))
	return c
}
