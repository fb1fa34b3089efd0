package checker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gauntlet/checker/aggregate"
	"gauntlet/checker/finding"
	"gauntlet/history"
)

// Foreign says what a history from elsewhere is checked against: a model by the name that its users
// give it, and what the history does not say.
//
//	cas-register(0)  register(nil)        a register and what it begins with, Knossos' models; if
//	cas-register     register             that is not said, it may be nothing or 0
//	mutex                                 a lock without an owner, as in Knossos
//	multi-register({x 0 y 0})             registers that transactions read and write at one instant
//	kv                                    strings by key, with get, put and append, as in porcupine
//	set  set-full  counter  bank          Jepsen's checkers: see package aggregate; a set that must
//	                                      be linearizable is that of Linearizable
//
// Every other name is one of Linearizable.
type Foreign struct {
	Model        string
	Total        *int64 // bank: the sum of all balances; nil: that of the first read
	Negative     bool   // bank: a balance may lie below 0
	Linearizable bool   // set, set-full: no element may be missed, not even for a while
}

// engineAggregate is the engine of what is not about an order of operations.
const engineAggregate = "aggregate"

// whyAggregate is why no other engine was asked.
const whyAggregate = "it is not linearizability that this model asks for"

// Valid says what of the name or the options makes no sense.
func (f Foreign) Valid() error {
	name, _ := splitName(f.Model)
	switch {
	case (f.Total != nil || f.Negative) && name != "bank":
		return fmt.Errorf("model %q has no balances: only bank has", f.Model)
	case f.Linearizable && name != "set" && name != "set-full":
		return fmt.Errorf("model %q has no weaker reading: only set and set-full have", f.Model)
	case f.aggregate() != nil:
		return nil
	}
	_, err := findModel(f.Model)
	return err
}

// UnknownModelError says that no model is called so.
type UnknownModelError struct{ Called string }

func (e *UnknownModelError) Error() string { return fmt.Sprintf("no model is called %q", e.Called) }

// ModelNames are the names that Foreign knows, sorted, without what they begin with.
func ModelNames() []string {
	names := []string{"cas-register", "multi-register", "mutex", "kv", "set-full", "bank"}
	for _, row := range models {
		names = append(names, row.name)
	}
	slices.Sort(names)
	return names
}

// Check judges a history, key by key, each within the budget; 0 is unlimited. Notes are what a
// person would ask next: what was assumed, what else was counted. A history of our own runs is
// checked for linearizability under any name. The error is that of options that make no sense, or
// of an operation that is none of the model's.
func (f Foreign) Check(
	h *history.History, budget time.Duration,
) (result Result, notes []string, err error) {
	if err := f.Valid(); err != nil {
		return result, nil, err
	}
	name, begin := splitName(f.Model)
	keys, ours := named(Partition(h)), h.Header.Run != ""
	if check := f.aggregate(); check != nil && !ours {
		return aggregated(name, keys, check)
	}
	if ours && len(keys) == 0 {
		return Combine(nil), nil, nil
	}
	if begin != "" || ours || !slices.Contains(beginning, name) {
		result, err = linearizableKeys(f.Model, keys, budget)
		return result, nil, err
	}
	return guessed(name, keys, budget)
}

// named lets sentences speak of processes where the history names no nodes.
func named(keys []Key) []Key {
	for _, key := range keys {
		for i := range key.Operations {
			if op := &key.Operations[i]; op.Node == "" {
				op.Node = fmt.Sprintf("process %d", op.Process)
			}
		}
	}
	return keys
}

// beginning are the models whose objects begin with what the history does not say.
var beginning = []string{"register", "cas-register", "multi-register"}

