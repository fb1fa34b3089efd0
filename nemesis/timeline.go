package nemesis

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gauntlet/chance"
)

// Casting gives a name to a node that is not known yet.
type Casting struct {
	Name string `json:"name"`
	Role Role   `json:"role"` // leader, follower or any
}

// Cast is the names that a timeline speaks of. All of them are bound at one instant, to nodes that
// differ from each other, and mean the same nodes from then on: who was "old" when it led is "old"
// when it leads no more. Beside them "n1" is always the first node, "n2" the second, and so on.
type Cast []Casting

var castName = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Valid returns every reason why the names cannot be bound on that many nodes, joined.
func (c Cast) Valid(nodes int) error {
	var errs []error
	leaders, seen := 0, map[string]bool{}
	for _, one := range c {
		switch {
		case !castName.MatchString(one.Name):
			errs = append(errs, fmt.Errorf("name %q must be of a-z, 0-9 and -", one.Name))
		case slices.Contains(roles, Role(one.Name)):
			errs = append(errs, fmt.Errorf("name %s means a role already", one.Name))
		case positional(one.Name) > 0:
			errs = append(errs, fmt.Errorf("name %s means a node already: it is a place in the order",
				one.Name))
		case seen[one.Name]:
			errs = append(errs, fmt.Errorf("name %s stands twice", one.Name))
		}
		seen[one.Name] = true
		switch one.Role {
		case RoleLeader:
			leaders++
		case RoleFollower, RoleAny:
		default:
			errs = append(errs, fmt.Errorf("%s cannot be cast as %q (one of %s, %s, %s)", one.Name,
				string(one.Role), RoleLeader, RoleFollower, RoleAny))
		}
	}
	if leaders > 1 {
		errs = append(errs, fmt.Errorf("%d names are cast as the leader, and there is one", leaders))
	}
	if len(c) > nodes {
		errs = append(errs, fmt.Errorf("%d names exceed the %d nodes", len(c), nodes))
	}
	return errors.Join(errs...)
}

// NeedsLeader reports whether the cast can be bound only while a leader is known.
func (c Cast) NeedsLeader() bool {
	return slices.ContainsFunc(c, func(one Casting) bool { return one.Role != RoleAny })
}

// Bind gives each name a running node: the leader first, then followers, then whoever is left. It
// is a pure function of what is known at this instant and the seed.
//
// Errors: ErrNoLeader and ErrNoHost, which may pass.
func (c Cast) Bind(v View, seed uint64) (map[string]string, error) {
	draws := chance.New(seed, "nemesis.cast", 0)
	order := shuffled(v.voters(), draws)
	bound, taken := map[string]string{}, slices.Clone(v.Stopped)
	for _, role := range []Role{RoleLeader, RoleFollower, RoleAny} {
		for _, one := range c {
			if one.Role != role {
				continue
			}
			node, err := role.firstOf(order, v.Leader, taken)
			if err != nil {
				return nil, err
			}
			bound[one.Name] = node
			taken = append(taken, node)
		}
	}
	return bound, nil
}

// firstOf returns the first node of a role of one that is not taken.
func (r Role) firstOf(order []string, leader string, taken []string) (string, error) {
	if r != RoleAny && !slices.Contains(order, leader) {
		return "", ErrNoLeader
	}
	for _, node := range order {
		fits := r == RoleAny || (r == RoleLeader) == (node == leader)
		if fits && !slices.Contains(taken, node) {
			return node, nil
		}
	}
	return "", ErrNoHost
}

// positional is which node "n3" means, counted from 1; 0: the name is of no such form.
func positional(name string) int {
	digits, ok := strings.CutPrefix(name, "n")
	number, err := strconv.Atoi(digits)
	if !ok || err != nil || number < 1 || digits != strconv.Itoa(number) {
		return 0
	}
	return number
}

// named is the node that a name of the cast, or of a place in the order, means.
func (v View) named(name string) (string, error) {
	if node, ok := v.Cast[name]; ok {
		return node, nil
	}
	if number := positional(name); number > 0 && number <= len(v.hosts()) {
		return v.hosts()[number-1], nil
	}
	return "", fmt.Errorf("nobody is called %s", name)
}

