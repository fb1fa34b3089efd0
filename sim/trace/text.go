package trace

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// names are the kinds as they are printed.
var names = map[Kind]string{
	Send: "send", Deliver: "deliver", Drop: "drop", Duplicate: "duplicate", Timer: "timer",
	Write: "write", Synced: "synced", DiskError: "disk-error", Crash: "crash", Start: "start",
	Refused: "refused", Pause: "pause", Resume: "resume", Role: "role", Commit: "commit",
	Call: "call", Return: "return", FaultStart: "fault", FaultStop: "fault-end",
	Violation: "VIOLATION", Phase: "phase",
	Snapshot: "snapshot",
}

// String returns the kind as it is printed.
func (k Kind) String() string {
	if name, known := names[k]; known {
		return name
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Print writes the account as text, one dense line a record:
//
//	#812  3.204117  n1 > n3  send  t4  append 3@2 +2 commit 1  <#790
//	|     |         |        |     |   |                       the record that it followed from
//	|     |         |        |     |   a message, a role, an operation, ...
//	|     |         |        |     term
//	|     |         |        kind
//	|     |         node; > to its peer, < from it; - is none
//	|     seconds of virtual time
//	number
func (l *Log) Print(w io.Writer) error {
	if l == nil {
		return nil
	}
	out := bufio.NewWriter(w)
	for i := range l.Records {
		r := &l.Records[i]
		line := fmt.Sprintf("%8s %12.6f  %-9s %-10s %-5s %s", fmt.Sprintf("#%d", i),
			r.At.Seconds(), l.place(r), r.Kind, r.term(), r.what())
		line = strings.TrimRight(line, " ")
		if r.Cause >= 0 {
			line += fmt.Sprintf("  <#%d", r.Cause)
		}
		fmt.Fprintln(out, line)
	}
	return out.Flush()
}

// place is the node, and the peer behind an arrow that shows which way a message went.
func (l *Log) place(r *Record) string {
	place := l.node(r.Node)
	switch {
	case r.Peer < 0:
		return place
	case r.Kind == Send || r.Kind == Duplicate:
		return place + " > " + l.node(r.Peer)
	}
	return place + " < " + l.node(r.Peer)
}

func (l *Log) node(i int) string {
	switch {
	case i < 0:
		return "-"
	case i < len(l.Nodes):
		return l.Nodes[i]
	}
	return fmt.Sprintf("#%d", i)
}

func (r *Record) term() string {
	if r.Term == 0 {
		return ""
	}
	return fmt.Sprintf("t%d", r.Term)
}

func (r *Record) what() string {
	var words []string
	if r.Operation != 0 {
		words = append(words, fmt.Sprintf("op %d", r.Operation))
	}
	if r.Fault != 0 {
		words = append(words, fmt.Sprintf("fault %d", r.Fault))
	}
	if r.Role != "" {
		words = append(words, r.Role)
	}
	switch r.Kind {
	case Commit, Write, Synced, Snapshot:
		if r.Index != 0 {
			words = append(words, fmt.Sprintf("to %d", r.Index))
		}
	}
	if r.Label != "" {
		words = append(words, r.Label)
	}
	return strings.Join(words, " ")
}
