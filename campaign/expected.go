package campaign

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Expected is how a correct Raft is expected to serve its clients under a fault: not at all, now
// and then, after a gap, or without one.
type Expected struct {
	Available int     // percent of the time, where it does not come back by itself; -1: it does
	Median    float64 // of the longest gap, in election timeouts; 0: there is no gap
	Most      float64 // of the longest gap in any run
}

// ParseExpected reads "none", "39%" or "1.6/3.3": no gap, availability, or the median and the most
// of the longest gap, in election timeouts.
func ParseExpected(text string) (Expected, error) {
	wrong := fmt.Errorf("%q is none of: none, a percentage such as 39%%, "+
		"a median and most of gaps such as 1.6/3.3", text)
	if text == "none" {
		return Expected{Available: -1}, nil
	}
	if digits, ok := strings.CutSuffix(text, "%"); ok {
		percent, err := strconv.Atoi(digits)
		if err != nil || percent < 0 || percent > 100 {
			return Expected{}, wrong
		}
		return Expected{Available: percent}, nil
	}
	median, most, ok := strings.Cut(text, "/")
	e := Expected{Available: -1}
	var errs [2]error
	e.Median, errs[0] = strconv.ParseFloat(median, 64)
	e.Most, errs[1] = strconv.ParseFloat(most, 64)
	if !ok || errs[0] != nil || errs[1] != nil || e.Median <= 0 || e.Most < e.Median {
		return Expected{}, wrong
	}
	return e, nil
}

// String is the text that ParseExpected reads.
func (e Expected) String() string {
	switch {
	case e.Available >= 0:
		return fmt.Sprintf("%d%%", e.Available)
	case e.Median == 0:
		return "none"
	}
	return fmt.Sprintf("%.4g/%.4g", e.Median, e.Most)
}

// The bounds of the shapes. A gap of one or two election timeouts is what a busy machine may show
// by itself; a cluster that comes back does so within twelve, which is the most that some hundreds
// of elections took, or within twice what is expected.
const (
	noGap     = 2.0  // election timeouts
	someGap   = 1.0  // election timeouts: nobody is elected sooner
	elections = 12.0 // election timeouts
	apart     = 15.0 // points, of a share of the time
	comesBack = 30.0 // percent that it serves at least, if it comes back
	served    = 90.0 // percent that it serves at least, if there is no gap
)

// Seen is what some runs of one cell showed.
type Seen struct {
	Available float64 // percent: the median over the runs
	Median    float64 // of the longest gap of each run, in election timeouts
	Most      float64
}

// String is what was seen, for a table.
func (s Seen) String() string {
	return fmt.Sprintf("%.0f%% %.1f/%.1f", s.Available, s.Median, s.Most)
}

// Fits tells whether what was seen has the shape that is expected.
func (e Expected) Fits(s Seen) bool {
	switch {
	case e.Available >= 0:
		return math.Abs(s.Available-float64(e.Available)) <= apart
	case e.Median == 0:
		return s.Median <= noGap && s.Most <= elections && s.Available >= served
	}
	return s.Median >= min(someGap, e.Median/2) && s.Median <= e.Most+noGap &&
		s.Most <= max(elections, 2*e.Most) && s.Available >= comesBack
}
