package raft

import (
	"fmt"
	"strings"
)

// describe prints a message on one line.
func describe(m Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d>%d %v term=%d", m.From, m.To, m.Kind, m.Term)
	switch m.Kind {
	case PreVote, Vote, Append:
		fmt.Fprintf(&b, " after=%d/%d", m.Index, m.LogTerm)
	case AppendAnswer:
		if !m.Reject {
			fmt.Fprintf(&b, " holds=%d/%d", m.Index, m.LogTerm)
		} else if m.Index > 0 {
			fmt.Fprintf(&b, " lacks=%d/%d hint=%d/%d", m.Index, m.LogTerm, m.HintIndex, m.HintTerm)
		}
	case Heartbeat, HeartbeatAnswer:
		fmt.Fprintf(&b, " round=%d", m.Round)
	case ReadIndex:
		fmt.Fprintf(&b, " id=%d.%d", m.ID>>32, uint32(m.ID))
	case ReadIndexAnswer:
		fmt.Fprintf(&b, " id=%d.%d index=%d", m.ID>>32, uint32(m.ID), m.Index)
	case Forward, ForwardRefused:
		fmt.Fprintf(&b, " id=%d.%d %s", m.ID>>32, uint32(m.ID), m.Data)
	}
	if len(m.Entries) > 0 {
		fmt.Fprintf(&b, " %s", describeEntries(m.Entries))
	}
	if m.Commit > 0 {
		fmt.Fprintf(&b, " commit=%d", m.Commit)
	}
	if m.Reject {
		b.WriteString(" refused")
	}
	return strings.TrimRight(b.String(), " ")
}

// describeEntries prints entries as index/term:data.
func describeEntries(entries []Entry) string {
	var all []string
	for _, e := range entries {
		data := string(e.Data)
		if e.Kind == EntryNoop {
			data = "noop"
		}
		all = append(all, fmt.Sprintf("%d/%d:%s", e.Index, e.Term, data))
	}
	return "[" + strings.Join(all, " ") + "]"
}
