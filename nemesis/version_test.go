package nemesis

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func rolling(builds []int, steps ...Shape) []Spec {
	return []Spec{{Kind: KindVersion, Shapes: steps, Every: 2 * time.Second, For: time.Second,
		Builds: builds}}
}

// Goal: a rolling change brings one node after another to the other build, step by step, plans
// nothing that would move nobody, and is deterministic.
// Method: plans of mixed and unmixed clusters, played on a view of the builds.
func TestRollingVersions(t *testing.T) {
	const up, down = ShapeUpgrade, ShapeDowngrade
	for _, test := range []struct {
		name   string
		builds []int
		steps  []Shape
		want   string // shape and host of each event
	}{
		{"up, down, and up again", []int{0, 0, 0}, []Shape{up, down},
			"+a +b +c -a -b -c +a +b +c -a"},
		{"only up", []int{0, 0, 0}, []Shape{up}, "+a +b +c"},
		{"down first", []int{1, 1, 1}, []Shape{down, up}, "-a -b -c +a +b +c -a -b -c +a"},
		{"a step that has nobody to move", []int{1, 1}, []Shape{up, down},
			"-a -b +a +b -a -b +a +b -a -b"},
		{"mixed", []int{0, 1, 0}, []Shape{up, down}, "+a +c -a -b -c +a +b +c -a -b"},
	} {
		plan, err := NewPlan(rolling(test.builds, test.steps...), 21*time.Second, 7)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		view := View{Nodes: []string{"a", "b", "c"}[:len(test.builds)], Builds: map[string]int{}}
		for i, node := range view.Nodes {
			view.Builds[node] = test.builds[i]
		}
		var got []string
		for _, e := range plan {
			action, err := Bind(e, view, 7)
			if err != nil || len(action.Hosts) != 1 {
				t.Fatalf("%s: %+v: hosts %v, %v", test.name, e, action.Hosts, err)
			}
			sign := map[Shape]string{up: "+", down: "-"}[e.Shape]
			got = append(got, sign+action.Hosts[0])
			view.Builds[action.Hosts[0]] = e.Build()
		}
		if text := strings.Join(got, " "); text != test.want {
			t.Errorf("%s: %s, want %s", test.name, text, test.want)
		}
	}
}

// Goal: a stopped node is not chosen, and when no other is left the caller is told to wait.
func TestVersionOfStoppedNodes(t *testing.T) {
	e := Event{ID: 1, Kind: KindVersion, Shape: ShapeUpgrade}
	view := View{Nodes: []string{"a", "b"}, Builds: map[string]int{}, Stopped: []string{"a"}}
	if action, err := Bind(e, view, 0); err != nil || !slices.Equal(action.Hosts, []string{"b"}) {
		t.Errorf("hosts %v, %v; want b", action.Hosts, err)
	}
	view.Builds["b"] = BuildNew
	if _, err := Bind(e, view, 0); !errors.Is(err, ErrNoHost) {
		t.Errorf("error %v, want ErrNoHost", err)
	}
}

// Goal: what a version cannot do is said in words. Method: one broken rule each.
func TestVersionProblems(t *testing.T) {
	for want, specs := range map[string][]Spec{
		"version names no step":                                 rolling([]int{0}),
		`unknown step "sideways" (one of upgrade, downgrade)`:   rolling([]int{0}, "sideways"),
		"version needs a target of two builds":                  rolling(nil, ShapeUpgrade),
		"steps [upgrade] move no node: all of them begin there": rolling([]int{1, 1}, ShapeUpgrade),
	} {
		if err := specs[0].Valid(3); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
