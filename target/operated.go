package target

import (
	"context"

	"gauntlet/history"
)

// Stopper is a Target whose nodes can be asked to end.
type Stopper interface {
	// Stop asks the node to end, with SIGKILL if it does not soon, and returns when it is gone, or
	// if it already was.
	Stop(ctx context.Context, h *Host) error
}

// Operated is a Target that an operator can change while it serves: its members, its leader, its
// logs.
type Operated interface {
	Target
	Stopper
	// Membership is who takes part, as the node of via has it.
	Membership(ctx context.Context, via *Host) (history.Membership, error)
	// Operate asks the node of via to do something about the node of h, and returns what it
	// answered. An error need not mean that nothing was done.
	Operate(ctx context.Context, via *Host, what Operation, h *Host) (answer string, err error)
	// Renew gives the node of a host a new identity: what starts there next is no member, and must
	// be added. The node is not running, and has no data.
	Renew(h *Host)
	// Fill writes so many small entries through the node of a host, as fast as it takes them, and
	// returns how many were acknowledged. No client of a workload uses their keys.
	Fill(ctx context.Context, h *Host, dial DialFunc, entries int) (int, error)
}

// Operation is one thing that an operator asks of a cluster.
type Operation string

// The operations.
const (
	OperationAdd      Operation = "add"      // the node becomes a learner
	OperationPromote  Operation = "promote"  // the learner gets its vote
	OperationRemove   Operation = "remove"   // the node is a member no more
	OperationTransfer Operation = "transfer" // the node leads
	OperationSnapshot Operation = "snapshot" // the node takes a snapshot
)
