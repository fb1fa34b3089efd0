// Package online judges registers while their history grows, and says at once that a promise is
// broken. It is the zones of Gibbons and Korach (SIAM J. Comput. 26(4), 1997), with
// unanswered writes and chains of compare-and-sets, kept up to date with every answer.
//
// What it finds is final: no continuation of a history mends it, for linearizability is closed
// under prefixes. While every value is written once, it finds every violation with the very answer
// that makes it one. It forgets what no coming answer can see any more, so its memory follows the
// operations that are open and the writes that were never answered, not the length of the history;
// see forget for why nothing is lost.
//
// What it does not do is left to the check of the whole history, which is the judge: registers
// written twice with one value, failed compare-and-sets that do not say what they found (they are
// passed over), other objects than registers.
package online

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
	"gauntlet/history"
	"gauntlet/workload"
)

// Alarm is a violation of linearizability. Operations are named by their IDs.
type Alarm struct {
	Key       string
	Operation int64 // whose return made it certain
	At        int64 // the stamp of that return, in nanoseconds
	Class     finding.Class
	// Others are what the operation contradicts, rising, as far as it is remembered.
	Others []int64
	Text   string // one plain sentence
}

// Watch judges every key of a history. It is not safe for concurrent use.
type Watch struct {
	keys map[string]*object
	open map[int64]*operation // by ID
	live int                  // versions of all keys
	full bool                 // no more keys are taken in

	// The bounds, to hold whatever comes. An idle key takes about 700 bytes, a version about 250.
	mostKeys, mostVersions int
}

// New returns a watch over a history of that model, or an error that says why there is none.
func New(model string) (*Watch, error) {
	if model != workload.ModelRegister {
		return nil, fmt.Errorf("%s: only the workload %s is watched while it runs",
			model, workload.ModelRegister)
	}
	return &Watch{
		keys: map[string]*object{}, open: map[int64]*operation{},
		mostKeys: 1 << 19, mostVersions: 1 << 21,
	}, nil
}

// Observe takes in the next event of a history: an operation without an outcome is called, one with
// an outcome has returned. Events come in the order in which they happened: calls never fall, and
// one that follows a return in this order has the greater stamp. (Equal stamps are concurrent, so
// calls come before returns there.)
//
// The alarm is the first of its key; nothing more is said of that key. The error says in one line
// why a key is not watched any more, once.
func (w *Watch) Observe(op history.Operation) (*Alarm, error) {
	if op.Outcome == "" {
		return nil, w.invoke(op)
	}
	o := w.open[op.ID]
	if o == nil {
		return nil, nil // of a key that is not watched any more
	}
	delete(w.open, op.ID)
	k := o.of
	if k.ended {
		return nil, nil
	}
	before := k.size()
	alarm, err := k.finish(o, op)
	w.live += k.size() - before
	if alarm != nil {
		alarm.Key = op.Key
		slices.Sort(alarm.Others)
		alarm.Others = slices.DeleteFunc(slices.Compact(alarm.Others), func(id int64) bool {
			return id == 0 || id == alarm.Operation
		})
	}
	if alarm != nil || err != nil {
		w.end(k)
	}
	return alarm, unwatched(op.Key, err)
}

// invoke takes in a call.
func (w *Watch) invoke(op history.Operation) error {
	k := w.keys[op.Key]
	switch {
	case k == nil && w.full:
		return nil
	case k == nil && len(w.keys) == w.mostKeys:
		w.full = true
		return fmt.Errorf("key %s and later ones are not watched: there are %d", op.Key,
			w.mostKeys)
	case k == nil:
		k = newObject()
		w.keys[op.Key] = k
		w.live += k.size()
	}
	if k.ended {
		return nil
	}
	o, err := asked(op)
	if err == nil && w.open[op.ID] != nil {
		err = fmt.Errorf("operation %d is called twice", op.ID)
	}
	before := k.size()
	if err == nil {
		err = k.invoke(o)
	}
	w.live += k.size() - before
	if err == nil && w.live > w.mostVersions {
		err = fmt.Errorf("more than %d values to remember", w.mostVersions)
	}
	if err != nil {
		w.end(k)
		return unwatched(op.Key, err)
	}
	w.open[op.ID] = o
	return nil
}

// end gives up a key and what it holds. Its open operations go when they return.
func (w *Watch) end(k *object) {
	w.live -= k.size()
	*k = object{ended: true}
}

func unwatched(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("key %s is not watched any more: %w", key, err)
}

// value is what a register holds: a number, or nothing, which is the zero value and what registers
// begin with.
type value struct {
	number  int64
	present bool
}

func (v value) String() string {
	if !v.present {
		return "nothing"
	}
	return strconv.FormatInt(v.number, 10)
}

func optional(number *int64) value {
	if number == nil {
		return value{}
	}
	return value{*number, true}
}

// operation is one that has not returned.
type operation struct {
	id, call      int64
	asked         string // its kind in the history
	kind          register.Kind
	before, after value    // what a cas expects, and what it or a write leaves behind
	writes        *version // what it may bring into the register; else nil
	of            *object

	older, newer *operation // of the same object, in the order of the calls
}

// asked is what an operation wants, and leaves behind if it happens.
func asked(op history.Operation) (*operation, error) {
	in, err := workload.DecodeRegisterInput(op.Kind, op.Input)
	if err != nil {
		return nil, fmt.Errorf("operation %d: %w", op.ID, err)
	}
	o := &operation{id: op.ID, call: int64(op.Call), asked: op.Kind, after: optional(in.Value)}
	switch op.Kind {
	case workload.KindWrite:
		o.kind = register.Write
	case workload.KindCAS:
		o.kind, o.before = register.CAS, optional(in.Expected)
	}
	return o, nil
}

// finish takes in what became of an operation.
func (k *object) finish(o *operation, op history.Operation) (*Alarm, error) {
	switch op.Outcome {
	case history.OutcomeFail:
		return k.failed(o, int64(op.Return)), nil
	case history.OutcomeOK:
	default:
		k.lost(o)
		return nil, nil
	}
	out, err := workload.DecodeRegisterOutput(o.asked, op.Output)
	if err != nil {
		return nil, fmt.Errorf("operation %d: %w", op.ID, err)
	}
	a := answer{ret: int64(op.Return), done: true}
	switch {
	case a.ret < o.call || a.ret == math.MaxInt64:
		return nil, fmt.Errorf("operation %d: called at %d and returned at %d", o.id, o.call, a.ret)
	case o.kind == register.Read:
		a.saw, a.says = optional(out.Value), true
	case o.kind == register.CAS && !*out.Swapped:
		a.saw, a.says, a.done = optional(out.Current), !out.Silent, false
	}
	return k.answered(o, a), nil
}
