// Package witness decides in linear time whether what clients saw is linearizable, with the
// replicated log as the witness: each write takes effect at its own index, each read after the
// entry whose state it saw. What remains to be checked is that every answer is the one that a state
// machine gives there, and that these points agree with real time.
//
// The state machine is a twin of raftd's, written on its own terms: see twin.go.
//
// Real time: an operation's point must not lie before that of any operation whose answer was
// back before it was called, and a write's must lie behind it. A history that passes is
// linearizable (M. Herlihy and J. Wing, 1990). One that fails may still be, with other points:
// then no client could tell, and a checker of what clients saw decides.
package witness

import (
	"fmt"
	"hash/fnv"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
	"gauntlet/sim/failure"
)

// Witness is one run's log, applied to a state machine of its own, and what clients were told. It
// is not safe for concurrent use.
//
// An answer and the entries that it depends on may come in any order: the answer waits. What was
// never answered, or with a refusal that leaves it open, may have happened or not.
//
// A command of a session takes effect once at most (thesis 6.3): an entry that repeats it, or finds
// its session gone, is no point. The answer to a repeated one is that of the first, from its entry.
type Witness struct {
	twin     twin
	outcomes []outcome // by index - 1
	rows     []row
	byOp     map[int64]int
	byAsked  map[Request]asked
	waiting  []returned
	latest   floor // the last point of all answers so far
	failed   *failure.Failure
}

// outcome is what an entry did.
type outcome struct {
	row    int // whose request it was; -1: no client's
	ran    bool
	result kv.Result
}

// row is an operation.
type row struct {
	op     int64
	node   int
	called time.Duration
	write  bool
	wants  uint64 // digest of the command that was asked for; 0: unknown
	point  uint64 // of a write: its index once it is committed
	after  floor  // its point must not lie before this one
}

// floor is a point, and the operation whose it was.
type floor struct {
	index uint64
	op    int64
}

// Request names a request of one life of one member.
type Request struct {
	Node            int // from 0
	Incarnation, ID uint64
}

// asked is what became of a request.
type asked struct {
	row     int
	refused bool   // it was said to have certainly failed
	index   uint64 // where it took effect; 0: nowhere so far
}

// returned is an answer with a result.
type returned struct {
	row    int
	index  uint64
	result kv.Result
	key    string
	read   bool
}

// New returns a witness of nothing yet.
func New() *Witness {
	w := &Witness{byOp: make(map[int64]int), byAsked: make(map[Request]asked)}
	w.twin = newTwin()
	return w
}

// Reset forgets everything but its memory.
func (w *Witness) Reset() {
	w.twin.reset()
	clear(w.byOp)
	clear(w.byAsked)
	clear(w.outcomes)
	w.outcomes, w.rows, w.waiting = w.outcomes[:0], w.rows[:0], w.waiting[:0]
	w.latest, w.failed = floor{}, nil
}

// Called tells that a client called an operation, and which request of which life of which member,
// from 0, it became. A second request for the same operation counts as one with the first.
func (w *Witness) Called(
	op int64, at time.Duration, node int, incarnation, request uint64, write bool,
) {
	i, again := w.byOp[op]
	if !again {
		i = len(w.rows)
		w.byOp[op] = i
		w.rows = append(w.rows, row{op: op, node: node, called: at, write: write, after: w.latest})
	}
	w.byAsked[Request{node, incarnation, request}] = asked{row: i}
}

// Wants tells which command an operation asks for, whoever proposes it: no other may take effect in
// its name.
func (w *Witness) Wants(op int64, cmd *kv.Command) {
	if i, known := w.byOp[op]; known {
		w.rows[i].wants = digest(cmd)
	}
}

// Probed tells of a request that is nobody's operation.
func (w *Witness) Probed(node int, incarnation, request uint64) {
	w.byAsked[Request{node, incarnation, request}] = asked{row: nobody}
}

// nobody stands for the row of a request that is no operation's.
const nobody = -1

// digest is of what a command does, not of who waits for it.
func digest(cmd *kv.Command) uint64 {
	bare := *cmd
	bare.Origin, bare.Incarnation, bare.Request = 0, 0, 0
	h := fnv.New64a()
	h.Write(bare.Encode())
	return max(1, h.Sum64())
}

// Committed applies the next globally committed entry, of which it keeps nothing.
func (w *Witness) Committed(e raft.Entry) {
	if w.failed != nil {
		return
	}
	done := outcome{row: -1}
	w.twin.pass(e.Time)
	if cmd, ok := command(e); ok {
		done.result, done.ran = w.twin.once(e.Index, cmd)
		name := Request{int(cmd.Origin) - 1, cmd.Incarnation, cmd.Request}
		request, known := w.byAsked[name]
		switch {
		case !known:
			w.unasked(e.Index, fmt.Sprintf("a command of n%d that nobody asked for", cmd.Origin))
		case request.row != nobody:
			done.row = request.row
			w.committed(&request, e.Index, &cmd, done.ran)
			w.byAsked[name] = request
		}
	} else if e.Kind == raft.EntryCommand {
		w.unasked(e.Index, "a command that cannot be decoded")
	}
	w.outcomes = append(w.outcomes, done)
	w.judgeWaiting(e.Index)
}

