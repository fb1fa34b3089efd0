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

// Kind is what a fault does, as history.Fault spells it; the table in kinds.go says what each takes
// and where it can be had.
type Kind string

// Shape is which links a fault strikes, a function of the hosts and of who leads; or which way a
// version changes. The table in shapes.go says what each needs.
type Shape string

// Role is whom a fault of processes, clocks or disks strikes.
type Role string

// The roles. Those of several hosts strike all of them at the same instant.
const (
	RoleLeader    Role = "leader"
	RoleFollower  Role = "follower" // any host but the leader
	RoleAny       Role = "any"
	RoleMajority  Role = "majority"  // n/2 + 1 hosts, the leader among them or not
	RoleFollowers Role = "followers" // n/2 + 1 hosts, none of them the leader
	RoleMinority  Role = "minority"  // as many as a quorum can spare, the leader among them or not
	RoleAll       Role = "all"       // whoever runs
)

// Spec asks for a series of faults of one kind: one of length For in each full period Every of the
// load phase, or, with FromStart, a single one from before the target starts until the end of the
// load.
type Spec struct {
	Kind   Kind
	Shapes []Shape // of links, or the steps of a version; none for the other kinds
	On     []Role  // of processes, clocks and disks; none for the other kinds

	Every, For time.Duration // both 0 with FromStart
	FromStart  bool          // a partition of exactly one shape, and none that needs a leader
	Flap       time.Duration // of a partition: cut so long, healed so long, until For has passed; or 0

	Rate    int             // permille, of kinds that take one
	Amount  time.Duration   // of kinds that take one
	Size    int             // bytes, of kinds that take one
	Entries int             // how many, of kinds that take a number of them
	Mode    history.CutMode // of a partition: what becomes of packets; "": as its shapes have it
	Sites   [][]int         // where nodes stand, for shapes that need it: see Event
	Builds  []int           // the build that each node begins with, for versions: the target knows it
}

// Event is one planned fault. Shape is set for faults of links and for versions, Role or On for the
// other kinds. One of a timeline may speak of nodes by the names of its Cast.
type Event struct {
	ID        int           `json:"id"`  // rising with At, from 1
	At        time.Duration `json:"at"`  // since the start of the load phase
	For       time.Duration `json:"for"` // how long it is in force
	Kind      Kind          `json:"kind"`
	Shape     Shape         `json:"shape,omitempty"`
	Role      Role          `json:"role,omitempty"`
	Rate      int           `json:"rate,omitempty"`      // permille
	Amount    time.Duration `json:"amount,omitempty"`    // how much later, longer, or further
	Size      int           `json:"size,omitempty"`      // bytes
	Entries   int           `json:"entries,omitempty"`   // how many are written
	Sites     [][]int       `json:"sites,omitempty"`     // the nodes of each site, counted from 1
	FromStart bool          `json:"fromStart,omitempty"` // in force before the target starts

	Mode  history.CutMode `json:"mode,omitempty"`  // of a partition; "": as its shape has it
	On    []string        `json:"on,omitempty"`    // whom it strikes, by name
	Links []Link          `json:"links,omitempty"` // of the shapes ShapeCut and ShapeOnly
	When  *Condition      `json:"when,omitempty"`  // it begins once this holds, but not before At

	// Stream is the event's own stream of chance, untouched by adding or removing others. The cuts of
	// one flapping partition share theirs: it is the same links that flap.
	Stream uint64 `json:"stream"`
}

// Plan is the events of a run in the order of their start. Events of one series never overlap and
// lie apart by at least half of Every - For, or by Flap; events of different series may overlap.
type Plan []Event

// View is what the controller knows at the instant of a fault.
type View struct {
	Nodes   []string // the hosts whose nodes are members, in the suite's order
	Leader  string   // "" while unknown
	Stopped []string // hosts not to be struck: their process is paused or ended right now

	Hosts    []string // all hosts, spares included, in the suite's order; nil: those of Nodes
	Learners []string // the members that have no vote

	Builds map[string]int    // which build each host's node is, if the target has two
	Cast   map[string]string // whom the names of a cast mean, once it is bound

	Acknowledged int                 // operations, since the start of the run
	Progress     map[string]Progress // of each host, as last heard
}

// Progress is how far a node says that it has come.
type Progress struct{ Term, Commit uint64 }

// Action is an event bound to hosts.
type Action struct {
	Event  Event
	Leader string        // whom the controller took for the leader
	Hosts  []string      // whom the role became, or whom the shape is about; see shapes.go
	Cuts   []history.Cut // the links struck; none unless the kind strikes links
	Draw   uint64        // chance for whoever carries it out: what a power cut leaves
}

// What Bind cannot do at this instant; the caller may try again a little later.
var (
	ErrNoLeader = errors.New("no leader is known")
	ErrNoHost   = errors.New("too few hosts of this role are running")
)
