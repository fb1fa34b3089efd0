package checker

import (
	"gauntlet/checker/finding"
	"gauntlet/checker/frontier"
	"gauntlet/checker/register"
	"gauntlet/checker/zones"
)

// engineZones is the engine of registers to which every value was written once.
const engineZones = "zones"

// engines: zones knows by itself what a glance would see, but for an answer that no register gives.
func (m registerModel) engines() []engine {
	return []engine{
		{engineZones, "no value has two writers", m.inZones},
		{engineGlance, "", glance},
		{engineFrontier, "", m.swept},
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
	return t.found(frontier.Search(object, initial, ops, t.half()), ops), nil
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
