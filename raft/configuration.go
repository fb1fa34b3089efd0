package raft

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Member is one server of a cluster.
type Member struct {
	ID      NodeID
	Name    string // for people; empty where nobody needs names
	Address string // HOST:PORT at which peers reach it; the core never looks
}

// Members returns members that have nothing but ids.
func Members(ids ...NodeID) []Member {
	members := make([]Member, len(ids))
	for i, id := range ids {
		members[i].ID = id
	}
	return members
}

// Configuration says who the members are and who of them decides (paper, section 6; thesis,
// chapter 4). While Outgoing is not empty it is a joint one: to elect and to commit takes a
// majority of Voters and a majority of Outgoing. The empty configuration is that of a server which
// waits to be added.
//
// Invariants, which valid checks:
//
//  1. Every list is sorted by id; ids are above 0 and at most Highest.
//  2. A learner is no voter, neither in Voters nor in Outgoing.
//  3. An id means the same member, and a name that is not empty the same id, wherever it stands.
//  4. There are Voters if there is anybody.
type Configuration struct {
	Voters   []Member
	Outgoing []Member // the voters before the change under way; none: no change is
	Learners []Member // get the log, but have no say (thesis 4.2.1)

	// Highest is the highest id of all members that ever were. A new member's is above it: an id
	// names one disk for ever, since who forgot its votes and its log must not speak for them.
	Highest NodeID
}

// NewConfiguration returns the one that a cluster of these voters begins with.
func NewConfiguration(voters ...Member) Configuration {
	c := Configuration{Voters: slices.Clone(voters)}
	slices.SortFunc(c.Voters, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	for _, m := range voters {
		c.Highest = max(c.Highest, m.ID)
	}
	return c
}

// Joint tells whether a change of voters is under way.
func (c Configuration) Joint() bool {
	return len(c.Outgoing) > 0
}

// Find returns the member with this id, whatever its part.
func (c Configuration) Find(id NodeID) (Member, bool) {
	for _, list := range c.lists() {
		if i := slices.IndexFunc(list, func(m Member) bool { return m.ID == id }); i >= 0 {
			return list[i], true
		}
	}
	return Member{}, false
}

// All returns every member once, sorted by id.
func (c Configuration) All() []Member {
	var all []Member
	for _, list := range c.lists() {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b Member) bool { return a.ID == b.ID })
}

func (c Configuration) lists() [3][]Member {
	return [...][]Member{c.Voters, c.Outgoing, c.Learners}
}

// votes tells whether a member is a voter, be it of the old or of the new ones.
func (c Configuration) votes(id NodeID) bool {
	return has(c.Voters, id) || has(c.Outgoing, id)
}

func has(list []Member, id NodeID) bool {
	return slices.ContainsFunc(list, func(m Member) bool { return m.ID == id })
}

// valid checks the invariants.
func (c Configuration) valid() error {
	for _, list := range c.lists() {
		below := NodeID(0)
		for _, m := range list {
			switch {
			case m.ID == 0:
				return errors.New("a member has id 0, which means nobody")
			case m.ID == below:
				return fmt.Errorf("member %d is listed twice", m.ID)
			case m.ID < below:
				return fmt.Errorf("member %d is listed after %d", m.ID, below)
			case m.ID > c.Highest:
				return fmt.Errorf("member %d is above the highest id %d", m.ID, c.Highest)
			}
			below = m.ID
		}
	}
	for _, m := range c.Learners {
		if c.votes(m.ID) {
			return fmt.Errorf("member %d is a voter and a learner", m.ID)
		}
	}
	if len(c.Voters) == 0 && len(c.Outgoing)+len(c.Learners) > 0 {
		return errors.New("members without a voter among them")
	}
	return c.validNames()
}

// validNames checks invariant 3.
func (c Configuration) validNames() error {
	for _, m := range c.Outgoing {
		if i := slices.IndexFunc(c.Voters, func(v Member) bool { return v.ID == m.ID }); i >= 0 &&
			c.Voters[i] != m {
			return fmt.Errorf("member %d is %+v and %+v", m.ID, c.Voters[i], m)
		}
	}
	all := c.All()
	for i, m := range all {
		for _, other := range all[:i] {
			if m.Name != "" && m.Name == other.Name {
				return fmt.Errorf("members %d and %d are both called %q", other.ID, m.ID, m.Name)
			}
		}
	}
	return nil
}

// configurationVersion is the first byte of an encoded configuration.
const configurationVersion = 1

// minMemberBytes is the least a member takes: it bounds how many a few bytes can announce.
const minMemberBytes = 3

// Encode returns the configuration as bytes: a version, Highest, and the three lists, each with
// its length before it; integers are unsigned varints, and so are the lengths of texts.
func (c Configuration) Encode() []byte {
	b := binary.AppendUvarint([]byte{configurationVersion}, uint64(c.Highest))
	for _, list := range c.lists() {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, m := range list {
			b = binary.AppendUvarint(b, uint64(m.ID))
			for _, text := range []string{m.Name, m.Address} {
				b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
			}
		}
	}
	return b
}

// errConfiguration is what all errors of DecodeConfiguration wrap.
var errConfiguration = errors.New("malformed configuration")

// DecodeConfiguration takes apart what Encode put together. It accepts nothing else, and no
// configuration that breaks the invariants.
func DecodeConfiguration(b []byte) (Configuration, error) {
	if len(b) == 0 || b[0] != configurationVersion {
		return Configuration{}, fmt.Errorf("%w: no version %d", errConfiguration,
			configurationVersion)
	}
	d := memberDecoder{rest: b[1:]}
	c := Configuration{Highest: NodeID(d.uint())}
	c.Voters, c.Outgoing, c.Learners = d.members(), d.members(), d.members()
	if d.failed || len(d.rest) > 0 {
		return Configuration{}, fmt.Errorf("%w: wrong length", errConfiguration)
	}
	if err := c.valid(); err != nil {
		return Configuration{}, fmt.Errorf("%w: %w", errConfiguration, err)
	}
	return c, nil
}

// memberDecoder takes fields off the front. Once it failed it yields zeros.
type memberDecoder struct {
	rest   []byte
	failed bool
}

func (d *memberDecoder) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || n > 1 && d.rest[n-1] == 0 { // there is but one way to write a number
		d.failed, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *memberDecoder) text() string {
	n := d.uint()
	if n > uint64(len(d.rest)) {
		d.failed, d.rest = true, nil
		return ""
	}
	text := string(d.rest[:n])
	d.rest = d.rest[n:]
	return text
}

func (d *memberDecoder) members() []Member {
	n := d.uint()
	if n > uint64(len(d.rest)/minMemberBytes) {
		d.failed, d.rest = true, nil
		return nil
	}
	var list []Member
	for range n {
		list = append(list, Member{ID: NodeID(d.uint()), Name: d.text(), Address: d.text()})
	}
	return list
}
