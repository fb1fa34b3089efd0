package sim

import "gauntlet/raft"

// Coverage knows a member's log by the terms of its entries: of what the member has begun to write,
// and of what its disk holds for certain. Where a snapshot stands for the beginning, they are
// unknown, which is 0.

// noticeEntries looks at what a member is about to write, which may replace what it had.
func (w *World) noticeEntries(m *member, entries []raft.Entry) {
	if len(entries) == 0 {
		return
	}
	if keep := int(entries[0].Index) - 1; keep < len(m.terms) {
		w.saw(logTruncated)
		if m.terms[keep] != m.terms[len(m.terms)-1] {
			w.saw(termsTruncated)
		}
		holders := 0
		for _, other := range w.members {
			if keep < len(other.durable) && other.durable[keep] == m.terms[keep] {
				holders++
			}
		}
		if holders >= w.options.Nodes/2+1 {
			w.saw(majorityOverwritten)
		}
	}
	m.terms = replaceTerms(m.terms, entries)
}

// replaceTerms is the terms of a log after entries were written to it.
func replaceTerms(terms []uint64, entries []raft.Entry) []uint64 {
	if len(entries) > 0 {
		terms = terms[:min(len(terms), int(entries[0].Index)-1)]
	}
	for i := range entries {
		terms = append(terms, entries[i].Term)
	}
	return terms
}

// unknownTerms is the terms of a log that begins behind an index: they are compacted away.
func unknownTerms(terms []uint64, index uint64) []uint64 {
	terms = terms[:0]
	for range index {
		terms = append(terms, 0)
	}
	return terms
}