// guessed tries what the objects of a history may begin with. It is a violation only if it is one
// whatever they begin with.
func guessed(name string, keys []Key, budget time.Duration) (Result, []string, error) {
	nothing, err := linearizableKeys(name+"(nil)", keys, budget)
	if err != nil || nothing.Verdict == Valid {
		return nothing, []string{"assumed to begin with nothing, as nobody said"}, err
	}
	zero, err := linearizableKeys(name+"(0)", keys, budget)
	note := fmt.Sprintf("whether it begins with 0 (%s) or with nothing (%s), nobody said",
		zero.Verdict, nothing.Verdict)
	return kinder(nothing, zero), []string{note}, err
}

// kinder is the result that is true if either may be: the first unless the second is better.
func kinder(a, b Result) Result {
	if worse(a.Verdict, b.Verdict) {
		return b
	}
	return a
}

// linearizableKeys checks every key of a history for linearizability.
func linearizableKeys(name string, keys []Key, budget time.Duration) (Result, error) {
	m, err := findModel(name)
	if err != nil {
		return Result{}, err
	}
	results := make([]KeyResult, len(keys))
	for i, key := range keys {
		results[i] = judge(m, key.Operations, budget)
		if results[i].Engine != engineNone {
			continue
		}
		if _, err := decode(m, key.Operations); err != nil {
			return Result{}, err
		}
	}
	if len(keys) == 0 {
		return Result{
			Check: CheckLinearizable, Verdict: Valid,
			Reason: "no client asked for anything: nothing contradicts the model",
		}, nil
	}
	return Combine(results), nil
}

// aggregated checks every key of a history with one of Jepsen's checks.
func aggregated(
	name string, keys []Key, check func([]history.Operation) (aggregate.Result, error),
) (Result, []string, error) {
	result := Result{Check: name}
	if len(keys) == 0 {
		keys = []Key{{}}
	}
	var notes []string
	verdicts := make([]Verdict, len(keys))
	for i, key := range keys {
		started := time.Now()
		found, err := check(key.Operations)
		if err != nil {
			return Result{}, nil, err
		}
		k := keyed(key, found, time.Since(started))
		verdicts[i] = k.Verdict
		if i == 0 || worse(k.Verdict, result.Verdict) {
			result.Verdict, result.Violation, notes = k.Verdict, k.Violation, found.Notes
			if result.Reason = found.Text; key.Name != "" {
				result.Reason = fmt.Sprintf("key %s: %s", visible(key.Name), found.Text)
			}
		}
		result.Keys = append(result.Keys, k)
	}
	same := 0
	for _, v := range verdicts {
		if v == result.Verdict {
			same++
		}
	}
	switch {
	case same == 2:
		result.Reason += " (and 1 more key)"
	case same > 2:
		result.Reason += fmt.Sprintf(" (and %d more keys)", same-1)
	}
	return result, notes, nil
}

// worse reports whether merging a with b leaves a.
func worse(a, b Verdict) bool { return a != b && Merge(a, b) == a }

// keyed is an aggregate's result as that of a key.
func keyed(key Key, found aggregate.Result, elapsed time.Duration) KeyResult {
	k := KeyResult{
		Key: key.Name, Operations: len(key.Operations), Reason: found.Text,
		Engine: engineAggregate, Why: whyAggregate, Elapsed: elapsed,
	}
	switch found.Answer {
	case finding.Linearizable:
		k.Verdict, k.Reason = Valid, ""
	case finding.Violation:
		k.Verdict = Invalid
		k.Violation = &Violation{Text: found.Text, Class: found.Class, Key: key.Name}
		for _, i := range found.Culprits {
			k.Violation.Operations = append(k.Violation.Operations, key.Operations[i].ID)
		}
	}
	return k
}

// aggregate returns the check of one key, if the model is one of Jepsen's.
func (f Foreign) aggregate() func([]history.Operation) (aggregate.Result, error) {
	switch f.Model {
	case "set":
		if f.Linearizable {
			return nil // every read counts then, not the last alone
		}
		return aggregate.Set
	case "counter":
		return aggregate.Counter
	case "set-full":
		return func(ops []history.Operation) (aggregate.Result, error) {
			return aggregate.SetFull(ops, f.Linearizable)
		}
	case "bank":
		o := aggregate.BankOptions{Total: f.Total, Negative: f.Negative}
		return func(ops []history.Operation) (aggregate.Result, error) {
			return aggregate.Bank(ops, o)
		}
	}
	return nil
}