// Condition is what an event waits for. What is not set is not waited for; a term, a number of
// operations and a lag count from the start of the run.
type Condition struct {
	Leader       bool   `json:"leader,omitempty"`       // somebody leads
	Term         uint64 `json:"term,omitempty"`         // some node has come to this term
	Acknowledged int    `json:"acknowledged,omitempty"` // so many operations were acknowledged
	Behind       string `json:"behind,omitempty"`       // the node of this name ...
	Lag          uint64 `json:"lag,omitempty"`          // ... has committed so many entries less
	CaughtUp     string `json:"caughtUp,omitempty"`     // the node of this name is within caughtUp
}

// Holds tells whether all that is asked for is so.
func (c Condition) Holds(v View) bool {
	if c.Leader && v.Leader == "" || v.Acknowledged < c.Acknowledged {
		return false
	}
	var term, most uint64
	for _, at := range v.Progress {
		term, most = max(term, at.Term), max(most, at.Commit)
	}
	if term < c.Term {
		return false
	}
	if c.Behind != "" {
		if lag, known := v.lag(c.Behind, most); !known || lag < c.Lag {
			return false
		}
	}
	if c.CaughtUp == "" {
		return true
	}
	lag, known := v.lag(c.CaughtUp, most)
	return known && lag < most && lag <= caughtUp // it has committed something
}

// caughtUp is how many entries a node may lack that counts as caught up. What is known of nodes is
// a tenth of a second old, and more are committed all the while.
const caughtUp = 500

// lag is how many entries a node has committed less than the foremost.
func (v View) lag(name string, most uint64) (lag uint64, known bool) {
	node, err := v.named(name)
	if err != nil {
		return 0, false
	}
	at, known := v.Progress[node]
	return most - at.Commit, known
}

// Valid returns every reason why nothing could fulfil the condition, joined.
func (c Condition) Valid() error {
	var errs []error
	if c == (Condition{}) {
		errs = append(errs, errors.New("when names no condition"))
	}
	if c.Acknowledged < 0 {
		errs = append(errs, fmt.Errorf("acknowledged %d must not be below 0", c.Acknowledged))
	}
	if (c.Behind == "") != (c.Lag == 0) {
		errs = append(errs, fmt.Errorf("behind %q and lag %d go together", c.Behind, c.Lag))
	}
	return errors.Join(errs...)
}

// NeedsStatus reports whether only what nodes say of themselves can show that it holds.
func (c Condition) NeedsStatus() bool {
	return c.Leader || c.Term > 0 || c.Behind != "" || c.CaughtUp != ""
}

// String is the condition for a person.
func (c Condition) String() string {
	var parts []string
	if c.Leader {
		parts = append(parts, "somebody leads")
	}
	if c.Term > 0 {
		parts = append(parts, fmt.Sprintf("term %d is reached", c.Term))
	}
	if c.Acknowledged > 0 {
		parts = append(parts, fmt.Sprintf("%d operations are acknowledged", c.Acknowledged))
	}
	if c.Behind != "" {
		parts = append(parts, fmt.Sprintf("%s is %d entries behind", c.Behind, c.Lag))
	}
	if c.CaughtUp != "" {
		parts = append(parts, fmt.Sprintf("%s is at most %d entries behind", c.CaughtUp, caughtUp))
	}
	return strings.Join(parts, " and ")
}

// names lists whom an event speaks of by name.
func (e Event) names() []string {
	all := slices.Clone(e.On)
	for _, l := range e.Links {
		all = append(all, l.From, l.To)
	}
	if e.When != nil {
		all = append(all, e.When.Behind, e.When.CaughtUp)
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == everybody || name == "" })
}

// NeedsCast reports whether the event speaks of somebody whom the cast must bind first.
func (e Event) NeedsCast(c Cast) bool {
	return slices.ContainsFunc(e.names(), func(name string) bool {
		return slices.ContainsFunc(c, func(one Casting) bool { return one.Name == name })
	})
}

// NeedsLeader reports whether the event can begin only while a leader is known.
func (e Event) NeedsLeader(c Cast) bool {
	return e.Shape.NeedsLeader() || e.Role.needsLeader() || e.When != nil && e.When.Leader ||
		e.NeedsCast(c) && c.NeedsLeader()
}

// known returns an error for each name that means nobody among so many nodes.
func (e Event) known(c Cast, nodes int) error {
	var errs []error
	names := e.names()
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		cast := slices.ContainsFunc(c, func(one Casting) bool { return one.Name == name })
		if number := positional(name); !cast && (number == 0 || number > nodes) {
			errs = append(errs, fmt.Errorf("nobody is called %s: it is neither cast nor one of n1 to n%d",
				name, nodes))
		}
	}
	return errors.Join(errs...)
}
