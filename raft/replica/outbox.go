package replica

import (
	"slices"

	"gauntlet/raft"
)

// Outbox decides when messages may leave: rules 1 and 2 of raft.Ready, in one place for all who
// drive a replica. Messages that wait for the disk leave in the order in which they were asked for,
// once every write asked for with them or before them is durable. The zero value is empty.
type Outbox struct {
	owed     []owed         // writes that are not yet durable, oldest first
	messages []raft.Message // that wait for them, in the same order
	leaving  []raft.Message // what Persisted returned last
}

// owed is a write, and how many messages wait for it that waited for none before.
type owed struct {
	sequence uint64
	messages int
}

// Add takes in what a replica has ready. It returns the messages that may leave now, and the write
// that the disk is to carry out, if there is one. Messages stay as they are until the next call.
func (o *Outbox) Add(e *Effects) (now []raft.Message, w Write, write bool) {
	if e.HardState != nil || len(e.Entries) > 0 || e.Base != nil {
		o.owed = append(o.owed, owed{e.Sequence, len(e.AfterPersist)})
		o.messages = append(o.messages, e.AfterPersist...)
		return e.Now, Write{e.Sequence, e.HardState, e.Base, e.Entries}, true
	}
	if n := len(o.owed); n > 0 { // nothing to write, but earlier writes are not yet durable
		o.owed[n-1].messages += len(e.AfterPersist)
		o.messages = append(o.messages, e.AfterPersist...)
		return e.Now, Write{}, false
	}
	if len(e.Now) == 0 {
		return e.AfterPersist, Write{}, false
	}
	return append(e.Now, e.AfterPersist...), Write{}, false
}

// Persisted tells that the write of this sequence, and so all earlier ones, are durable. It returns
// the messages that waited for them, which stay as they are until the next call.
func (o *Outbox) Persisted(sequence uint64) []raft.Message {
	done, free := 0, 0
	for done < len(o.owed) && o.owed[done].sequence <= sequence {
		free += o.owed[done].messages
		done++
	}
	o.owed = slices.Delete(o.owed, 0, done)
	o.leaving = append(o.leaving[:0], o.messages[:free]...)
	o.messages = slices.Delete(o.messages, 0, free)
	return o.leaving
}
