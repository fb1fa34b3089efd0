//go:build lab

package acceptance

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// rig is a network of hosts such as other people have: each with Debian's sshd, reached as a login
// that is no root but may use sudo. Two controllers have network stacks of their own on it. There
// is no way out of it, and it ends with close, or with this process.
type rig struct {
	fleet
	dir         string // key, known_hosts, hosts.yaml, one directory a host
	machines    []*machine
	controllers [2]*machine
	rest        []*machine
}

// machine is a first process in namespaces of its own. On the rig's cable it has one address for
// SSH and two for data.
type machine struct {
	name  string
	last  int // the last number of all its addresses
	child *exec.Cmd
	life  *os.File // the process ends when this is closed
	says  *bufio.Reader
	talk  transcript
	key   ssh.PublicKey // of a host
}

//go:embed testdata/openssh-host.sh
var opensshHost string

const (
	login = "gauntlet" // whom the hosts know; openssh-host.sh makes it

	// hostNamespaces are what a host has for itself; a controller has a network stack only.
	hostNamespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
		syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
	netOnly = syscall.CLONE_NEWNET
)

func (m *machine) ssh() string   { return fmt.Sprintf("198.18.100.%d", m.last) }
func (m *machine) data() string  { return fmt.Sprintf("198.19.0.%d", m.last) }
func (m *machine) data6() string { return fmt.Sprintf("fd00:198:19::%d", m.last) }

// newRig makes hosts for a test, see openRig.
func newRig(t testing.TB, hosts ...string) *rig {
	t.Helper()
	needRoot(t)
	r, err := openRig(t.TempDir(), hosts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

// needRoot skips a test that an ordinary user's namespaces cannot carry.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("OpenSSH's server wants root, and no user namespace around it")
	}
}

// openRig makes a rig whose files are in dir. Hosts are given by name, with the quirks that
// openssh-host.sh lists: "n1", "n2:no-sudo,sessions=2".
func openRig(dir string, hosts ...string) (*rig, error) {
	r := &rig{dir: dir}
	r.fleet.shell = r.shell
	if err := r.build(hosts); err != nil {
		r.close()
		return nil, fmt.Errorf("the rig of OpenSSH hosts (make setup-hosts): %w", err)
	}
	return r, nil
}

func (r *rig) build(hosts []string) error {
	client, err := r.newKey("id")
	if err != nil {
		return err
	}
	const idle = "echo ready; read -r _"
	bridge, err := r.start("bridge", netOnly, "sh", "-c", idle)
	if err != nil {
		return err
	}
	if err := bridge.ip("link add br0 type bridge", "link set br0 up"); err != nil {
		return err
	}
	for i := range r.controllers {
		c, err := r.start(fmt.Sprintf("c%d", i+1), netOnly, "sh", "-c", idle)
		if err != nil {
			return err
		}
		if err := c.plug(bridge, 201+i); err != nil {
			return err
		}
		r.controllers[i] = c
	}
	for i, spec := range hosts {
		name, quirks, _ := strings.Cut(spec, ":")
		m, err := r.host(name, client, strings.FieldsFunc(quirks, isComma))
		if err != nil {
			return err
		}
		if err := m.plug(bridge, 11+i); err != nil {
			return err
		}
		r.machines = append(r.machines, m)
		r.fleet.hosts = append(r.fleet.hosts, m.name)
	}
	for _, m := range r.rest {
		if line, err := m.says.ReadString('\n'); err != nil || line != "ready\n" {
			return fmt.Errorf("%s does not come up: %v: %s%s", m.name, err, line, &m.talk)
		}
	}
	return errors.Join(r.writeKnownHosts(r.machines...), r.writeInventory("hosts.yaml"))
}

func isComma(r rune) bool { return r == ',' }

// host starts a host; the cable comes later.
func (r *rig) host(name string, client ssh.PublicKey, quirks []string) (*machine, error) {
	dir := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Join(dir, "home"), 0o755); err != nil {
		return nil, err
	}
	key, err := r.newKey(name + "/host_key")
	if err != nil {
		return nil, err
	}
	err = r.write(name+"/authorized", string(ssh.MarshalAuthorizedKey(client)))
	if err != nil {
		return nil, err
	}
	command := append([]string{"sh", "-c", opensshHost, "sh", name, dir}, quirks...)
	m, err := r.start(name, hostNamespaces, command...)
	if err != nil {
		return nil, err
	}
	m.key = key
	return m, nil
}

// start starts a first process, with its life in our hands.
func (r *rig) start(name string, namespaces uintptr, command ...string) (*machine, error) {
	theirs, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	m := &machine{name: name, life: life, child: exec.Command(command[0], command[1:]...)}
	m.child.Stdin, m.child.Stderr = theirs, &m.talk
	m.child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true}
	out, err := m.child.StdoutPipe()
	if err != nil {
		return nil, err
	}
	m.says = bufio.NewReader(out)
	if err := m.child.Start(); err != nil {
		life.Close()
		return nil, err
	}
	r.rest = append(r.rest, m)
	return m, nil
}

