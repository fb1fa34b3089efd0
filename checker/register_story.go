package checker

import "fmt"

// sequel is that one value was there before another, by what two operations were told.
type sequel struct {
	a, b        registerEffect // a had ended when b was called
	first, then value
}

// relapsed: a value was seen, after another one that had come later.
func (s *story) relapsed() string {
	return s.crossings(func(one, two sequel) string {
		again := two.b
		switch {
		case again.pending || !again.observes || again.before != two.then,
			one.first != two.then, one.then != two.first:
			return ""
		case two.a.writes && two.a.after == two.first:
			return fmt.Sprintf("%s, although %s had been acknowledged %s before.", again.found(),
				two.a.label(), apart(two.a.ret, again.call))
		}
		return fmt.Sprintf("%s, although %s had already seen the newer %s %s before.", again.found(),
			two.a.label(), two.first, apart(two.a.ret, again.call))
	})
}

// crossed: of two values each was there before the other.
func (s *story) crossed() string {
	return s.crossings(func(one, two sequel) string {
		reason := "Nobody brought any of them back"
		if one.first != two.then || one.then != two.first {
			reason += ", and swaps leave nothing in between"
		}
		return fmt.Sprintf("%s came before %s, as %s; but %s came before %s, as %s. %s.",
			upper(one.first.String()), one.then, one.proof(), two.first, two.then, two.proof(),
			reason)
	})
}

// crossings calls f for each pair of sequels that contradict each other. Values that were swapped
// for each other count as one, since nothing comes in between.
func (s *story) crossings(f func(one, two sequel) string) string {
	roots, sequels := s.roots(), s.sequels()
	for _, one := range sequels {
		for _, two := range sequels {
			first, then := roots.of(one.first), roots.of(one.then)
			if first == then || roots.of(two.first) != then || roots.of(two.then) != first {
				continue
			}
			if text := f(one, two); text != "" {
				return text
			}
		}
	}
	return ""
}

func (q sequel) proof() string {
	return fmt.Sprintf("%s had ended %s before %s was called", q.a.said(), apart(q.a.ret, q.b.call),
		q.b.said())
}

// sequels are all of which the window tells, of values that were written once.
func (s *story) sequels() (all []sequel) {
	for _, a := range s.window {
		for _, b := range s.window {
			if a.pending || a.ret >= b.call {
				continue
			}
			for _, first := range s.about(a) {
				for _, then := range s.about(b) {
					if first != then {
						all = append(all, sequel{a, b, first, then})
					}
				}
			}
		}
	}
	return all
}

// about are the values that were there when an operation took effect, or right after, as far as
// they were written once.
func (s *story) about(e registerEffect) (values []value) {
	if _, once := s.writer(e.before); e.observes && once {
		values = append(values, e.before)
	}
	if _, once := s.writer(e.after); e.writes && once {
		values = append(values, e.after)
	}
	return values
}

// rooted are values by what they were swapped for.
type rooted map[value]value

// roots are of those values that a compare-and-set made of another one.
func (s *story) roots() rooted {
	made := make(rooted)
	for _, e := range s.window {
		if e.observes && e.writes {
			made[e.after] = e.before
		}
	}
	return made
}

// of is the value of which a swap after the other made v; v itself if they go in a circle.
func (r rooted) of(v value) value {
	root := v
	for range len(r) + 1 {
		before, made := r[root]
		if !made {
			return root
		}
		root = before
	}
	return v
}

// unmoved: a compare-and-set did not find what must have been there.
func (s *story) unmoved() string {
	for _, e := range s.window {
		if e.unequal {
			return fmt.Sprintf("Cas #%d on %s found some other value than %s, although nothing else "+
				"can have been there.", e.op.ID, e.op.Node, e.before)
		}
	}
	return ""
}

// said names the operation and what it was told: "read 17 (#3, n1)".
func (e registerEffect) said() string {
	return fmt.Sprintf("%s (#%d, %s)", e.registerAction, e.op.ID, e.op.Node)
}
