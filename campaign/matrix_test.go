package campaign

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
)

// Goal: what is expected reads back as it is written, and nothing else is read.
func TestParseExpected(t *testing.T) {
	for _, text := range []string{"none", "0%", "39%", "100%", "1.6/3.3", "9/24"} {
		if e, err := ParseExpected(text); err != nil || e.String() != text {
			t.Errorf("%s: %v, %v", text, e, err)
		}
	}
	for _, text := range []string{
		"", "nothing", "101%", "-1%", "3.3/1.6", "0/1", "1.6", "x/2", "1/y",
	} {
		if _, err := ParseExpected(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// Goal: a cell fits if it has the shape that is expected, and not otherwise. Method: each shape
// against what clearly has it, and what clearly has another.
func TestFits(t *testing.T) {
	for _, c := range []struct {
		expected string
		seen     Seen
		fits     bool
	}{
		{"none", Seen{100, 0.2, 0.4}, true}, {"none", Seen{97, 3, 4}, false},
		{"none", Seen{60, 1, 1}, false}, {"none", Seen{97, 1, 13}, false},
		{"0%", Seen{0, 60, 60}, true}, {"0%", Seen{8, 55, 60}, true}, {"0%", Seen{50, 30, 40}, false},
		{"39%", Seen{50, 20, 40}, true}, {"39%", Seen{1, 60, 60}, false},
		{"39%", Seen{66, 2, 3}, false}, {"11%", Seen{89, 2, 3}, false},
		{"9/24", Seen{78, 2, 2}, true},
		{"3.5/8.5", Seen{94, 4, 9}, true}, {"3.5/8.5", Seen{100, 0.3, 1}, false},
		{"3.5/8.5", Seen{94, 11, 12}, false}, {"3.5/8.5", Seen{94, 4, 18}, false},
		{"1.6/3.3", Seen{50, 2, 33}, false}, {"9/24", Seen{0, 20, 24}, false},
	} {
		e, err := ParseExpected(c.expected)
		if err != nil {
			t.Fatal(err)
		}
		if e.Fits(c.seen) != c.fits {
			t.Errorf("%s of %s: %v", c.expected, c.seen, !c.fits)
		}
	}
}

// scriptedPlayer answers by the name of the job.
type scriptedPlayer map[string]func() Played

func (p scriptedPlayer) Play(_ context.Context, j Job) Played { return p[j.Name]() }

// cellRun is a run of ten seconds with a fault from 2 s to 8 s, and an answer each 10 ms but for a
// silence.
func cellRun(from, to time.Duration) Played {
	h := &history.History{Header: history.Header{Nodes: []string{"n1", "n2", "n3"}}}
	for at := time.Duration(0); at < 10*time.Second; at += 10 * time.Millisecond {
		if at < from || at >= to {
			h.Operations = append(h.Operations, history.Operation{ID: int64(at), Kind: "read",
				Call: at, Return: at + 1, Outcome: history.OutcomeOK})
		}
	}
	h.Faults = []history.Fault{{ID: 1, Kind: "pause", Hosts: []string{"n1"}, Start: 2 * time.Second,
		Stop: 8 * time.Second, Stage: history.StageHealed, Evidence: []history.Evidence{
			{Moment: "start", Bit: true}, {Moment: "end", Bit: true}}}}
	bit := []checker.Result{{Check: checker.GateFaultsBit, Verdict: checker.Valid}}
	return Played{History: h, Results: &checker.Results{Verdict: checker.Valid, Gates: bit}}
}

// scriptedMatrix is a matrix of one row, played: a is as expected, b is not, c is a violation, d is
// not known, e is missing.
func scriptedMatrix(t *testing.T) (m *suite.Matrix, cells []MatrixCell, told int) {
	t.Helper()
	base, err := suite.LoadMatrix("../configs/matrix.yaml", suite.PlaceSim)
	if err != nil {
		t.Fatal(err)
	}
	s := base.Cells[0].Suite // election timeouts of 100 ms
	cell := func(options, expected string, missing ...string) suite.MatrixCell {
		return suite.MatrixCell{Row: "r", Nodes: 3, Options: options, Expected: expected, Suite: s,
			Missing: missing}
	}
	m = &suite.Matrix{Name: "m", Place: "sim", Options: []string{"a", "b", "c", "d", "e"}}
	m.Cells = []suite.MatrixCell{cell("a", "0%"), cell("b", "none"), cell("c", "none"),
		cell("d", "none"), cell("e", "none", "delay")}
	unsafe := cellRun(0, 0)
	unsafe.Results.Checks = []checker.Result{{Check: "linearizable", Verdict: checker.Invalid,
		Reason: "lost"}}
	player := scriptedPlayer{
		"r, 3 nodes, a": func() Played { return cellRun(2*time.Second, 8*time.Second) },
		"r, 3 nodes, b": func() Played { return cellRun(3*time.Second, 4*time.Second) },
		"r, 3 nodes, c": func() Played { return unsafe },
		"r, 3 nodes, d": func() Played { return Played{Err: errors.New("no lab")} },
	}
	cells = Matrix(context.Background(), m, player, 2, 3, 1, "", func(MatrixCell) { told++ })
	return m, cells, told
}

// Goal: the table shows what was seen beside what is expected, tells each difference, hides no
// violation, and counts no run that says nothing.
func TestMatrix(t *testing.T) {
	m, cells, told := scriptedMatrix(t)
	var text bytes.Buffer
	if err := MatrixText(&text, m, cells); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0% 60.0/60.0 [0%]", "10.1/10.1 [none] !", "VIOLATION",
		"r, 3 nodes, c: linearizable: lost", "not counted  r, 3 nodes, d: no lab",
		"skipped  r, 3 nodes, e: the place lacks delay", "NOT EXPLAINED",
		"2 cells as expected, 1 different, 1 of which too little is known, 1 skipped"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, &text)
		}
	}
	if told != 5 {
		t.Errorf("told of %d cells", told)
	}
}

// Goal: the exit code is that of the worst cell. Method: some cells of the scripted matrix, with a
// note that explains what differs and without.
func TestMatrixExit(t *testing.T) {
	m, cells, _ := scriptedMatrix(t)
	for _, c := range []struct {
		of   []int
		note string
		want int
	}{
		{[]int{0}, "", checker.ExitValid}, {[]int{0, 1}, "", checker.ExitGate},
		{[]int{0, 1}, "because", checker.ExitValid}, {[]int{0, 1, 2, 3}, "", checker.ExitViolation},
		{[]int{0, 3}, "", checker.ExitInconclusive}, {[]int{0, 4}, "", checker.ExitValid},
		{[]int{3, 1}, "", checker.ExitGate},
	} {
		var some suite.Matrix
		var chosen []MatrixCell
		for _, i := range c.of {
			cell := cells[i]
			cell.Note = c.note
			some.Cells, chosen = append(some.Cells, m.Cells[i]), append(chosen, cell)
		}
		if got := MatrixExit(&some, chosen); got != c.want {
			t.Errorf("cells %v: exit %d, want %d", c.of, got, c.want)
		}
	}
	doubtful := cells[0]
	doubtful.Trouble = []string{"no lab", "no lab"}
	one := suite.Matrix{Cells: m.Cells[:1]}
	if MatrixExit(&one, []MatrixCell{doubtful}) != checker.ExitInconclusive {
		t.Error("a cell passes of which as many runs say nothing")
	}
	if MatrixExit(m, cells[:1]) != checker.ExitInconclusive {
		t.Error("a matrix that was not finished passes")
	}
}
