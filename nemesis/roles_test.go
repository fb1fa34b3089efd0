package nemesis

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// Goal: a role of several hosts strikes as many as its name says, all of them running, and chance
// decides which, the leader included or not, but where the role says that it is not.
// Method: sizes 1 to 9, against the definition.
func TestCrowds(t *testing.T) {
	for size := 1; size <= 9; size++ {
		for _, role := range []Role{RoleMajority, RoleFollowers, RoleMinority, RoleAll} {
			struck, spared := 0, 0
			for stream := range uint64(40) {
				e := Event{ID: 1, Kind: KindKill, Role: role, For: 1, Stream: stream}
				a, err := Bind(e, View{Nodes: hosts(size), Leader: "n1"}, 9)
				if wrong := e.Valid(size, nil); wrong != nil {
					if size >= 3 || err == nil {
						t.Errorf("%s of %d: %v, bound with %v", role, size, wrong, err)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				checkCrowd(t, role, a.Hosts, size)
				if slices.Contains(a.Hosts, "n1") {
					struck++
				} else {
					spared++
				}
			}
			mayStrike, maySpare := role != RoleFollowers, role != RoleAll
			if size >= 3 && ((struck > 0) != mayStrike || (spared > 0) != maySpare) {
				t.Errorf("%s of %d: leader struck %d times, spared %d", role, size, struck, spared)
			}
		}
	}
}

func checkCrowd(t *testing.T, role Role, struck []string, size int) {
	t.Helper()
	n, rest := len(struck), size-len(struck)
	ok := slices.IsSorted(struck) && len(slices.Compact(slices.Clone(struck))) == n
	switch role {
	case RoleMajority, RoleFollowers: // the least that ends every quorum
		ok = ok && 2*n > size && 2*(n-1) <= size
	case RoleMinority: // the most that leaves one
		ok = ok && 2*rest > size && 2*(rest-1) <= size
	case RoleAll:
		ok = ok && rest == 0
	}
	if !ok {
		t.Errorf("%s of %d: %v", role, size, struck)
	}
}

// Goal: hosts that are stopped already do not count as struck: a majority waits until it can be
// had, all are whoever is left.
func TestCrowdsOfTheRunning(t *testing.T) {
	view := View{Nodes: hosts(5), Stopped: []string{"n2", "n4"}}
	for role, want := range map[Role][]string{
		RoleMajority: {"n1", "n3", "n5"}, RoleAll: {"n1", "n3", "n5"},
	} {
		a, err := Bind(Event{Kind: KindPause, Role: role}, view, 1)
		if err != nil || !slices.Equal(a.Hosts, want) {
			t.Errorf("%s: %v, %v; want %v", role, a.Hosts, err, want)
		}
	}
	view.Stopped = []string{"n4"}
	e := Event{ID: 1, Kind: KindPause, Role: RoleFollowers, For: 1}
	if _, err := Bind(e, view, 1); !errors.Is(err, ErrNoLeader) || !e.NeedsLeader(nil) {
		t.Errorf("followers of nobody: %v, want ErrNoLeader", err)
	}
	view.Leader = "n3"
	if a, err := Bind(e, view, 1); err != nil || !slices.Equal(a.Hosts, []string{"n1", "n2", "n5"}) {
		t.Errorf("followers: %v, %v; want n1, n2 and n5", a.Hosts, err)
	}
	view.Stopped = []string{"n1", "n2", "n4"}
	if _, err := Bind(Event{Kind: KindPause, Role: RoleMajority}, view, 1); !errors.Is(err,
		ErrNoHost) {
		t.Errorf("error %v, want ErrNoHost", err)
	}
}

// Goal: bit-rot is refused where no quorum could spare a member, whatever it strikes.
func TestBitRotSparesAQuorum(t *testing.T) {
	for size := 1; size <= 9; size++ {
		e := Event{ID: 1, Kind: KindBitRot, Role: RoleAny, For: 1}
		_, err := Bind(e, View{Nodes: hosts(size)}, 1)
		if possible := size >= 3; possible != (err == nil) || possible != (e.Valid(size, nil) == nil) {
			t.Errorf("%d nodes: bound with %v, valid %v", size, err, e.Valid(size, nil))
		}
	}
}

// Goal: only kinds that end or stop a process, or part it from its clients, strike several at once.
func TestCrowdsRefused(t *testing.T) {
	for _, kind := range Kinds() {
		if kind.Traits().Links || kind == KindVersion || kind == KindRestart {
			continue
		}
		crowd := slices.Contains([]Kind{KindPause, KindKill, KindPower, KindClientCut}, kind)
		err := RoleMajority.Valid(kind, 5)
		if crowd != (err == nil) || err != nil && !strings.Contains(err.Error(), "one host at a time") {
			t.Errorf("%s of a majority: %v", kind, err)
		}
	}
}
