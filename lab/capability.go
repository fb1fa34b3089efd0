package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"gauntlet/lab/sshd"
)

// Capability is one thing that this machine can or cannot do for a lab.
type Capability struct {
	Name   string
	OK     bool
	Detail string // what was found
	Hint   string // how to get it; empty if OK
}

const probeTimeout = 15 * time.Second

// Capabilities tries everything out, in namespaces of its own: what a tool's presence promises,
// a kernel may still refuse.
func Capabilities() []Capability {
	all, err := probe()
	if err == nil {
		return all
	}
	c := Capability{Name: "namespaces", Detail: err.Error(), Hint: "see the lab's requirements"}
	var explained *Error
	if errors.As(err, &explained) {
		c.Hint = explained.Hint
	}
	return []Capability{c}
}

func probe() ([]Capability, error) {
	runtime.LockOSThread() // the child dies with this thread
	defer runtime.UnlockOSThread()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	c, err := spawnIsolated(roleProbe, null)
	if err != nil {
		return nil, err
	}
	defer c.Wait()
	defer c.Process.Kill()
	defer c.down.close()
	c.down.conn.SetDeadline(time.Now().Add(probeTimeout))
	var all []Capability
	var r initReport
	if _, err := c.down.receive(&r); err != nil {
		return nil, err
	}
	if err := refusal(r.err()); err != nil {
		return nil, err
	}
	_, err = c.down.receive(&all)
	return all, err
}

// runProbe is a host that tries things instead of serving.
func runProbe(up *link) error {
	err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if err == nil {
		err = makeBridge()
	}
	if err == nil {
		err = hostConfig{Home: os.TempDir()}.mount()
	}
	if sendErr := up.send(report(err)); err != nil || sendErr != nil {
		return errors.Join(err, sendErr)
	}
	how := "as root"
	if data, err := os.ReadFile("/proc/self/uid_map"); err == nil &&
		!strings.Contains(string(data), "4294967295") {
		how = "in a user namespace"
	}
	all := []Capability{{Name: "namespaces", OK: true, Detail: how}}
	all = append(all, tryTool("flock", "install the package util-linux"))
	all = append(all, tryFilter()...)
	all = append(all, tryQueues()...)
	return up.send(append(all, tryFuse()))
}

func tryTool(name, hint string) Capability {
	for _, dir := range strings.Split(sshd.Path, ":") {
		path := dir + "/" + name
		if unix.Access(path, unix.X_OK) == nil {
			return Capability{Name: name, OK: true, Detail: path}
		}
	}
	return Capability{Name: name, Detail: "not found in " + sshd.Path, Hint: hint}
}

// tryFilter adds a rule with each extension that faults use, to this namespace's own tables.
func tryFilter() []Capability {
	tool := tryTool("iptables", "install the package iptables")
	if !tool.OK {
		return []Capability{tool}
	}
	path := tool.Detail
	version, _ := exec.Command(path, "--version").Output()
	tool.Detail += ", " + strings.TrimSpace(string(version))
	all := []Capability{tool}
	for _, extension := range []struct{ name, rule string }{
		{"drop", "-j DROP"},
		{"reject", "-p tcp -j REJECT --reject-with tcp-reset"},
		{"comment", "-m comment --comment gauntlet"},
		{"multiport", "-p tcp -m multiport --dports 22,4401"},
		{"length", "-m length --length 53:65535"},
		{"u32", "-m u32 --u32 0&0xFFFF=0x35:0xFFFF"},
		{"statistic", "-m statistic --mode random --probability 0.5"},
		{"conntrack", "-m conntrack --ctstate ESTABLISHED"},
	} {
		c := Capability{Name: "iptables " + extension.name, OK: true, Detail: "works"}
		args := append([]string{"-w", "-A", "INPUT"}, strings.Fields(extension.rule)...)
		if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
			line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
			c.OK, c.Detail = false, fmt.Sprintf("%v: %s", err, line)
			c.Hint = "load the kernel's module, or use a kernel that has it"
		}
		all = append(all, c)
	}
	return all
}

// tryQueues sets each queueing discipline that faults use on the bridge, one after the other.
func tryQueues() []Capability {
	bridge, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return []Capability{{Name: "queueing disciplines", Detail: err.Error()}}
	}
	attrs := netlink.QdiscAttrs{
		LinkIndex: bridge.Attrs().Index, Handle: netlink.MakeHandle(1, 0),
		Parent: netlink.HANDLE_ROOT,
	}
	var all []Capability
	for _, q := range []netlink.Qdisc{
		netlink.NewNetem(attrs, netlink.NetemQdiscAttrs{Latency: 1000}),
		&netlink.Tbf{QdiscAttrs: attrs, Rate: 1 << 20, Limit: 1 << 16, Buffer: 1 << 14},
		netlink.NewHtb(attrs),
		netlink.NewPrio(attrs),
	} {
		c := Capability{Name: "tc " + q.Type(), OK: true, Detail: "works"}
		if err := netlink.QdiscAdd(q); err != nil {
			c.OK, c.Detail = false, err.Error()
			if errors.Is(err, unix.ENOENT) {
				c.Detail = "not in this kernel"
			}
			c.Hint = "load the module sch_" + q.Type() + ", or use a kernel that has it"
		} else {
			netlink.QdiscDel(q)
		}
		all = append(all, c)
	}
	return all
}

func tryFuse() Capability {
	c := Capability{Name: "fuse", OK: true, Detail: "/dev/fuse opens"}
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return Capability{Name: "fuse", Detail: err.Error(), Hint: "disk faults need root here"}
	}
	f.Close()
	return c
}
