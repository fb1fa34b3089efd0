package jepsen

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/exchange/edn"
	"gauntlet/history"
)

// operation is an invocation with what came of it.
type operation struct {
	line    int // of the invocation
	f       string
	key     edn.Value
	keyed   bool
	asked   edn.Value
	node    string
	process int // as in the history to be made; below 0: see pairing.fresh

	outcome  history.Outcome // "": it has not returned
	answered edn.Value
	answer   int // line of the answer
	error    string
	found    edn.Value
	finds    bool
	compare  bool

	call, ret [2]int64 // by order and by time
}

// The two clocks.
const (
	byOrder = iota
	byTime
)

// pairing puts records together to operations.
type pairing struct {
	family family
	ops    []operation

	open      map[int]int // of numbered processes: to their operation
	anonymous []int       // open operations whose process is not said
	lives     map[int]int // the process that a number of the text stands for after its retirement
	largest   int         // number of a process
	fresh     int         // processes made up, counted downwards from -1
	idle      []int       // made up, and free for another operation

	skipped skipped
	now     [2]int64
	latest  int64 // time as written
	untimed int   // line of the first record without a time; 0: none
	odd     bool  // that record has a time, but not one of whole nanoseconds
	unruly  int   // line of the first time that goes back; 0: none
	records int
	indexed bool
	index   int64
}

func newPairing(f family) *pairing {
	p := &pairing{family: f, open: map[int]int{}, lives: map[int]int{}, largest: -1}
	p.now[byTime] = -1
	return p
}

// maxName bounds the names of operations, which stand in messages.
const maxName = 100

// maxAnonymous bounds how many operations an answer of no process could belong to.
const maxAnonymous = 100

// take takes in the next record.
func (p *pairing) take(r record) error {
	if r.skipped {
		p.skipped.add(r, p.family)
		return nil
	}
	if len(r.f) > maxName {
		return broken(r.line, "f %s, want a name of at most %d bytes", shorten(r.f, 60), maxName)
	}
	if err := p.order(r); err != nil {
		return err
	}
	p.tick(r)
	if r.kind == typeInvoke {
		return p.invoke(r)
	}
	i, err := p.match(r)
	if err != nil {
		return err
	}
	return p.finish(i, r)
}

// order holds the indices, where there are any, to the order of the text.
func (p *pairing) order(r record) error {
	if r.indexed && p.indexed && r.index <= p.index {
		return broken(r.line, "index %d after %d: records must stand in their order",
			r.index, p.index)
	}
	if r.indexed {
		p.indexed, p.index = true, r.index
	}
	return nil
}

// tick moves both clocks to a record.
func (p *pairing) tick(r record) {
	p.records++
	p.now[byOrder]++
	switch {
	case !r.timed && p.untimed == 0:
		p.untimed, p.odd = r.line, r.odd
	case (r.time < p.latest || r.time < 0) && p.unruly == 0:
		p.unruly = r.line
	}
	p.latest = r.time
	p.now[byTime] = max(r.time, p.now[byTime]+1)
}

// invoke opens an operation.
func (p *pairing) invoke(r record) error {
	op := operation{
		line: r.line, f: r.f, key: r.key, keyed: r.keyed, asked: r.value, node: r.node, call: p.now,
	}
	if op.f == "" {
		if !isTransaction(r.value) {
			return broken(r.line, "no :f, and :value is no transaction")
		}
		op.f = "txn"
	}
	if err := p.family.asks(op); err != nil {
		return broken(r.line, "%v", err)
	}
	if !r.processed {
		if len(p.anonymous) == maxAnonymous {
			return broken(r.line, "more than %d operations of no :process are open", maxAnonymous)
		}
		op.process = p.borrow()
		p.anonymous = append(p.anonymous, len(p.ops))
		p.ops = append(p.ops, op)
		return nil
	}
	if before, busy := p.open[r.process]; busy {
		return broken(r.line, "process %d invokes %s, but its %s of line %d has not returned",
			r.process, op.f, p.ops[before].f, p.ops[before].line)
	}
	p.largest = max(p.largest, r.process)
	op.process = r.process
	if other, reborn := p.lives[r.process]; reborn {
		op.process = other
	}
	p.open[r.process] = len(p.ops)
	p.ops = append(p.ops, op)
	return nil
}

// borrow returns a made-up process that has nothing to do.
func (p *pairing) borrow() int {
	if n := len(p.idle); n > 0 {
		process := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return process
	}
	p.fresh--
	return p.fresh
}