// command returns what an entry asks for, false if nothing.
func command(e raft.Entry) (kv.Command, bool) {
	if e.Kind != raft.EntryCommand {
		return kv.Command{}, false
	}
	cmd, err := kv.Decode(e.Data)
	return cmd, err == nil
}

// unasked reports an entry that stands for no request.
func (w *Witness) unasked(index uint64, what string) {
	if w.failed == nil {
		w.failed = &failure.Failure{Signature: failure.WrongAnswer, Index: index,
			Text: fmt.Sprintf("entry %d is %s", index, what)}
	}
}

// committed judges the place of a write in the log, answered or not, and that it is the only one in
// which it took effect.
func (w *Witness) committed(request *asked, index uint64, cmd *kv.Command, ran bool) {
	r := &w.rows[request.row]
	request.index = index
	switch {
	case r.wants != 0 && r.wants != digest(cmd):
		w.fail(failure.WrongAnswer, r, index, "took effect at entry %d as another command", index)
	case request.refused:
		w.fail(failure.UndoneFail, r, index,
			"took effect at entry %d, though it was said to have certainly failed", index)
	case !ran:
		return
	case r.point != 0:
		w.fail(failure.TwiceDone, r, index, "took effect at entry %d and again at entry %d",
			r.point, index)
	case index <= r.after.index:
		w.stale(r, index)
	}
	r.point = index
}

// Returned tells that the answer to a request for an operation reached its client; key is that of a
// read.
func (w *Witness) Returned(op int64, of Request, a *replica.Answer, key string, read bool) {
	i, known := w.byOp[op]
	if w.failed != nil || !known {
		return
	}
	if a.Refusal != nil {
		w.refused(&w.rows[i], of, a.Refusal)
		return
	}
	if a.Index >= w.latest.index {
		w.latest = floor{a.Index, op}
	}
	answer := returned{row: i, index: a.Index, result: a.Result, key: key, read: read}
	if a.Index > uint64(len(w.outcomes)) {
		w.waiting = append(w.waiting, answer)
		return
	}
	w.judge(&answer)
}

func (w *Witness) refused(r *row, of Request, refusal *replica.Refusal) {
	request := w.byAsked[of]
	if !r.write || refusal.Unknown {
		return
	}
	request.refused = true
	w.byAsked[of] = request
	if request.index != 0 {
		w.fail(failure.UndoneFail, r, request.index,
			"was said to have certainly failed (%s), but took effect at entry %d",
			refusal.Reason, request.index)
	}
}

// judgeWaiting judges the answers that depended on the entry at an index.
func (w *Witness) judgeWaiting(index uint64) {
	if len(w.waiting) == 0 {
		return
	}
	later := w.waiting[:0]
	for i := range w.waiting {
		if w.waiting[i].index > index {
			later = append(later, w.waiting[i])
			continue
		}
		w.judge(&w.waiting[i])
	}
	w.waiting = later
}

// Ended tells that the run is over: no entry will be committed that an answer still waits for.
func (w *Witness) Ended() {
	for i := range w.waiting {
		a := &w.waiting[i]
		w.fail(failure.WrongAnswer, &w.rows[a.row], a.index,
			"was answered from entry %d, but only %d were committed", a.index, len(w.outcomes))
	}
}

// judge compares an answer with what the twin gives at its point.
func (w *Witness) judge(a *returned) {
	r := &w.rows[a.row]
	if a.read {
		if a.index < r.after.index {
			w.stale(r, a.index)
			return
		}
		value, found := w.twin.at(a.key, a.index)
		if want := (kv.Result{Found: found, Value: value}); !same(a.result, want) {
			w.fail(failure.WrongAnswer, r, a.index, "read %s at entry %d as %s, where it is %s",
				a.key, a.index, show(a.result), show(want))
		}
		return
	}
	if a.index == 0 || w.outcomes[a.index-1].row != a.row {
		w.fail(failure.WrongAnswer, r, a.index,
			"was answered from entry %d, which is not its own", a.index)
		return
	}
	done := &w.outcomes[a.index-1]
	if !done.ran && done.result.Rejection == kv.NotRejected {
		w.fail(failure.TwiceDone, r, a.index, "was answered as if it had taken effect at entry %d, "+
			"but it had at entry %d", a.index, r.point)
		return
	}
	if want := done.result; !same(a.result, want) {
		w.fail(failure.WrongAnswer, r, a.index, "was answered at entry %d with %s instead of %s",
			a.index, show(a.result), show(want))
	}
}

func (w *Witness) stale(r *row, index uint64) {
	w.fail(failure.StaleAnswer, r, index,
		"has its point at entry %d, though operation %d had an answer from entry %d before the call",
		index, r.after.op, r.after.index)
	w.failed.Operations = []int64{r.after.op, r.op}
}

// Failure returns the first thing that cannot be, nil if all can. What comes after it is ignored.
func (w *Witness) Failure() *failure.Failure { return w.failed }

// fail notes the first failure: what an operation did.
func (w *Witness) fail(what failure.Signature, r *row, index uint64, format string, args ...any) {
	if w.failed != nil {
		return
	}
	w.failed = &failure.Failure{
		Signature: what, Nodes: []int{r.node}, Index: index, Operations: []int64{r.op},
		Text: fmt.Sprintf("operation %d on n%d, called at %v, %s",
			r.op, r.node+1, r.called, fmt.Sprintf(format, args...)),
	}
}