// close ends every process of the rig; the kernel takes its networks and mounts away with them.
func (r *rig) close() {
	for _, m := range r.rest {
		m.life.Close()
		_ = m.child.Process.Kill() // for those who do not look at their life line
		_ = m.child.Wait()
	}
}

// within is a command that runs in the machine's network, and as its own process: killing it kills
// the program.
func (m *machine) within(program string, args ...string) *exec.Cmd {
	pid := fmt.Sprint(m.child.Process.Pid)
	return exec.Command("nsenter", append([]string{"-t", pid, "-n", "--", program}, args...)...)
}

// ip changes the machine's network, one line a change.
func (m *machine) ip(lines ...string) error {
	command := m.within("ip", "-batch", "-")
	command.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: ip: %w: %s", m.name, err, said)
	}
	return nil
}

// plug lays a cable from the bridge to the machine and gives it its addresses.
func (m *machine) plug(bridge *machine, last int) error {
	m.last = last
	err := bridge.ip(
		fmt.Sprintf("link add %s type veth peer name eth0 netns %d", m.name, m.child.Process.Pid),
		fmt.Sprintf("link set %s master br0 up", m.name))
	if err != nil {
		return err
	}
	return m.ip("link set lo up", "link set eth0 up",
		"addr add "+m.ssh()+"/24 dev eth0", "addr add "+m.data()+"/24 dev eth0",
		"addr add "+m.data6()+"/64 dev eth0 nodad")
}

// newKey makes a key pair; the private half becomes a file of the rig.
func (r *rig) newKey(file string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return nil, err
	}
	if err := r.write(file, string(pem.EncodeToMemory(block))); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}

// write makes a file of the rig.
func (r *rig) write(file, text string) error {
	return os.WriteFile(filepath.Join(r.dir, file), []byte(text), 0o600)
}

// writeKnownHosts pins the keys of the hosts.
func (r *rig) writeKnownHosts(hosts ...*machine) error {
	var lines strings.Builder
	for _, m := range hosts {
		fmt.Fprintln(&lines, knownhosts.Line([]string{m.ssh()}, m.key))
	}
	return r.write("known_hosts", lines.String())
}

// cluster is what the hosts' consent is for.
const cluster = "rig"

// writeInventory lists all hosts. More defaults may be given, such as "shared-with: all", or others
// in place of ours: "become:" takes away the right to become root.
func (r *rig) writeInventory(file string, defaults ...string) error {
	ours := []string{"user: " + login, "key: id", "known-hosts: known_hosts", "become: sudo -n",
		"cluster: " + cluster}
	for _, d := range defaults {
		key, value, _ := strings.Cut(d, ":")
		ours = slices.DeleteFunc(ours, func(o string) bool { return strings.HasPrefix(o, key+":") })
		if value != "" {
			ours = append(ours, d)
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "defaults: {%s}\nhosts:\n", strings.Join(ours, ", "))
	for _, m := range r.machines {
		fmt.Fprintf(&text, "  - {name: %s, ssh: %s, address: %s}\n", m.name, m.ssh(), m.data())
	}
	return r.write(file, text.String())
}

// path is that of a file of the rig.
func (r *rig) path(file string) string { return filepath.Join(r.dir, file) }

// shell runs a script on a host as root, past SSH and sudo.
func (r *rig) shell(host, script string) (string, error) {
	for _, m := range r.machines {
		if m.name == host {
			pid := fmt.Sprint(m.child.Process.Pid)
			command := exec.Command("nsenter", "-t", pid, "-a", "--", "sh", "-c", script)
			said, err := command.CombinedOutput()
			return string(bytes.TrimRight(said, "\x00")), err
		}
	}
	return "", fmt.Errorf("no host %s", host)
}

// Goal: the hosts of the rig are what these tests take them for, or their verdicts mean nothing.
// Method: look at one through OpenSSH's own client, as a person would; then end the rig and look
// for what is left.
func TestRig(t *testing.T) {
	r := newRig(t, "n1", "n2")
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(script string) string {
		said, _ := r.controllers[0].within("ssh", "-i", r.path("id"),
			"-o", "UserKnownHostsFile="+r.path("known_hosts"), "-o", "BatchMode=yes",
			login+"@"+r.machines[0].ssh(), script).CombinedOutput()
		return strings.TrimSpace(string(said))
	}
	for script, want := range map[string]string{
		"id -un; sudo -n id -un; hostname":                           login + "\nroot\nn1",
		"echo ${SSH_CONNECTION%% *}":                                 r.controllers[0].ssh(),
		"sudo -n touch /usr/x || sudo -n touch /etc/y && echo y":     "y",
		"sudo -n date -s 2020-01-01 >/dev/null 2>&1 || echo refused": "refused",
	} {
		if said := ask(script); !strings.HasSuffix(said, want) {
			t.Errorf("%s\nsays %q, want %q at its end", script, said, want)
		}
	}
	pid := r.machines[0].child.Process.Pid
	r.close()
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the first process lives on: %v", err)
	}
	if after, _ := os.ReadFile("/etc/passwd"); string(after) != string(passwd) {
		t.Error("the machine's own passwd has changed")
	}
	if _, err := os.Stat("/etc/y"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of a host is on the machine: %v", err)
	}
}