// match finds and closes the operation that a record ends. Without a process it is the only one
// open with that :f, or the only one of these with that value.
func (p *pairing) match(r record) (int, error) {
	if r.processed {
		i, busy := p.open[r.process]
		if !busy {
			return 0, broken(r.line, "process %d is told %s, but has invoked nothing",
				r.process, r.kind)
		}
		delete(p.open, r.process)
		if r.kind == typeInfo {
			p.fresh--
			p.lives[r.process] = p.fresh
		}
		return i, nil
	}
	var alike, same []int // places in p.anonymous
	for at, i := range p.anonymous {
		if op := p.ops[i]; r.f == "" || op.f == r.f {
			alike = append(alike, at)
			if edn.Text(op.asked) == edn.Text(r.value) {
				same = append(same, at)
			}
		}
	}
	if len(alike) > 1 && len(same) == 1 {
		alike = same
	}
	if len(alike) != 1 {
		return 0, broken(r.line, "%s of no :process could end any of %d operations, want one",
			r.kind, len(alike))
	}
	i := p.anonymous[alike[0]]
	p.anonymous = append(p.anonymous[:alike[0]], p.anonymous[alike[0]+1:]...)
	if r.kind != typeInfo {
		p.idle = append(p.idle, p.ops[i].process)
	}
	return i, nil
}

// finish ends an operation.
func (p *pairing) finish(i int, r record) error {
	op := &p.ops[i]
	if r.f != "" && r.f != op.f {
		return broken(r.line, "%s of %s, but line %d invokes %s", r.kind, r.f, op.line, op.f)
	}
	if r.keyed && edn.Text(r.key) != edn.Text(op.key) {
		return broken(r.line, "%s on key %s, but line %d asks for key %s", r.kind, excerpt(r.key),
			op.line, excerpt(op.key))
	}
	op.ret, op.error, op.answer = p.now, r.error, r.line
	op.found, op.finds, op.compare = r.found, r.finds, r.compare
	switch r.kind {
	case typeOK:
		op.outcome, op.answered, op.error = history.OutcomeOK, r.value, ""
	case typeFail:
		op.outcome = history.OutcomeFail
	default:
		op.outcome = history.OutcomeInfo
	}
	return nil
}

// history makes the history of all that was taken in.
func (p *pairing) history() (*history.History, error) {
	h := &history.History{Header: history.Header{Version: history.Version}}
	warn := func(format string, args ...any) {
		h.Warnings = append(h.Warnings, fmt.Sprintf(format, args...))
	}
	clock := p.clock(warn)
	if err := p.skipped.tell(len(p.ops), warn); err != nil {
		return nil, err
	}
	if err := p.tuples(warn); err != nil {
		return nil, err
	}
	encode, err := p.family.encoder(p.ops, warn)
	if err != nil {
		return nil, err
	}
	keys := keyNames{names: map[string]string{}, taken: map[string]bool{}}
	unanswered := 0
	h.Operations = make([]history.Operation, len(p.ops))
	for i := range p.ops {
		op := &p.ops[i]
		if op.outcome == "" {
			op.outcome, op.ret, op.error = history.OutcomeInfo, p.now, "no answer was recorded"
			unanswered++
		}
		out := &h.Operations[i]
		*out = history.Operation{
			ID: int64(i + 1), Process: p.number(op.process), Node: op.node, Kind: op.f,
			Key: keys.name(op), Outcome: op.outcome, Error: op.error,
			Call: time.Duration(op.call[clock]), Return: time.Duration(op.ret[clock]),
		}
		if out.Outcome == history.OutcomeInfo && op.f == "read" {
			out.Outcome = history.OutcomeFail // what was not answered says nothing
		}
		if err := encode(op, out); err != nil {
			return nil, err
		}
	}
	if unanswered > 0 {
		warn("operations that never returned: %d (taken as info, reads as fail)", unanswered)
	}
	return h, nil
}

// number is the number of a process in the history: those made up follow the others.
func (p *pairing) number(process int) int {
	if process < 0 {
		return p.largest - process
	}
	return process
}

// clock chooses what the stamps of the history are, and says why.
func (p *pairing) clock(warn func(string, ...any)) int {
	switch {
	case p.records == 0:
	case p.untimed == 0 && p.unruly == 0:
		return byTime
	case p.odd:
		warn("the time of line %d is no whole number of nanoseconds: "+orderAsTimes, p.untimed)
	case p.untimed > 0:
		warn("line %d has no time: "+orderAsTimes, p.untimed)
	default:
		warn("the time of line %d is before that of the record before it: "+orderAsTimes, p.unruly)
	}
	return byOrder
}

// orderAsTimes is how a warning ends that says what the times of a history are.
const orderAsTimes = "the order of the records is taken as their times"

// Untimed reports whether the times of a history that Read returned are only the order of its
// records: i nanoseconds are the i-th record then.
func Untimed(h *history.History) bool {
	return slices.ContainsFunc(h.Warnings, func(warning string) bool {
		return strings.HasSuffix(warning, orderAsTimes)
	})
}
