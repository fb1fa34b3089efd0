// Package spacetime draws the account of one simulated run: as a page that a browser opens without
// a network, and as lines of text for an issue. A lane is a member, time runs along it, and each
// message is an arrow from lane to lane (L. Lamport, "Time, Clocks, and the Ordering of Events in a
// Distributed System", CACM 1978).
package spacetime

import (
	"time"

	"gauntlet/history"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
	"gauntlet/sim/trace"
)

// About is what a picture says of the run as a whole.
type About struct {
	Seed    uint64
	Options schedule.Options
	Virtual time.Duration // how long the run was
	Build   string        // what was simulated; "" unknown
	Replay  string        // the command that plays this run again
}

// Page draws a run as one self-contained HTML file of at most 2 MB, whatever the run's length:
// of a long run it keeps what led to the failure, and says what it left out. A nil history or
// failure is an empty one. The same run gives the same bytes.
func Page(log *trace.Log, h *history.History, f *failure.Failure, about About) []byte {
	a := newAccount(log, h, f)
	for most := mostRecords; ; most /= 2 {
		page := render(a, a.window(most), about)
		if len(page) <= mostBytes || most == 0 {
			return page
		}
	}
}

// Text tells what led to the failure in at most 60 lines below a legend: one an event, and a column
// a member.
func Text(log *trace.Log, h *history.History, f *failure.Failure, about About) string {
	return newAccount(log, h, f).text(about)
}
