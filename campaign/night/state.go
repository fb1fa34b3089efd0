package night

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// state is what a journal says: it is made from its entries alone, the same way by the controller
// that writes them and by the one that goes on with them.
type state struct {
	header   header
	cells    cells
	reruns   int
	started  time.Time
	records  []*cellRecord // of every cell that was begun, by index
	pending  []int         // cells that owe a run, and have none under way
	elapsed  time.Duration
	resumed  int
	finished *done // nil as soon as there is something new
}

// replay makes the state of a night from its journal.
func replay(entries []entry) (*state, error) {
	s := &state{header: *entries[0].Header, started: entries[0].At}
	if s.header.Version != journalVersion {
		return nil, fmt.Errorf("the journal has version %d, not %d", s.header.Version, journalVersion)
	}
	s.cells, s.reruns = recorded(s.header), s.header.Reruns
	for i, e := range entries[1:] {
		if err := s.apply(e); err != nil {
			return nil, fmt.Errorf("line %d of the journal: %w", i+2, err)
		}
	}
	return s, nil
}

// cellRecord is what is known of one cell.
type cellRecord struct {
	Cell
	attempts []Attempt // that ended, in order
	lost     []lost
	open     *begun // under way
	number   int    // of the latest run
	standing Standing
}

// apply takes one entry in. What does not follow from the entries before it is refused: then it is
// not this night's journal, or not one of ours.
func (s *state) apply(e entry) error {
	s.elapsed = max(s.elapsed, e.Elapsed)
	switch {
	case e.Begun != nil:
		return s.begin(*e.Begun)
	case e.Ended != nil:
		r, err := s.close(e.Ended.Cell, e.Ended.Number)
		if err != nil {
			return err
		}
		r.attempts = append(r.attempts, *e.Ended)
		s.weigh(r)
	case e.Lost != nil:
		r, err := s.close(e.Lost.Cell, e.Lost.Number)
		if err != nil {
			return err
		}
		r.lost = append(r.lost, *e.Lost)
		s.weigh(r)
	case e.Resumed != "":
		s.resumed++
	case e.Done != nil:
		s.finished = e.Done
	}
	return nil
}

func (s *state) begin(b begun) error {
	at := b.Cell.Index
	switch {
	case at < 0 || at > len(s.records) || !s.cells.has(at) || s.cells.at(at) != b.Cell:
		return fmt.Errorf("%s under seed %d is none of this night", b.Cell.ID(), b.Cell.Seed)
	case at == len(s.records):
		s.records = append(s.records, &cellRecord{Cell: b.Cell})
	}
	r := s.records[at]
	if r.open != nil || r.standing.Final || b.Number != r.number+1 {
		return fmt.Errorf("%s owes no run %d", r.ID(), b.Number)
	}
	r.open, r.number, s.finished = &b, b.Number, nil
	s.pending = slices.DeleteFunc(s.pending, func(i int) bool { return i == at })
	return nil
}

// close ends the run that is under way.
func (s *state) close(cell, number int) (*cellRecord, error) {
	if cell < 0 || cell >= len(s.records) || s.records[cell].open == nil ||
		s.records[cell].number != number {
		return nil, fmt.Errorf("run %d of cell %d ended, and never began", number, cell)
	}
	s.records[cell].open = nil
	return s.records[cell], nil
}

// weigh decides whether the cell owes another run.
func (s *state) weigh(r *cellRecord) {
	r.standing = stand(r.classes(), s.reruns)
	if last := len(r.attempts) - 1; last >= 0 && r.attempts[last].skipped() {
		r.standing.Final = true // the place lacks something: it still will
	}
	if !r.standing.Final {
		s.pending = append(s.pending, r.Index)
		slices.Sort(s.pending)
	}
}

func (r *cellRecord) classes() []int {
	classes := make([]int, len(r.attempts))
	for i, a := range r.attempts {
		classes[i] = a.Class
	}
	return classes
}

// skipped names what the place turned out to lack, if no run of the cell came to anything else: one
// that was red before the place lacked something stays red.
func (r *cellRecord) skipped() []string {
	if len(r.attempts) == 0 ||
		slices.ContainsFunc(r.attempts, func(a Attempt) bool { return !a.skipped() }) {
		return nil
	}
	return r.attempts[len(r.attempts)-1].Skipped
}

// clean tells whether nothing about the cell is worth a look.
func (r *cellRecord) clean() bool {
	return r.standing.Final && len(r.lost) == 0 &&
		!slices.ContainsFunc(r.attempts, func(a Attempt) bool { return a.Class != 0 })
}

// next is the run to be made next: first of the cells that owe one, then of a new cell.
func (s *state) next() (begun, bool) {
	if len(s.pending) > 0 {
		r := s.records[s.pending[0]]
		return numbered(r.Cell, r.number+1), true
	}
	if index := len(s.records); s.cells.has(index) {
		return numbered(s.cells.at(index), 1), true
	}
	return begun{}, false
}

func numbered(c Cell, number int) begun {
	return begun{Cell: c, Number: number,
		Directory: filepath.Join("cells", c.ID(), fmt.Sprint(number))}
}

// underWay are the runs that began and did not end.
func (s *state) underWay() []begun {
	var list []begun
	for _, r := range s.records {
		if r.open != nil {
			list = append(list, *r.open)
		}
	}
	return list
}
