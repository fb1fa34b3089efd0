package campaign

import (
	"fmt"
	"time"

	"gauntlet/chance"
	"gauntlet/checker"
	"gauntlet/sim"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
)

// againPermille is how many in a thousand of the seeds that do not fail are played again.
const againPermille = 10

// checkBudget is against what is not foreseen: the checker decides a key in milliseconds, however
// many operations stay open. What hung on it would hang on the machine.
const checkBudget = 10 * time.Second

// Judged is a schedule that was played, with what all its judges say.
type Judged struct {
	// Outcome is of the first run. If nothing broke in it, yet the checker rejects what clients
	// saw, its failure is NotLinear.
	Outcome *sim.Outcome
	// Checker is the black-box checker's verdict, and Reason its word; "" if it was not asked.
	Checker checker.Verdict
	Reason  string
	// Disputed: the checker rejects what clients saw, yet the witness found nothing wrong with it.
	Disputed bool
	Second   *sim.Outcome // of the second run, with its trace and history; nil: there was none
	Trouble  string       // how the simulator contradicts itself; "": it does not
}

// Play plays a schedule twice and asks every judge.
func Play(engine NewEngine, s *schedule.Schedule) Judged {
	return judge(engine(), engine, s, func() *schedule.Schedule { return s }, true)
}

// Exit is the exit code of this run alone.
func (j *Judged) Exit() int {
	f := j.Outcome.Failure
	switch {
	case f != nil && !isLiveness(f.Signature):
		return ExitSafety
	case j.Trouble != "":
		return ExitHarness
	case f != nil:
		return ExitLiveness
	case j.Reason != "" && j.Checker == checker.Unknown:
		return ExitInconclusive
	}
	return ExitClean
}

// sampled says whether a seed belongs to the sample. It is a property of the seed, so that a range
// means the same however it is cut.
func sampled(seed uint64, sample string, permille uint64) bool {
	return chance.Key(seed, "campaign."+sample, 0, 0)%1000 < permille
}

// judge plays a schedule on an engine that has played others before, and if it fails or if asked
// to, again on a new one, from a schedule that is drawn anew, and with everything recorded: none
// of this may make a difference.
func judge(
	engine Engine, fresh NewEngine, s *schedule.Schedule, redraw func() *schedule.Schedule,
	again bool,
) Judged {
	if err := s.Valid(); err != nil {
		return Judged{Outcome: &sim.Outcome{Seed: s.Seed},
			Trouble: fmt.Sprintf("the schedule that was drawn is not valid: %v", err)}
	}
	j := Judged{Outcome: engine.Run(s, sim.Options{History: true})}
	failed := j.Outcome.Failure != nil
	if again || failed {
		j.Second = fresh().Run(redraw(), sim.Options{Trace: true, History: true})
		j.Trouble = differ(j.Outcome, j.Second)
	}
	if j.Outcome.History != nil {
		j.check(s)
	}
	return j
}

// differ says how two runs of one schedule differ; "" if they do not.
func differ(a, b *sim.Outcome) string {
	switch {
	case a.TraceHash != b.TraceHash:
		return fmt.Sprintf("played twice, it was not the same: trace %016x, then %016x (%s, then %s)",
			a.TraceHash, b.TraceHash, ending(a), ending(b))
	case signature(a.Failure) != signature(b.Failure) || a.Events != b.Events ||
		a.Coverage != b.Coverage || a.Effects != b.Effects:
		return fmt.Sprintf("played twice with one trace %016x, it ended differently (%s, then %s)",
			a.TraceHash, ending(a), ending(b))
	}
	return ""
}

func ending(o *sim.Outcome) string {
	if o.Failure == nil {
		return fmt.Sprintf("clean after %d events", o.Events)
	}
	return fmt.Sprintf("%s after %d events", o.Failure.Signature, o.Events)
}

func signature(f *failure.Failure) failure.Signature {
	if f == nil {
		return ""
	}
	return f.Signature
}

// check asks the black-box checker, and settles what its verdict means beside the others.
func (j *Judged) check(s *schedule.Schedule) {
	h := j.Outcome.History
	if err := h.Valid(); err != nil {
		j.Trouble = fmt.Sprintf("the simulator recorded a history that cannot be: %v", err)
		return
	}
	result := linearizable(s, checker.Partition(h))
	j.Checker, j.Reason = result.Verdict, result.Reason
	f := j.Outcome.Failure
	j.Disputed = j.Checker == checker.Invalid && (f == nil || !isWitnessed(f.Signature))
	switch {
	case j.Checker == checker.Invalid && (f == nil || isLiveness(f.Signature)):
		j.Outcome.Failure = rejection(result, j.Outcome)
	case j.Checker == checker.Valid && f != nil && !isLiveness(f.Signature):
		f.InternalOnly = true
	}
}

func rejection(result checker.Result, o *sim.Outcome) *failure.Failure {
	f := &failure.Failure{Signature: failure.NotLinear, Text: result.Reason, At: o.Virtual}
	if result.Violation != nil {
		f.Operations = result.Violation.Operations
	}
	return f
}

func linearizable(s *schedule.Schedule, keys []checker.Key) checker.Result {
	if len(keys) == 0 {
		return checker.Result{Verdict: checker.Valid, Reason: "clients asked for nothing"}
	}
	var results []checker.KeyResult
	for _, key := range keys {
		result := checker.Linearizable(s.Options.Workload.Kind, key.Operations, checkBudget)
		result.Key = key.Name
		results = append(results, result)
	}
	return checker.Combine(results)
}

// isWitnessed says that a failure is one of those that the witness finds.
func isWitnessed(s failure.Signature) bool {
	switch s {
	case failure.WrongAnswer, failure.StaleAnswer, failure.TwiceDone, failure.UndoneFail:
		return true
	}
	return false
}

// isLiveness says that a failure is one of progress, not of safety.
func isLiveness(s failure.Signature) bool {
	switch s {
	case failure.NoLeader, failure.LeaderChurn, failure.StuckFollower, failure.StuckChange,
		failure.DroppedWrites:
		return true
	}
	return false
}