// splitName splits "cas-register(0)" into the name and what stands in parentheses.
func splitName(model string) (name, argument string) {
	name, argument, _ = strings.Cut(model, "(")
	return strings.TrimSpace(name), strings.TrimSpace(strings.TrimSuffix(argument, ")"))
}

// argued checks what stands after a name: parentheses that close, and only where a model begins
// with what a history does not say. A kv's may hold what collections call its operations.
func argued(called, name, argument string) error {
	_, after, opened := strings.Cut(called, "(")
	if opened && !strings.HasSuffix(strings.TrimSpace(after), ")") {
		return fmt.Errorf("model %q: its parenthesis is not closed", called)
	}
	if argument != "" && !slices.Contains(beginning, name) &&
		(name != "kv" || argument != "get/put/append strings") {
		return fmt.Errorf("model %q: a %s begins with nothing else, want no (%s)", called, name,
			argument)
	}
	return nil
}

// foreignModel returns a model that histories from elsewhere are of, named as Foreign has it.
func foreignModel(called string) (model, error) {
	name, argument := splitName(called)
	if !slices.Contains(ModelNames(), name) {
		return nil, &UnknownModelError{called}
	}
	if err := argued(called, name, argument); err != nil {
		return nil, err
	}
	switch name {
	case "register", "cas-register":
		first, err := beginsWith(argument)
		if err != nil {
			return nil, fmt.Errorf("model %q: %w", called, err)
		}
		return registerModel{first: first}, nil
	case "multi-register":
		m, err := newMultiModel(argument)
		if err != nil {
			return nil, fmt.Errorf("model %q: %w", called, err)
		}
		return m, nil
	case "mutex":
		return mutexModel{}, nil
	case "kv":
		return kvModel{}, nil
	}
	return nil, &UnknownModelError{called} // by this name, only without parentheses
}

// beginsWith reads what a register begins with.
func beginsWith(argument string) (value, error) {
	if argument == "" || argument == "nil" {
		return value{}, nil
	}
	number, err := strconv.ParseInt(argument, 10, 64)
	if err != nil {
		return value{}, fmt.Errorf("begins with %s, want nil or a whole number", argument)
	}
	return value{present: true, number: number}, nil
}

// newMultiModel reads what registers begin with: {x 0 y nil}, or nil or a number for them all. Keys
// and values are EDN's numbers, nil, keywords, symbols and strings without spaces.
func newMultiModel(argument string) (multiModel, error) {
	m := multiModel{rest: nothing}
	inner, isMap := strings.CutPrefix(argument, "{")
	if !isMap {
		first, err := beginsWith(argument)
		if first.present {
			m.rest = first.String()
		}
		return m, err
	}
	words := strings.FieldsFunc(strings.TrimSuffix(inner, "}"), func(r rune) bool {
		return r == ',' || unicode.IsSpace(r)
	})
	if len(words)%2 != 0 || !strings.HasSuffix(argument, "}") {
		return m, fmt.Errorf("begins with %s, want {register value ...}", argument)
	}
	held := map[string]string{}
	for i := 0; i < len(words); i += 2 {
		held[scalar(words[i])] = scalar(words[i+1])
	}
	m.first = packMulti(held)
	return m, nil
}

// scalar is the JSON of a word of EDN.
func scalar(word string) string {
	if word == "nil" {
		return nothing
	}
	if json.Valid([]byte(word)) {
		return word
	}
	quoted, _ := json.Marshal(strings.TrimPrefix(word, ":")) // a string has no way to fail
	return string(quoted)
}
