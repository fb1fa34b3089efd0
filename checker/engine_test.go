package checker

import (
	"testing"
	"time"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// scripted is a register that is asked by engines of the test's own.
type scripted struct {
	registerModel
	list []engine
}

func (s scripted) engines() []engine { return s.list }

// Goal: a result names the engine that decided, what it relied on, and why each one before it could
// not; and no engine is asked twice. Method: engines that only say what they are told to say.
func TestAskedInTurn(t *testing.T) {
	asked := map[string]int{}
	says := func(name, relies, why string, answer finding.Answer) engine {
		return engine{name, relies, func(*task) (finding.Finding, error) {
			asked[name]++
			return finding.Finding{Answer: answer, Why: why}, nil
		}}
	}
	m := scripted{list: []engine{
		says("first", "nothing", "two writers", finding.Undecided),
		says("second", "small numbers", "", finding.Undecided),
		says("first", "nothing", "two writers", finding.Undecided),
		says("third", "few values", "", finding.Linearizable),
		says("fourth", "", "", finding.Violation),
	}}
	got := judge(m, []history.Operation{{ID: 1, Kind: "read", Key: "k"}}, time.Second)
	if got.Engine != "third" || got.Verdict != Valid {
		t.Errorf("%s decided %v", got.Engine, got.Verdict)
	}
	if want := "first: two writers; few values"; got.Why != want {
		t.Errorf("why: %q, want %q", got.Why, want)
	}
	if asked["first"] != 1 || asked["second"] != 1 || asked["fourth"] != 0 {
		t.Errorf("asked %v", asked)
	}
}
