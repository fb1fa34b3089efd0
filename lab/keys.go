package lab

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/sys/unix"
)

// Names inside Options.Dir, beside one directory a host.
const (
	keysDir        = "keys"
	keyFile        = "keys/id_ed25519"
	knownHostsFile = "keys/known_hosts"
	logFile        = "lab.log"
)

// The lab's network (RFC 2544 reserves it for benchmarks). Hosts count up from firstHost + 1.
var (
	network   = netip.MustParsePrefix("198.18.0.0/15")
	gateway   = netip.MustParseAddr("198.18.0.1")
	firstHost = netip.MustParseAddr("198.18.0.10")
)

const (
	sshPort = 22
	user    = "root" // of a user namespace, perhaps
)

// prepare checks o, makes its directories and keys, and says what to tell lab init.
func prepare(o *Options) (initConfig, []Host, error) {
	if o.Hosts < 1 || o.Hosts > MaxHosts {
		return initConfig{}, nil, &Error{
			Problem: fmt.Sprintf("a lab of %d hosts: must be 1 to %d", o.Hosts, MaxHosts),
		}
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return initConfig{}, nil, err
	}
	o.Dir = dir
	if err := os.MkdirAll(filepath.Join(dir, keysDir), 0o700); err != nil {
		return initConfig{}, nil, err
	}
	authorized, err := writeClientKey(filepath.Join(dir, keyFile))
	if err != nil {
		return initConfig{}, nil, err
	}
	config := initConfig{Dir: dir}
	var hosts []Host
	var known bytes.Buffer
	address := firstHost
	for i := range o.Hosts {
		address = address.Next()
		name := "n" + strconv.Itoa(i+1)
		home := filepath.Join(dir, name)
		if err := os.MkdirAll(home, 0o700); err != nil {
			return initConfig{}, nil, err
		}
		key, public, err := newKey()
		if err != nil {
			return initConfig{}, nil, err
		}
		fmt.Fprintln(&known, knownhosts.Line([]string{address.String(), name}, public))
		h := Host{Name: name, Address: address, SSHPort: sshPort, User: user}
		if o.Lossy {
			h.Disk = diskPath
		}
		hosts = append(hosts, h)
		config.Hosts = append(config.Hosts, hostConfig{
			Host: h, Home: home, HostKey: key, AuthorizedKey: authorized,
		})
	}
	err = os.WriteFile(filepath.Join(dir, knownHostsFile), known.Bytes(), 0o600)
	return config, hosts, err
}

// newKey returns an OpenSSH private key in PEM, and its public half.
func newKey() ([]byte, ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "gauntlet lab")
	if err != nil {
		return nil, nil, err
	}
	sshPublic, err := ssh.NewPublicKey(public)
	return pem.EncodeToMemory(block), sshPublic, err
}

// writeClientKey returns the public half in the wire format of RFC 4253, section 6.6.
func writeClientKey(path string) ([]byte, error) {
	private, public, err := newKey()
	if err != nil {
		return nil, err
	}
	return public.Marshal(), os.WriteFile(path, private, 0o600)
}

// removeLeftovers takes away what prepare made, except homes that hold something: they and the log
// are the run's.
func removeLeftovers(dir string, hosts []Host) {
	os.RemoveAll(filepath.Join(dir, keysDir))
	for _, h := range hosts {
		os.RemoveAll(filepath.Join(dir, h.Name, diskFolder)) // its names are gone, who served it knew
		os.Remove(filepath.Join(dir, h.Name))                // fails, rightly, unless empty
	}
	log := filepath.Join(dir, logFile)
	if info, err := os.Stat(log); err == nil && info.Size() == 0 {
		os.Remove(log)
	}
}

// OnDisk reports an error if dir's file system is in memory, where a sync costs nothing and a test
// of durable storage proves nothing.
func OnDisk(dir string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if s.Type == unix.TMPFS_MAGIC || s.Type == unix.RAMFS_MAGIC {
		return &Error{
			Problem: dir + " is in memory (tmpfs), where nothing about syncing is tested",
			Hint:    "choose a directory on a disk",
		}
	}
	return nil
}
