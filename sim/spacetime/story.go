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
// were told. Of too many moments it keeps those of the failure itself, the faults that are on, and
// the latest.
func (a *account) story() []moment {
	on, down := make(map[int]int), make(map[int]bool) // faults and nodes; of a fault its moment
	var list []moment
	for i := 0; i <= a.focus; i++ {
		r := &a.records[i]
		switch r.Kind {
		case trace.FaultStart:
			on[r.Fault] = len(list)
		case trace.FaultStop:
			if start, known := on[r.Fault]; known {
				list[start].Text += fmt.Sprintf(", for %s", milliseconds(r.At-list[start].At))
				delete(on, r.Fault)
			}
		case trace.Crash, trace.Refused:
			down[r.Node] = true
		case trace.Start:
			if !down[r.Node] {
				continue // the run begins
			}
		}
		if class := a.class(r); class != "" {
			list = append(list, moment{r.At, i, class, a.tell(r)})
		}
	}
	surplus, place := len(list)-mostMoments, -1
	return slices.DeleteFunc(list, func(m moment) bool {
		place++
		start, still := on[a.records[m.Record].Fault]
		if surplus <= 0 || m.Class == "bad" || still && start == place {
			return false
		}
		surplus--
		return true
	})
}

// class is the sort of moment that a record is; "" if it is none.
func (a *account) class(r *trace.Record) string {
	switch r.Kind {
	case trace.FaultStart:
		return "fault"
	case trace.Crash, trace.Refused, trace.DiskError:
		return "down"
	case trace.Start:
		return "node"
	case trace.Role:
		if r.Role == string(history.RoleLeader) {
			return "leader"
		}
	case trace.Return:
		if a.violates(r.Operation) {
			return "bad"
		}
	case trace.Violation:
		return "bad"
	}
	return ""
}

// tell is a record in words, an answer with what was asked.
func (a *account) tell(r *trace.Record) string {
	if r.Kind == trace.Return {
		return a.told(r)
	}
	return sentence(a, r)
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
	if input := compact(op.Input); input != "" {
		words = append(words, input)
	}
	output := compact(op.Output)
	switch {
	case op.Outcome == history.OutcomeOK && output != "":
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
	case trace.Order:
		return with(node + " is asked to change the members")
	case trace.Resume:
		return with(node + " continues")
	case trace.Role:
		return roleSentence(node, r)
	case trace.Commit:
		return fmt.Sprintf("%s commits up to entry %d", node, r.Index)
	case trace.Snapshot:
		return with(fmt.Sprintf("%s has a snapshot up to entry %d", node, r.Index))
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
	return fmt.Sprintf("%.3f ms", float64(at)/float64(time.Millisecond))
}
