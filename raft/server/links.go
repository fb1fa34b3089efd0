package server

import (
	"gauntlet/raft"
	"gauntlet/raft/wire"
)

// maxGuests bounds the links to servers that are no members.
const maxGuests = 16

// relink makes the links fit a configuration: one for each stream of each other member. Those who
// are members no longer become guests, for they may lead until the configuration is committed, and
// must hear that it is (paper, section 6).
func (l *loop) relink(config raft.Configuration) {
	l.s.directory.use(config)
	for key, link := range l.links {
		m, member := config.Find(key.to)
		standing := isGuest
		if member {
			standing = isMember
		}
		if !link.keep(standing) || member && m.Address != link.to.Address {
			link.end()
			delete(l.links, key)
		}
	}
	for _, m := range config.All() {
		l.connect(Member(m), isMember)
	}
}

// welcome answers whoever dials in: a server that is not yet a member must be able to answer its
// leader, of which its own log does not tell it, and one that is a member no longer must be told
// so (thesis 4.1). Links to guests end by themselves when they break.
func (l *loop) welcome(m Member) {
	if _, member := l.replica.Configuration().Find(m.ID); member || m.Address == "" {
		return
	}
	guests := 0
	for key, link := range l.links {
		if link.broken() {
			delete(l.links, key)
		} else if link.standing.Load() == isGuest {
			guests++
		}
	}
	if guests < 3*maxGuests {
		l.connect(m, isGuest)
	}
}

// connect makes the links to a server, unless they are there.
func (l *loop) connect(to Member, standing int32) {
	if to.ID == l.s.cfg.ID {
		return
	}
	for _, stream := range []wire.Stream{wire.Control, wire.Bulk, wire.Snapshots} {
		key := linkKey{to.ID, stream}
		if l.links[key] != nil {
			continue
		}
		link := newLink(l.s, to, stream)
		link.standing.Store(standing)
		l.links[key] = link
		l.s.goroutine(link.run)
	}
}
