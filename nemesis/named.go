package nemesis

import (
	"fmt"
	"slices"
	"strings"

	"gauntlet/chance"
	"gauntlet/history"
)

// everybody stands for all other nodes at one end of a link.
const everybody = "*"

// Link is the link between two nodes of a timeline, by name, or from one to the other only. Either
// end may be "*", all others. In text: "a-b", "a>b", "a>*".
type Link struct {
	From, To string
	OneWay   bool
}

// ParseLink reads a link's text.
func ParseLink(text string) (Link, error) {
	// Names may hold "-" themselves: "a - b" with spaces is then the way to write it.
	separators := []struct {
		mark   string
		oneWay bool
	}{{">", true}, {" - ", false}, {"-", false}}
	for _, s := range separators {
		if from, to, ok := strings.Cut(text, s.mark); ok {
			l := Link{strings.TrimSpace(from), strings.TrimSpace(to), s.oneWay}
			if err := l.valid(); err != nil {
				return Link{}, fmt.Errorf("link %q: %w", text, err)
			}
			return l, nil
		}
	}
	return Link{}, fmt.Errorf("link %q must be written a-b, both ways, or a>b, one way", text)
}

func (l Link) valid() error {
	for _, end := range []string{l.From, l.To} {
		if end != everybody && !castName.MatchString(end) {
			return fmt.Errorf("%q is no name", end)
		}
	}
	if l.From == l.To {
		return fmt.Errorf("it leads from %s to itself", l.From)
	}
	return nil
}

// String is the text that ParseLink reads.
func (l Link) String() string {
	mark := "-"
	switch {
	case l.OneWay:
		mark = ">"
	case strings.Contains(l.From+l.To, "-"):
		mark = " - "
	}
	return l.From + mark + l.To
}

// MarshalText and UnmarshalText make it a text in JSON.
func (l Link) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (l *Link) UnmarshalText(text []byte) (err error) {
	*l, err = ParseLink(string(text))
	return err
}

// ends lists the directed pairs of nodes that a link stands for, also of a node and itself.
func (l Link) ends(v View) ([][2]string, error) {
	nodes := func(name string) ([]string, error) {
		if name == everybody {
			return v.Nodes, nil
		}
		node, err := v.named(name)
		return []string{node}, err
	}
	from, err := nodes(l.From)
	if err != nil {
		return nil, err
	}
	to, err := nodes(l.To)
	if err != nil {
		return nil, err
	}
	var pairs [][2]string
	for _, a := range from {
		for _, b := range to {
			pairs = append(pairs, [2]string{a, b})
			if !l.OneWay {
				pairs = append(pairs, [2]string{b, a})
			}
		}
	}
	return pairs, nil
}

// cutNamed strikes the links that the event names; unless strikes all others instead. Whom it is
// about is everybody at an end of a struck link, in the nodes' order. A pair that is struck in both
// directions loses every packet; one that is struck one way loses payloads, so that the other way
// stays whole.
func cutNamed(unless bool) links {
	return func(v View, e Event, _ *chance.Stream) ([]string, []history.Cut, error) {
		struck := map[[2]string]bool{}
		for _, l := range e.Links {
			pairs, err := l.ends(v)
			if err != nil {
				return nil, nil, err
			}
			for _, pair := range pairs {
				struck[pair] = true
			}
		}
		var about []string
		var cuts []history.Cut
		for _, from := range v.hosts() {
			for _, to := range v.hosts() {
				if from == to || struck[[2]string{from, to}] == unless {
					continue
				}
				mode := history.CutPayload
				if struck[[2]string{to, from}] != unless {
					mode = history.CutPackets
				}
				cuts = append(cuts, history.Cut{From: from, To: to, Mode: mode})
				about = append(about, from, to)
			}
		}
		if len(cuts) == 0 {
			return nil, nil, fmt.Errorf("links %v leave nothing to cut", e.Links)
		}
		return slices.DeleteFunc(slices.Clone(v.hosts()), func(node string) bool {
			return !slices.Contains(about, node)
		}), cuts, nil
	}
}

// strikes returns an error if there is no cluster of so many nodes in which the event's links leave
// something to cut. Where some names are cast and others are not, only Bind can tell.
func (e Event) strikes(nodes, spares int, cast Cast) error {
	names := slices.DeleteFunc(e.names(), func(name string) bool { return positional(name) > 0 })
	row, _ := e.Shape.row()
	if !row.named || len(e.Links) == 0 || len(names) > 0 && len(names) < len(e.names()) ||
		e.known(cast, nodes+spares) != nil || len(cast) > nodes {
		return nil
	}
	v := View{Cast: map[string]string{}}
	for i := range nodes + spares {
		v.Nodes = append(v.Nodes, fmt.Sprintf("n%d", i+1))
		if i < len(cast) {
			v.Cast[cast[i].Name] = v.Nodes[i]
		}
	}
	_, _, err := row.links(v, e, nil)
	return err
}

// chosenByName returns the nodes that an event strikes by name: all of them must be running.
func chosenByName(e Event, v View) ([]string, error) {
	var hosts []string
	for _, name := range e.On {
		node, err := v.named(name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(v.Stopped, node) || !v.suits(e.Kind, node) {
			return nil, ErrNoHost
		}
		if !slices.Contains(hosts, node) {
			hosts = append(hosts, node)
		}
	}
	return hosts, nil
}
