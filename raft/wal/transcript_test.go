package wal

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"gauntlet/raft"
)

// Goal: what a reader of a log directory is told, in every state the directory can be found in.
// Method: transcripts of a small command language; -rewrite records them anew. The commands are
//
//	append [term=N] [vote=N] [entries]   entries one a line: INDEX TERM DATA
//	fill from=I to=J term=N              one append an entry, to fill segments
//	layout                               every file and every record's place
//	flip segment=N at=OFFSET             damage one bit
//	zero segment=N at=OFFSET bytes=N     lose part of a write
//	cut segment=N bytes=SIZE             shorten a file
//	remove name=NAME, make name=NAME
//	swap a=N b=N                         exchange the content of two segments
//	restart                              die and recover
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		s := &session{disk: NewMemory()}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return s.run(t, d)
		})
	})
}

type session struct {
	disk *Memory
	log  *Log
	salt uint64
}

func (s *session) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "restart":
		return s.restart()
	case "append":
		return s.append(t, d)
	case "fill":
		var from, to, term uint64
		d.ScanArgs(t, "from", &from)
		d.ScanArgs(t, "to", &to)
		d.ScanArgs(t, "term", &term)
		for i := from; i <= to; i++ {
			e := entry(i, term, fmt.Sprintf("value %d", i))
			if err := s.log.Append(nil, []raft.Entry{e}); err != nil {
				return err.Error()
			}
		}
	case "layout":
		return s.layout()
	default:
		return s.damage(t, d)
	}
	return "ok"
}

func (s *session) restart() string {
	s.disk.Restart()
	s.salt++
	log, restored, err := Open(s.disk, dir, testOptions(s.salt))
	if err != nil {
		return err.Error()
	}
	s.log = log
	var b strings.Builder
	r := log.Recovery()
	fmt.Fprintf(&b, "segments=%d records=%d torn=%d\n", r.Segments, r.Records, r.TornBytes)
	fmt.Fprintf(&b, "term=%d vote=%d\n", restored.HardState.Term, restored.HardState.Vote)
	for _, e := range restored.Entries {
		fmt.Fprintf(&b, "%d/%d %s\n", e.Index, e.Term, e.Data)
	}
	return b.String()
}

func (s *session) append(t *testing.T, d *datadriven.TestData) string {
	var hard *raft.HardState
	if d.HasArg("term") {
		hard = &raft.HardState{}
		var vote uint64
		d.ScanArgs(t, "term", &hard.Term)
		d.MaybeScanArgs(t, "vote", &vote)
		hard.Vote = raft.NodeID(vote)
	}
	var entries []raft.Entry
	for line := range strings.Lines(d.Input) {
		var index, term uint64
		var data string
		if _, err := fmt.Sscan(line, &index, &term, &data); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry(index, term, data))
	}
	if err := s.log.Append(hard, entries); err != nil {
		return err.Error()
	}
	return "ok"
}

func (s *session) layout() string {
	var b strings.Builder
	names, _ := s.disk.List(dir)
	for _, name := range names {
		content := s.disk.Content(filepath.Join(dir, name))
		fmt.Fprintf(&b, "%s %d bytes\n", name, len(content))
		c, err := readSegment(content, nil)
		if err != nil {
			continue
		}
		at := segmentHeaderBytes
		for _, r := range c.records {
			fmt.Fprintf(&b, "  %d: kind %d, %d bytes\n", at, r.kind, len(r.body))
			at += recordBytes(len(r.body))
		}
	}
	return b.String()
}

func (s *session) damage(t *testing.T, d *datadriven.TestData) string {
	path := func(arg string) string {
		if d.HasArg("name") {
			return filepath.Join(dir, d.CmdArgs[0].Vals[0])
		}
		var number uint64
		d.ScanArgs(t, arg, &number)
		return filepath.Join(dir, segmentName(number))
	}
	var at, size int
	d.MaybeScanArgs(t, "at", &at)
	d.MaybeScanArgs(t, "bytes", &size)
	switch d.Cmd {
	case "flip":
		content := s.disk.Content(path("segment"))
		content[at] ^= 1
		s.disk.SetContent(path("segment"), content)
	case "zero":
		content := s.disk.Content(path("segment"))
		clear(content[at : at+size])
		s.disk.SetContent(path("segment"), content)
	case "cut":
		s.disk.SetContent(path("segment"), s.disk.Content(path("segment"))[:size])
	case "remove":
		if err := s.disk.Remove(path("segment")); err != nil {
			return err.Error()
		}
	case "make":
		s.disk.SetContent(path(""), []byte("junk"))
	case "swap":
		a, b := s.disk.Content(path("a")), s.disk.Content(path("b"))
		s.disk.SetContent(path("a"), b)
		s.disk.SetContent(path("b"), a)
	default:
		t.Fatalf("unknown command %s", d.Cmd)
	}
	return "ok"
}
