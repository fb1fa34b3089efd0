package checker

import (
	"fmt"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker/finding"
	"gauntlet/checker/frontier"
	"gauntlet/history"
)

// The names of the engines that every model has.
const (
	engineNone      = "none"
	engineGlance    = "glance"
	engineFrontier  = "frontier"
	enginePorcupine = "porcupine"
)

// engine decides some histories, and says why it cannot decide the others. It never guesses.
type engine struct {
	name   string
	relies string // on what it relies, and so why it may decide; "": nothing to speak of
	// decide answers for all operations of the task; culprits index them. The error is that of an
	// operation that makes no sense to the model.
	decide func(t *task) (finding.Finding, error)
}

// task is the operations of one key, to be judged by a model in time.
type task struct {
	model model
	ops   []history.Operation
	until time.Time // the end of the budget; zero: there is none

	decoded   []effect      // see effects
	compacted *compacted    // see compact
	told      *Violation    // what an engine already put into words
	certain   time.Duration // the return at which a search saw that it is a violation; 0: not known
}

// general are the engines of every model. Searches decide everything, given time and memory.
var general = []engine{
	{engineGlance, "", glance},
	{engineFrontier, "", swept},
	{enginePorcupine, "", searched},
}

// judge asks one engine after the other.
func judge(m model, ops []history.Operation, budget time.Duration) KeyResult {
	started := time.Now()
	t := &task{model: m, ops: ops}
	if budget > 0 {
		t.until = started.Add(budget)
	}
	result := KeyResult{Operations: len(ops), Engine: engineNone}
	if len(ops) > 0 {
		result.Key = ops[0].Key
	}
	var passed []string // why the engines so far could not decide
	asked := make(map[string]bool)
	for _, e := range append(m.engines(), general...) {
		if asked[e.name] {
			continue
		}
		asked[e.name] = true
		found, err := e.decide(t)
		if err != nil {
			result.Reason = err.Error()
			break
		}
		if found.Why != "" {
			passed = append(passed, e.name+": "+found.Why)
		}
		if found.Answer == finding.Undecided {
			continue
		}
		if e.relies != "" {
			passed = append(passed, e.relies)
		}
		result.Engine, result.Verdict = e.name, Valid
		if found.Answer == finding.Violation {
			result.Verdict, result.Violation = Invalid, t.evidence(found)
			result.Reason = result.Violation.Text
		}
		break
	}
	if result.Why = strings.Join(passed, "; "); result.Verdict == Unknown && result.Reason == "" {
		result.Reason = fmt.Sprintf("no answer within %v over %d operations", budget, len(ops))
	}
	result.Elapsed = time.Since(started)
	return result
}

// effects are the operations in the terms of the model, decoded once.
func (t *task) effects() ([]effect, error) {
	if t.decoded == nil {
		decoded, err := decode(t.model, t.ops)
		if err != nil {
			return nil, err
		}
		t.decoded = decoded
	}
	return t.decoded, nil
}

// left is how much of the budget remains; 0 means that there is none to keep.
func (t *task) left() time.Duration {
	if t.until.IsZero() {
		return 0
	}
	return max(time.Until(t.until), time.Nanosecond)
}

// glance finds an answer that contradicts the model, or another answer, without a search.
func glance(t *task) (finding.Finding, error) {
	effects, err := t.effects()
	if err != nil {
		return finding.Finding{}, err
	}
	if t.told = t.model.obvious(t.ops, effects); t.told != nil {
		return finding.Finding{Answer: finding.Violation, Class: finding.Contradiction}, nil
	}
	return finding.Finding{}, nil
}

// swept asks the just-in-time search.
func swept(t *task) (finding.Finding, error) {
	effects, err := t.effects()
	if err != nil {
		return finding.Finding{}, err
	}
	effects = t.model.prepare(t.model.relevant(effects))
	n := newNumbered(t.model)
	initial, ops := n.operations(effects, []any{t.model.initial()})
	return t.found(frontier.Search(n, initial, ops, t.half()), ops), nil
}

// half limits a search to half of the time that is left: one that does not get through by then is
// of no use, and the next engine may be.
func (t *task) half() frontier.Limit {
	if t.until.IsZero() {
		return frontier.Limit{}
	}
	end := time.Now().Add(t.left() / 2)
	return frontier.Limit{Stop: func() bool { return time.Now().After(end) }}
}

// found is what the just-in-time search found of operations.
func (t *task) found(result frontier.Result, ops []frontier.Op) finding.Finding {
	f := finding.Finding{Answer: result.Answer, Why: result.Why}
	if result.Answer == finding.Violation {
		f.Class, t.certain = finding.NoOrder, time.Duration(ops[result.Stuck].Ret)
	}
	return f
}

// searched asks porcupine, which decides everything if it has the time and the memory.
func searched(t *task) (finding.Finding, error) {
	effects, err := t.effects()
	if err != nil {
		return finding.Finding{}, err
	}
	switch search(t.model, effects, t.left()) {
	case porcupine.Ok:
		return finding.Finding{Answer: finding.Linearizable}, nil
	case porcupine.Illegal:
		return finding.Finding{Answer: finding.Violation, Class: finding.NoOrder}, nil
	}
	return finding.Finding{Why: "out of time"}, nil
}

// evidence puts a violation into words. Where the engine does not name culprits, they are searched
// for.
func (t *task) evidence(found finding.Finding) *Violation {
	violation := t.told
	switch {
	case violation != nil:
	case len(found.Culprits) > 0:
		violation = t.tell(found)
	default:
		effects, _ := t.effects() // an engine has read them
		window, anyhow := minimise(t.model, effects, t.certain, min(t.left()/2, shrinkBudget))
		if violation = t.model.explain(t.ops, window); violation == nil {
			violation = unexplained(window, anyhow)
		}
	}
	// A search knows no class, and a glance only that it is one of the plainest. The words tell more.
	if violation.Class == "" || found.Class != finding.NoOrder && t.told == nil {
		violation.Class = found.Class
	}
	return violation
}

// tell puts culprits into words.
func (t *task) tell(found finding.Finding) *Violation {
	window := t.culprits(found)
	if found.Class != finding.NeverWritten && found.Class != finding.Contradiction {
		return explain(t.model, t.ops, minimiseCulprits(t.model, window))
	}
	if violation := t.model.obvious(t.ops, window); violation != nil {
		return violation
	}
	return explain(t.model, t.ops, window)
}

// culprits are the operations that an engine named, as effects.
func (t *task) culprits(found finding.Finding) []effect {
	window := make([]effect, 0, len(found.Culprits))
	for _, i := range found.Culprits {
		decoded, err := decode(t.model, t.ops[i:i+1])
		if err != nil {
			continue // no engine names what it cannot read
		}
		window = append(window, decoded...)
	}
	return window
}
