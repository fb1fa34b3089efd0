package server

import (
	"sync"

	"gauntlet/raft"
)

// directory knows the members, also those that were: of them the loop and the clients may still
// hear; of strangers, as many as there is room for. It is safe for concurrent use.
type directory struct {
	mu      sync.Mutex
	members map[raft.NodeID]Member
	current raft.Configuration
}

func newDirectory(members []Member) *directory {
	d := &directory{members: map[raft.NodeID]Member{}}
	for _, m := range members {
		d.members[m.ID] = m
	}
	return d
}

// name returns what a member is called; nobody, and whom this server has never heard of, nothing.
func (d *directory) name(id raft.NodeID) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.members[id].Name
}

// member returns what is known of a member: its id at least.
func (d *directory) member(id raft.NodeID) Member {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.members[id]
	m.ID = id
	return m
}

// find returns the member of the configuration in effect that has this name.
func (d *directory) find(name string) (Member, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.current.All() {
		if m.Name == name && name != "" {
			return Member(m), true
		}
	}
	return Member{}, false
}

// use takes over the configuration in effect.
func (d *directory) use(config raft.Configuration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current = config
	for _, m := range config.All() {
		d.members[m.ID] = Member(m)
	}
}

// maxKnown is how many servers are known before nobody new who merely introduces himself is noted.
const maxKnown = 1024

// meet takes note of a server that introduced itself. The configuration knows better.
func (d *directory) meet(m Member) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, noted := d.members[m.ID]
	if _, known := d.current.Find(m.ID); !known && m.Address != "" &&
		(noted || len(d.members) < maxKnown) {
		d.members[m.ID] = m
	}
}
