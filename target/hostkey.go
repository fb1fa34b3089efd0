package target

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// hostKeys is what the known_hosts file says of one host. Certificate authorities are not
// supported.
type hostKeys struct {
	cfg        HostConfig
	lookup     ssh.HostKeyCallback
	known      []knownhosts.KnownKey
	algorithms []string // of the known keys, in the order of the file
	refused    error    // set by check
}

// loadHostKeys reads the known_hosts file. The server must be asked for a key of a kind that
// the file holds: left to itself it may send another kind, and a good host looks like a changed
// one (golang/go#29286).
func loadHostKeys(cfg HostConfig) (*hostKeys, error) {
	lookup, err := knownhosts.New(cfg.KnownHosts)
	if err != nil {
		hint := "give a known_hosts file that holds the host's key"
		return nil, &HostError{cfg.Name, "connect", hint,
			fmt.Errorf("%w: %w", ErrHostKey, err)}
	}
	k := &hostKeys{cfg: cfg, lookup: lookup}
	mismatch, ok := errors.AsType[*knownhosts.KeyError](lookup(cfg.SSH, &net.TCPAddr{}, noKey{}))
	if !ok || len(mismatch.Want) == 0 {
		return nil, k.unknown()
	}
	k.known = mismatch.Want
	for _, known := range k.known {
		kinds := []string{known.Key.Type()}
		if kinds[0] == ssh.KeyAlgoRSA { // the same key, signing with a hash that is not broken
			kinds = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, kind := range kinds {
			if !slices.Contains(k.algorithms, kind) {
				k.algorithms = append(k.algorithms, kind)
			}
		}
	}
	return k, nil
}

// check is the ssh.HostKeyCallback. It keeps its refusal, which the ssh package would bury in
// text.
func (k *hostKeys) check(address string, remote net.Addr, key ssh.PublicKey) error {
	err := k.lookup(address, remote, key)
	if err == nil {
		return nil
	}
	if _, revoked := errors.AsType[*knownhosts.RevokedError](err); revoked {
		k.refused = k.error("the key was revoked: never connect with it", "key %s is revoked in %s",
			ssh.FingerprintSHA256(key), k.cfg.KnownHosts)
	} else {
		k.refused = k.changed(ssh.FingerprintSHA256(key))
	}
	return k.refused
}

// otherKind is the error for a server that has no key of any kind that we know of it.
func (k *hostKeys) otherKind(offered []string) error {
	return k.changed("only keys of kind " + strings.Join(offered, ", "))
}

func (k *hostKeys) changed(got string) error {
	return k.error(
		"if the host was reinstalled, replace that line; if not, someone is in between",
		"the key of %s has changed: it shows %s, but %s:%d has %s", k.cfg.SSH, got,
		k.known[0].Filename, k.known[0].Line, ssh.FingerprintSHA256(k.known[0].Key))
}

func (k *hostKeys) unknown() error {
	host, port, _ := net.SplitHostPort(k.cfg.SSH)
	return k.error(
		fmt.Sprintf("ssh-keyscan -p %s %s prints its keys: compare them on the host, then add them",
			port, host),
		"%s has no line for %s", k.cfg.KnownHosts, knownhosts.Normalize(k.cfg.SSH))
}

func (k *hostKeys) error(hint, format string, args ...any) error {
	return &HostError{k.cfg.Name, "connect", hint,
		fmt.Errorf("%w: %s", ErrHostKey, fmt.Sprintf(format, args...))}
}

// noKey is a public key equal to none: looking it up lists the keys that the file has.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("not a key") }
