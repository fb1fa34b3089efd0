package suite

import (
	"cmp"
	"regexp"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/checker"
	"gauntlet/workload"
)

// checks lists the safety checks that a suite may ask for.
var checks = []string{checker.CheckLinearizable, checker.CheckLeaderPerTerm}

// names are file names too, so they hold nothing that a shell or a path would interpret.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// anyLength bounds durations that have no better bound.
var anyLength = between[time.Duration]{0, 24 * time.Hour}

// suite reads the whole document. The target comes first, because it defines ET.
func (d *decoder) suite(root *yaml.Node) *Suite {
	if root == nil || !d.isBlock(root, "the suite") {
		return nil
	}
	b := d.block(root, "", "name", "place", "seed", "target", "workload", "faults", "cast",
		"scale", "timeline", "incident", "capture", "stop-on", "phases", "checks", "require", "budget",
		"warnings")
	s := &Suite{Place: PlaceLab}
	b.text("name", &s.Name)
	b.word("place", &s.Place, PlaceLab, PlaceHosts, PlaceSim)
	s.Place = cmp.Or(d.place, s.Place)
	b.seed("seed", &s.Seed)
	s.Target = d.target(b.inner("target", targetNames()...))
	s.Workload = d.workload(b.inner("workload", append(models(), "reads", "timeout")...))
	s.Faults = d.faults(b, s.Target)
	s.Cast = d.readCast(b)
	b.word("capture", &s.Capture, CapturePeers)
	b.word("stop-on", &s.StopOn, StopOnViolation)
	s.Phases = d.phases(b.inner("phases", "warm-up", "load", "recovery"))
	d.timeline = d.readTimeline(b, s)
	b.texts("warnings", &s.Warnings)
	s.Checks = checks
	if !s.Target.observed() {
		s.Checks = []string{checker.CheckLinearizable}
	}
	words(b, "checks", &s.Checks, checks...)
	s.Require = d.require(b.inner("require", "ok-per-kind", "min-faults", "available-after-heal",
		"gap", "gap-leader-lost"))
	s.Budget = d.budget(b.inner("budget", "time", "memory"))
	if !b.has("name") {
		d.spoil("name", 1, "see configs/smoke.yaml for a complete suite", "is missing")
	}
	d.relations(s)
	s.Incident = d.incident(b, root, s)
	return s
}

func (d *decoder) workload(b block) Workload {
	w := Workload{Model: b.one("workload", models()...), Reads: ReadsLinearizable,
		Timeout: time.Second}
	if w.Model == "" {
		w.Model = workload.ModelRegister // so that the rest of the file can be read
	}
	b.word("reads", &w.Reads, ReadsLinearizable, ReadsSerializable)
	b.duration("timeout", &w.Timeout, between[time.Duration]{time.Millisecond, time.Minute})
	keys := []string{"clients", "rate", "keys", "ops-per-key"}
	w.Spec = workload.Spec{Clients: 10, Rate: 400, Keys: 5, OpsPerKey: 100}
	if w.Model == workload.ModelTxn {
		keys = append(keys, "keys-per-group")
		w.Spec.KeysPerGroup = workload.DefaultKeysPerGroup
	}
	inner := b.inner(w.Model, keys...)
	inner.integer("clients", &w.Spec.Clients, between[int]{1, 1000})
	inner.number("rate", &w.Spec.Rate, between[float64]{0, 1_000_000})
	inner.integer("keys", &w.Spec.Keys, between[int]{1, 1000})
	inner.integer("ops-per-key", &w.Spec.OpsPerKey, between[int]{1, w.model().MostOpsPerKey})
	inner.integer("keys-per-group", &w.Spec.KeysPerGroup, between[int]{1, 100})
	return w
}

// models lists the workloads that a suite can name.
func models() []string {
	var names []string
	for _, m := range workload.Models {
		names = append(names, m.Name)
	}
	return names
}

// model is the workload's row of the table.
func (w Workload) model() workload.Model {
	m, _ := workload.Find(w.Model) // the reader lets no other name pass
	return m
}

func (d *decoder) phases(b block) Phases {
	p := Phases{WarmUp: 3 * time.Second, Load: 30 * time.Second, Recovery: 8 * time.Second}
	b.duration("warm-up", &p.WarmUp, anyLength)
	b.duration("load", &p.Load, between[time.Duration]{time.Second, anyLength.High})
	b.duration("recovery", &p.Recovery, anyLength)
	return p
}

func (d *decoder) require(b block) checker.Require {
	require := checker.Require{OKPerKind: 1}
	b.integer("ok-per-kind", &require.OKPerKind, between[int]{0, 1_000_000_000})
	b.duration("available-after-heal", &require.AvailableAfterHeal, anyLength)
	b.duration("gap", &require.Gap, anyLength)
	b.duration("gap-leader-lost", &require.GapLeaderLost, anyLength)
	kinds := b.inner("min-faults", faultKinds...)
	for _, kind := range faultKinds {
		if kinds.has(kind) {
			var least int
			kinds.integer(kind, &least, between[int]{1, 1_000_000})
			if require.MinFaults == nil {
				require.MinFaults = map[string]int{}
			}
			require.MinFaults[kind] = least
		}
	}
	return require
}

func (d *decoder) budget(b block) Budget {
	budget := Budget{Time: time.Minute, Memory: 2 << 30}
	b.duration("time", &budget.Time, between[time.Duration]{time.Second, anyLength.High})
	b.bytes("memory", &budget.Memory, between[int64]{64 << 20, 1 << 40})
	return budget
}
