// Package nemesis decides which faults strike, when and whom, as plain data from pure functions
// of a seed. Carrying them out on hosts is package inject's business; the simulator has its own.
//
// A plan binds late: it says "leader", and Bind turns that into a host at the instant of the fault.
package nemesis

import (
	"errors"
	"time"

	"gauntlet/history"
)

// Kind is what a fault does.
type Kind string

// The kinds of faults, as history.Fault spells them.
const (
	KindPartition Kind = "partition" // severs links between hosts
	KindPause     Kind = "pause"     // stops a process, and lets it continue
	KindKill      Kind = "kill"      // kills a process, and starts it again
	KindVersion   Kind = "version"   // ends a process, and starts it again as another build
)

// Shape is which links a partition severs, a function of the hosts and of who leads; or which way
// a version changes.
type Shape string

// The shapes; the table in shapes.go says what each needs.
const (
	ShapeIsolateLeader    Shape = "isolate-leader"
	ShapeIsolateFollower  Shape = "isolate-follower"
	ShapeMajorityMinority Shape = "majority-minority"
	ShapeHalves           Shape = "halves"
	ShapeOneWayInLeader   Shape = "one-way-in-leader"
)

// The ways that a version changes.
const (
	ShapeUpgrade   Shape = "upgrade"   // to the newer build
	ShapeDowngrade Shape = "downgrade" // back to the older one
)

// Role is whom a pause or a kill strikes.
type Role string

// The roles.
const (
	RoleLeader   Role = "leader"
	RoleFollower Role = "follower" // any host but the leader
	RoleAny      Role = "any"
)

// Spec asks for one series of faults. Exactly one field is set.
type Spec struct {
	Partition *PartitionSpec
	Pause     *PauseSpec
	Kill      *KillSpec
	Version   *VersionSpec
}

// PartitionSpec asks for a partition of length For in each full period Every of the load phase, or,
// with FromStart, for a single one from before the target starts until the end of the load.
type PartitionSpec struct {
	Shapes     []Shape
	Every, For time.Duration // both 0 with FromStart
	FromStart  bool          // exactly one shape then, and none that needs a leader
}

// PauseSpec asks for a stopped process of length For in each full period Every of the load phase.
type PauseSpec struct {
	On         []Role
	Every, For time.Duration
}

// KillSpec asks for a killed process, started again after For, in each full period Every.
type KillSpec struct {
	On         []Role
	Every, For time.Duration
}

// Event is one planned fault. Shape is set for partitions and versions, Role for the other kinds.
type Event struct {
	ID        int           // rising with At, from 1
	At, For   time.Duration // since the start of the load phase
	Kind      Kind
	Shape     Shape
	Role      Role
	FromStart bool   // in force before the target starts
	Stream    uint64 // the event's own stream of chance, untouched by adding or removing others
}

// Plan is the events of a run in the order of their start. Events of one series never overlap and
// lie apart by at least half of Every - For; events of different series may overlap.
type Plan []Event

// View is what the controller knows at the instant of a fault.
type View struct {
	Nodes   []string // all hosts, in the suite's order
	Leader  string   // "" while unknown
	Stopped []string // hosts whose process is paused or killed right now

	Builds map[string]int // which build each host's node is, if the target has two
}

// Action is an event bound to hosts.
type Action struct {
	Event  Event
	Leader string        // whom the controller took for the leader
	Hosts  []string      // the hosts that the role became, or the smaller side of the partition
	Cuts   []history.Cut // the severed links; none unless a partition
}

// What Bind cannot do at this instant; the caller may try again a little later.
var (
	ErrNoLeader = errors.New("no leader is known")
	ErrNoHost   = errors.New("every host of this role is stopped already")
)
