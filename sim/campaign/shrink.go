package campaign

import (
	"fmt"
	"time"

	"gauntlet/checker"
	"gauntlet/sim"
	"gauntlet/sim/failure"
	"gauntlet/sim/minimise"
	"gauntlet/sim/schedule"
)

// shrinkEvents is how many events shrinking one schedule may play, besides the budget of replays. A
// million take about a second, yet it is a count, so that a schedule shrinks to the same on any
// machine.
const shrinkEvents = 60_000_000

// Concrete returns a schedule that ends as s does, with every operation written out, and says how
// that is. A schedule's operations are those of the load: the reads that close a run are left to be
// drawn with all the others, if nothing else ends alike.
func Concrete(engine NewEngine, s *schedule.Schedule, build string) *schedule.Schedule {
	ended := Play(engine, s)
	concrete := *s
	if s.Operations == nil {
		concrete.Operations = duringLoad(ended.Second.Issued, s.Options.Load)
		written := Play(engine, &concrete)
		if signature(written.Outcome.Failure) == signature(ended.Outcome.Failure) {
			ended = written
		} else {
			concrete.Operations = nil
		}
	}
	concrete.Expect = ended.Expect(build)
	return &concrete
}

func duringLoad(issued []schedule.Operation, load time.Duration) []schedule.Operation {
	operations := []schedule.Operation{} // not nil, which would ask for them to be drawn
	for _, op := range issued {
		if op.At <= load {
			operations = append(operations, op)
		}
	}
	return operations
}

// Expect is how this run ended, as a schedule file says it.
func (j *Judged) Expect(build string) *schedule.Expect {
	return &schedule.Expect{
		Signature: string(signature(j.Outcome.Failure)),
		TraceHash: fmt.Sprintf("%016x", j.Outcome.TraceHash), Build: build,
	}
}

// Shrink returns the smallest schedule that it finds which fails with the signature that s expects,
// and as visibly: what clients could see of s they can see of it. Progress hears of each that is
// smaller.
func Shrink(
	engine NewEngine, s *schedule.Schedule, progress func(minimise.Progress),
) *schedule.Schedule {
	a := alike{engine: engine(), want: failure.Signature(s.Expect.Signature), left: shrinkEvents}
	a.visible = Play(engine, s).Checker == checker.Invalid
	small := *minimise.Minimise(s, a.fails, minimise.Replays, progress)
	ended := Play(engine, &small)
	small.Expect = ended.Expect(s.Expect.Build)
	return &small
}

// alike plays schedules in search of one signature.
type alike struct {
	engine  Engine
	want    failure.Signature
	visible bool  // the checker must reject what clients saw
	left    int64 // events that may still be played
}

// fails says whether a schedule fails in the way that is wanted.
func (a *alike) fails(s *schedule.Schedule) bool {
	if a.left <= 0 {
		return false
	}
	ofChecker := a.want == failure.NotLinear
	o := a.engine.Run(s, sim.Options{History: ofChecker})
	a.left -= o.Events
	found := signature(o.Failure)
	if !ofChecker && (found != a.want || !a.visible) {
		return found == a.want
	}
	if ofChecker && found != "" && !isLiveness(found) {
		return false
	}
	return linearizable(s, checker.Partition(o.History)).Verdict == checker.Invalid
}
