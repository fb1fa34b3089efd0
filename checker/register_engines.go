package checker

import (
	"cmp"
	"slices"

	"gauntlet/checker/finding"
	"gauntlet/checker/frontier"
	"gauntlet/checker/register"
	"gauntlet/checker/zones"
	"gauntlet/history"
)

// engineZones is the engine of registers to which every value was written once.
const engineZones = "zones"

// engines: zones knows by itself what a glance would see, but for an answer that no register gives.
func (m registerModel) engines() []engine {
	return []engine{
		{engineZones, m.inZones}, {engineGlance, glance}, {engineFrontier, m.swept},
	}
}

func (m registerModel) inZones(t *task) (finding.Finding, error) {
	c, err := t.compact(m)
	if err != nil {
		return finding.Finding{}, err
	}
	if c.absurd {
		return finding.Finding{}, nil // a glance tells
	}
	found := zones.Check(c.ops, c.values)
	culprits := make([]int, len(found.Culprits))
	for i, culprit := range found.Culprits {
		culprits[i] = int(c.source[culprit])
	}
	found.Culprits = culprits
	return found, nil
}

// swept asks the just-in-time search about the compact form.
func (m registerModel) swept(t *task) (finding.Finding, error) {
	c, err := t.compact(m)
	if err != nil {
		return finding.Finding{}, err
	}
	first := []register.Value{register.Initial}
	object, initial, ops := frontier.Register(c.ops, c.values, first)
	return found(frontier.Search(object, initial, ops, t.half())), nil
}

// compact is the register's history in compact form, made once.
func (t *task) compact(m registerModel) (*compacted, error) {
	if t.compacted == nil {
		c, err := m.compact(t.ops)
		if err != nil {
			return nil, err
		}
		t.compacted = c
	}
	return t.compacted, nil
}

// trace implements traceable: the writers of values that the window saw but did not write.
func (m registerModel) trace(ops []history.Operation, window []effect) []effect {
	missing := make(map[value]bool)
	for _, e := range registerEffects(window) {
		missing[e.before] = missing[e.before] || e.observes
	}
	for _, e := range registerEffects(window) {
		missing[e.after] = missing[e.after] && !e.writes
	}
	for i := range ops {
		a, err := m.action(&ops[i])
		if err != nil || !a.writes || !missing[a.after] || ops[i].Outcome == history.OutcomeFail {
			continue
		}
		if writer, err := decode(m, ops[i:i+1]); err == nil {
			window = append(window, writer...)
		}
	}
	slices.SortStableFunc(window, func(a, b effect) int { return cmp.Compare(a.op.ID, b.op.ID) })
	return window
}
