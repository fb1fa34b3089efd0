package spacetime

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gauntlet/history"
	"gauntlet/sim/trace"
)

// mostMoments is how much of the story stands above the picture.
const mostMoments = 14

// moment is one sentence of the story: what a person would tell of the run.
type moment struct {
	At     time.Duration
	Record int // of the account
	Class  string
	Text   string
}

// story tells what led to the failure: faults, who led, who fell, what the violating operations
// were told. Of too many moments it keeps those that could have influenced the failure, then the
// latest.
func (a *account) story() []moment {
	var list []moment
	for i := 0; i <= a.focus; i++ {
		if m, worth := a.moment(i); worth {
			list = append(list, m)
		}
	}
	past := a.past(a.focus)
	list = a.thin(list, func(m moment) bool { return !past[m.Record] })
	return a.thin(list, func(m moment) bool { return m.Class != "bad" })
}

// thin takes the earliest moments of a sort from a list that is too long.
func (a *account) thin(list []moment, lesser func(moment) bool) []moment {
	surplus := len(list) - mostMoments
	return slices.DeleteFunc(list, func(m moment) bool {
		if surplus <= 0 || !lesser(m) {
			return false
		}
		surplus--
		return true
	})
}

func (a *account) moment(i int) (moment, bool) {
	r := &a.records[i]
	m := moment{At: r.At, Record: i}
	switch r.Kind {
	case trace.FaultStart:
		m.Class, m.Text = "fault", fmt.Sprintf("fault %d strikes: %s", r.Fault, r.Label)
	case trace.FaultStop:
		m.Class, m.Text = "fault", fmt.Sprintf("fault %d is over", r.Fault)
	case trace.Crash, trace.Refused, trace.DiskError:
		m.Class, m.Text = "down", sentence(a, r)
	case trace.Start:
		m.Class, m.Text = "node", sentence(a, r)
		return m, r.At > 0
	case trace.Role:
		m.Class, m.Text = "leader", sentence(a, r)
		return m, r.Role == string(history.RoleLeader)
	case trace.Return:
		m.Class, m.Text = "bad", a.told(r)
		return m, a.violates(r.Operation)
	case trace.Violation:
		m.Class, m.Text = "bad", r.Label
	default:
		return m, false
	}
	return m, true
}

// told is what the client of an operation asked, and was told.
func (a *account) told(r *trace.Record) string {
	for i := range a.operations {
		if op := &a.operations[i]; op.ID == r.Operation {
			return fmt.Sprintf("%s answers client %d: %s, asked at %s", op.Node, op.Process,
				operationText(op), milliseconds(op.Call))
		}
	}
	return sentence(a, r)
}

// operationText is an operation in short: "read x → 1", "write x 2 (ok)".
func operationText(op *history.Operation) string {
	words := []string{op.Kind, op.Key}
	if input := compact(op.Input); input != "" && input != "{}" {
		words = append(words, input)
	}
	output := compact(op.Output)
	switch {
	case op.Outcome == history.OutcomeOK && output != "" && output != "{}":
		words = append(words, "→", output)
	case op.Outcome == "":
		words = append(words, "(never answered)")
	default:
		words = append(words, "("+string(op.Outcome)+")")
	}
	return strings.Join(words, " ")
}

// sentence is what a record says, with the names of members.
func sentence(a *account, r *trace.Record) string {
	node, peer := a.node(r.Node), a.node(r.Peer)
	with := func(text string) string {
		if r.Label == "" {
			return text
		}
		return text + ": " + r.Label
	}
	switch r.Kind {
	case trace.Send:
		return with(node + " sends to " + peer)
	case trace.Deliver:
		return with(node + " hears from " + peer)
	case trace.Drop:
		return fmt.Sprintf("%s does not hear %s: %s (%s)", node, peer, a.message(r), r.Label)
	case trace.Duplicate:
		return with("a message of " + node + " to " + peer + " is doubled")
	case trace.Timer:
		return with(node + " notices that time passed")
	case trace.Write:
		return with(node + " begins to write" + upTo(r.Index))
	case trace.Synced:
		return with(node + " has on disk what it wrote" + upTo(r.Index))
	case trace.DiskError:
		return with("the disk of " + node + " fails")
	case trace.Crash:
		return with(node + " goes down")
	case trace.Start:
		return with(node + " starts")
	case trace.Refused:
		return with(node + " refuses its log")
	case trace.Pause:
		return with(node + " is paused")
	case trace.Resume:
		return with(node + " continues")
	case trace.Role:
		return roleSentence(node, r)
	case trace.Commit:
		return fmt.Sprintf("%s commits up to entry %d", node, r.Index)
	case trace.Call:
		return with(fmt.Sprintf("%s is asked, operation %d", node, r.Operation))
	case trace.Return:
		return with(fmt.Sprintf("a client of %s is told, operation %d", node, r.Operation))
	case trace.FaultStart:
		return with(fmt.Sprintf("fault %d strikes", r.Fault))
	case trace.FaultStop:
		return fmt.Sprintf("fault %d is over", r.Fault)
	case trace.Phase:
		return "the phase " + r.Label + " begins"
	}
	return r.Label
}

// upTo names the last entry of a write; one of the hard state alone has none.
func upTo(index uint64) string {
	if index == 0 {
		return ""
	}
	return fmt.Sprintf(", up to entry %d", index)
}

func roleSentence(node string, r *trace.Record) string {
	if r.Role == string(history.RoleLeader) {
		return fmt.Sprintf("%s leads in term %d", node, r.Term)
	}
	return fmt.Sprintf("%s is %s in term %d", node, r.Role, r.Term)
}

// milliseconds writes virtual time as everything here does.
func milliseconds(at time.Duration) string {
	return fmt.Sprintf("%d.%03d ms", at/time.Millisecond, at%time.Millisecond/time.Microsecond)
}
