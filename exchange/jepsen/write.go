package jepsen

import (
	"bufio"
	"cmp"
	"io"
	"slices"
	"time"

	"gauntlet/exchange/edn"
	"gauntlet/history"
)

// Write writes a history as Jepsen keeps it: EDN, one operation a line, each a map with :index,
// :time, :type, :process, :f and :value. Read reads it back.
//
//   - A register's operations are :read, :write and :cas [expected new], as Knossos knows them. A
//     cas that did not swap is :fail there; what it found stands in :gauntlet/found, which other
//     tools pass over (:gauntlet/other where the answer did not say).
//   - Appends, and transactions of lists, are :txn of [:append k v] and [:r k [v...]], as Elle
//     knows them. A counter's are :add n, also in the answer, and :read.
//   - Operations of any other model have their input and output as they stand.
//   - Where there are keys, :value is the pair [key value] of jepsen.independent, as Jepsen itself
//     prints it, but for transactions, which name the keys.
//   - A fault is :start-KIND and :stop-KIND of the process :nemesis, each twice as Jepsen has it:
//     when it is asked for, and when it is done.
//   - :node is the node that was asked, :error why an operation failed.
//
// At equal times calls come before returns, because these operations are concurrent; but a process
// returns before it calls again.
func Write(w io.Writer, h *history.History) error {
	shape, err := shapeOf(h.Operations)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	keyed := slices.ContainsFunc(h.Operations, func(op history.Operation) bool {
		return op.Key != ""
	})
	faults := nemesisLines(h.Faults)
	index := 0
	write := func(m edn.Map) error {
		m = append(edn.Map{{Key: edn.Keyword("index"), Value: int64(index)}}, m...)
		index++
		_, err := out.Write(appendLine(nil, m))
		return err
	}
	for _, e := range events(h.Operations) {
		for ; len(faults) > 0 && faults[0].at <= e.at; faults = faults[1:] {
			if err := write(faults[0].line); err != nil {
				return err
			}
		}
		m, err := operationLine(h.Operations[e.op], e.ret, shape, keyed)
		if err == nil {
			err = write(m)
		}
		if err != nil {
			return err
		}
	}
	for _, f := range faults {
		if err := write(f.line); err != nil {
			return err
		}
	}
	return out.Flush()
}

// appendLine writes a map in its order, which is easier to read than a sorted one.
func appendLine(to []byte, m edn.Map) []byte {
	for i, e := range m {
		begin := ", "
		if i == 0 {
			begin = "{"
		}
		to = append(append(to, begin...), edn.Text(e.Key)...)
		to = edn.Append(append(to, ' '), e.Value)
	}
	return append(to, "}\n"...)
}

// operationLine is an invocation, or what came of it.
func operationLine(op history.Operation, ret bool, shape shape, keyed bool) (edn.Map, error) {
	said, err := shape.of(op)
	if err != nil {
		return nil, err
	}
	at, kind, value := op.Call, typeInvoke, said.asked
	if ret {
		at = op.Return
		switch {
		case op.Outcome == history.OutcomeOK && !said.compared:
			kind, value = typeOK, said.answered
		case op.Outcome == history.OutcomeOK, op.Outcome == history.OutcomeFail:
			kind = typeFail
		default:
			kind = typeInfo
		}
	}
	if keyed && !said.named {
		value = edn.Vector{op.Key, value}
	}
	m := edn.Map{
		{Key: edn.Keyword("time"), Value: int64(at)},
		{Key: edn.Keyword("type"), Value: edn.Keyword(kind)},
		{Key: edn.Keyword("process"), Value: int64(op.Process)},
		{Key: edn.Keyword("f"), Value: keyword(said.f)},
		{Key: edn.Keyword("value"), Value: value},
	}
	if op.Node != "" && !ret {
		m = append(m, edn.Entry{Key: edn.Keyword("node"), Value: op.Node})
	}
	if op.Error != "" && ret {
		m = append(m, edn.Entry{Key: edn.Keyword("error"), Value: op.Error})
	}
	if said.compared && ret {
		m = append(m, edn.Entry{Key: foundKey, Value: said.found})
	}
	return m, nil
}

// event is the call or the return of an operation.
type event struct {
	at  time.Duration
	op  int
	ret bool
}

// events puts calls and returns into one order that contradicts neither time nor processes.
func events(ops []history.Operation) []event {
	list := make([]event, 0, 2*len(ops))
	for i, op := range ops {
		list = append(list, event{op.Call, i, false})
		if op.Outcome != "" {
			list = append(list, event{op.Return, i, true})
		}
	}
	slices.SortStableFunc(list, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.op, b.op))
	})
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && list[to].at == list[from].at {
			to++
		}
		if to > from+1 {
			copy(list[from:to], instant(list[from:to], ops))
		}
		from = to
	}
	return list
}

// instant orders what happens at one time, given in the order of the operations: first the calls of
// processes that are idle, then whatever processes do before they call again, at last the returns.
func instant(list []event, ops []history.Operation) []event {
	rest := map[int][]event{} // by process
	var processes []int
	for _, e := range list {
		process := ops[e.op].Process
		if rest[process] == nil {
			processes = append(processes, process)
		}
		rest[process] = append(rest[process], e)
	}
	ordered := make([]event, 0, len(list))
	move := func(process, n int) {
		ordered = append(ordered, rest[process][:n]...)
		rest[process] = rest[process][n:]
	}
	for _, p := range processes {
		if !rest[p][0].ret {
			move(p, 1)
		}
	}
	for _, p := range processes {
		n := len(rest[p])
		if n > 0 && rest[p][n-1].ret {
			n--
		}
		move(p, n)
	}
	for _, p := range processes {
		move(p, len(rest[p]))
	}
	return ordered
}

// nemesisLine is a line of the nemesis and its time.
type nemesisLine struct {
	at   time.Duration
	line edn.Map
}

// nemesisLines are the starts and stops of the faults that came into force.
func nemesisLines(faults []history.Fault) []nemesisLine {
	var list []nemesisLine
	add := func(f history.Fault, at time.Duration, what string) {
		hosts := edn.Vector{}
		for _, host := range f.Hosts {
			hosts = append(hosts, host)
		}
		line := nemesisLine{at, edn.Map{
			{Key: edn.Keyword("time"), Value: int64(at)},
			{Key: edn.Keyword("type"), Value: edn.Keyword(typeInfo)},
			{Key: edn.Keyword("process"), Value: edn.Keyword("nemesis")},
			{Key: edn.Keyword("f"), Value: keyword(what + "-" + f.Kind)},
			{Key: edn.Keyword("value"), Value: hosts},
		}}
		list = append(list, line, line)
	}
	for _, f := range faults {
		if f.Start == 0 {
			continue // never in force
		}
		add(f, f.Start, "start")
		if f.Stop != 0 {
			add(f, f.Stop, "stop")
		}
	}
	slices.SortStableFunc(list, func(a, b nemesisLine) int { return cmp.Compare(a.at, b.at) })
	return list
}
