package campaign

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/suite"
)

// Side is what all runs of one build under one set of options say together.
type Side struct {
	Build      string    `json:"build"`
	Answer     Outcome   `json:"answer,omitempty"` // "": no run was made
	Counted    int       `json:"counted"`          // the runs that say something
	Reproduced int       `json:"reproduced"`       // of those
	Different  int       `json:"different"`        // likewise, but for runs that were merely late
	Late       int       `json:"late"`             // likewise, reproduced or not
	Early      bool      `json:"early,omitempty"`  // stopped by what was seen, a clock or a person
	Rate       *Interval `json:"rate,omitempty"`   // of reproduction, at 95 %
	Promised   string    `json:"promised,omitempty"`
	AsPromised *bool     `json:"asPromised,omitempty"` // nil: nothing is promised, or nothing is known
	Trials     []Trial   `json:"trials"`
	After      []Trial   `json:"after,omitempty"` // under way when the set was done: not counted
}

// conclude takes all trials together. Promise is nil where the file promises nothing of this build.
func (s *Side) conclude(promise *suite.Expectation) {
	for _, t := range s.Trials {
		if !t.Outcome.Counts() {
			continue
		}
		s.Counted++
		switch {
		case t.Outcome == Reproduced:
			s.Reproduced++
		case t.Outcome == DifferentFailure && !t.Late:
			s.Different++
		}
		if t.Late {
			s.Late++
		}
	}
	if s.Counted > 0 {
		rate := s.interval()
		s.Rate = &rate
	}
	kept := true
	if promise != nil {
		s.Promised = promised(promise)
		kept = s.keeps(promise)
		if s.Counted > 0 && !s.TooFew() {
			s.AsPromised = &kept
		}
	}
	s.Answer = s.answer(kept)
}

// interval is where the rate lies. What nobody has seen is only bounded from above.
func (s *Side) interval() Interval {
	switch {
	case s.Reproduced == 0:
		return Interval{0, RateBelow(s.Counted, Confidence)}
	case s.Early:
		return Anytime(s.Reproduced, s.Counted)
	}
	return Wilson(s.Reproduced, s.Counted)
}

// answer is one of the five, or "" if no run was made. Runs that were late are another failure
// unless the file lets so many of them pass.
func (s *Side) answer(kept bool) Outcome {
	switch {
	case s.Reproduced > 0:
		return Reproduced
	case s.Different > 0 || s.Late > 0 && !kept:
		return DifferentFailure
	case s.Counted > 0:
		return NotReproduced
	case s.outcomes(FaultNotEffective) > 0:
		return FaultNotEffective
	case len(s.Trials) > 0:
		return HarnessError
	}
	return ""
}

func (s *Side) outcomes(of Outcome) int {
	count := 0
	for _, t := range s.Trials {
		if t.Outcome == of {
			count++
		}
	}
	return count
}

// all are the runs that a violation is evidence in, counted or not.
func (s *Side) all() []Trial { return slices.Concat(s.Trials, s.After) }

// TooFew tells whether more runs say nothing than say something.
func (s *Side) TooFew() bool { return len(s.Trials)-s.Counted > s.Counted }

// keeps tells whether the runs are as the file promises. Up to at-most of them may fall short of a
// promise not to be reproduced, and those that at-least leaves over of one to be.
func (s *Side) keeps(promise *suite.Expectation) bool {
	hits, late := s.Reproduced*1000, s.Late*1000
	if promise.Answer == suite.AnswerNot {
		short := 0
		for _, t := range s.Trials {
			if t.Outcome == Reproduced || t.Outcome.Counts() && t.Late {
				short += 1000
			}
		}
		return s.Different == 0 && short <= promise.AtMost*s.Counted
	}
	spare := 0
	if promise.AtLeast > 0 {
		spare = 1000 - promise.AtLeast
	}
	return s.Different == 0 && hits > 0 && hits >= promise.AtLeast*s.Counted &&
		(promise.AtMost == 0 || hits <= promise.AtMost*s.Counted) && late <= spare*s.Counted
}

// promised is an expectation in words.
func promised(e *suite.Expectation) string {
	words := []string{"reproduced"}
	if e.Answer == suite.AnswerNot {
		words[0] = "not reproduced"
	}
	if e.AtLeast > 0 {
		words = append(words, "in at least "+permille(e.AtLeast))
	}
	if e.AtMost > 0 && e.Answer == suite.AnswerNot {
		words = append(words, "but in at most "+permille(e.AtMost)+" of the runs")
	} else if e.AtMost > 0 {
		words = append(words, "in at most "+permille(e.AtMost))
	}
	if e.Recovery > 0 {
		words = append(words, fmt.Sprintf("available within %v of the last heal", e.Recovery))
	}
	return strings.Join(words, ", ")
}

func permille(n int) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/10), ".0") + " %"
}

// Headline is the answer in capitals, with its figures.
func (s *Side) Headline() string {
	answer := strings.ToUpper(string(s.Answer))
	switch s.Answer {
	case Reproduced:
		return fmt.Sprintf("%s %d/%d, %s %s", answer, s.Reproduced, s.Counted,
			percent(float64(s.Reproduced)/float64(s.Counted)), s.Rate)
	case NotReproduced:
		return fmt.Sprintf("%s 0/%d (rate below %s at 95 %%)", answer, s.Counted, percent(s.Rate.High))
	case DifferentFailure:
		return fmt.Sprintf("%s %d/%d (the incident itself 0/%d: rate below %s at 95 %%)", answer,
			s.outcomes(DifferentFailure), s.Counted, s.Counted, percent(s.Rate.High))
	case "":
		return "NOT RUN"
	}
	return fmt.Sprintf("%s in %d of %d runs: nothing is known", answer, s.outcomes(s.Answer),
		len(s.Trials))
}

// String writes an interval in percent: "[61.0 %, 100.0 %]".
func (i *Interval) String() string {
	return fmt.Sprintf("[%s, %s]", percent(i.Low), percent(i.High))
}

// percent writes a rate with a digit after the point, or with as many as its first one needs.
func percent(rate float64) string {
	if rate > 0 && rate < 0.0005 {
		return fmt.Sprintf("%.1g %%", 100*rate)
	}
	return fmt.Sprintf("%.1f %%", 100*rate)
}

// unexpected are the violations that no file promises, each with its run.
func (s *Side) unexpected() []string {
	var lines []string
	for _, t := range s.all() {
		for _, line := range t.Unexpected {
			lines = append(lines, fmt.Sprintf("run %d: %s", t.Run, line))
		}
	}
	return lines
}
