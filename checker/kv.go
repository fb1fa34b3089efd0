package checker

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"gauntlet/history"
)

// The kinds of operation on a key of a key-value store that can append.
const (
	kindGet    = "get"
	kindPut    = "put"
	kindAppend = "append"
)

// kvModel is one key of a store of strings, which begins empty. To get a key that is missing gives
// the empty string, or null.
//
//	put "x"      replaces what is there
//	append "x"   adds to its end
//	get -> "xx"
type kvModel struct{ plain }

func (kvModel) initial() any              { return "" }
func (kvModel) equal(a, b any) bool       { return a == b }
func (kvModel) describe(state any) string { return fmt.Sprintf("%q", state) }

var kvSeed = maphash.MakeSeed()

func (kvModel) hash(state any) uint64 { return maphash.String(kvSeed, state.(string)) }

func (kvModel) decode(op history.Operation, pending bool) (action, error) {
	raw := op.Input
	switch op.Kind {
	case kindGet:
		if pending {
			return nil, nil
		}
		if raw = op.Output; len(raw) == 0 || string(raw) == "null" {
			raw = json.RawMessage(`""`)
		}
	case kindPut, kindAppend:
	default:
		return nil, fmt.Errorf("kind %q: a key-value store knows get, put and append", op.Kind)
	}
	a := &kvAction{kind: op.Kind}
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil || text == nil {
		return nil, fmt.Errorf("%s of %.60s, want a string", op.Kind, raw)
	}
	a.text = *text
	return a, nil
}

// relevant drops pending puts and appends of what no get returned, whole or in part. Were one in
// force, then nothing was got from it until the next put, and so it may as well never have been.
func (kvModel) relevant(effects []effect) []effect {
	var seen strings.Builder
	for _, e := range effects {
		if a := e.action.(*kvAction); a.kind == kindGet {
			seen.WriteString(a.text)
			seen.WriteByte(0)
		}
	}
	unseen := make([]bool, len(effects))
	for i, e := range effects {
		unseen[i] = e.pending && !strings.Contains(seen.String(), e.action.(*kvAction).text)
	}
	return remove(effects, unseen)
}

// without removes a put together with whatever got a string that begins like its own, and an append
// together with whatever got its text: all that is left of a linearizable window finds what it
// found.
func (kvModel) without(window []effect, gone []bool) []effect {
	var put []string // sorted
	var appended []string
	for i, e := range window {
		switch a := e.action.(*kvAction); {
		case !gone[i]:
		case a.kind == kindPut:
			put = append(put, a.text)
		case a.kind == kindAppend:
			appended = append(appended, a.text)
		}
	}
	slices.Sort(put)
	removed := slices.Clone(gone)
	for i, e := range window {
		a := e.action.(*kvAction)
		if removed[i] || a.kind != kindGet {
			continue
		}
		for end := 0; end <= len(a.text) && !removed[i]; end++ {
			_, removed[i] = slices.BinarySearch(put, a.text[:end])
		}
		for _, text := range appended {
			removed[i] = removed[i] || strings.Contains(a.text, text)
		}
	}
	return remove(window, removed)
}

// prepare tells the actions what is got at all.
//
// A string that begins nothing that was ever got can be told from no other such string: no get
// returns it, an append to it makes another of its kind, and a put replaces it. So they are one
// state, hidden, and the order of appends that nobody saw is not searched.
func (kvModel) prepare(effects []effect) []effect {
	got := []string{}
	for _, e := range effects {
		if a := e.action.(*kvAction); a.kind == kindGet {
			got = append(got, a.text)
		}
	}
	slices.Sort(got)
	got = slices.Compact(got)
	prepared := slices.Clone(effects)
	for i, e := range effects {
		a := *e.action.(*kvAction)
		a.got = &got
		prepared[i].action = &a
	}
	return prepared
}

// hidden is the state of a key whose content no get returns. No content is spelt so, because JSON
// has no such bytes.
const hidden = "\xff"

// kvAction is what an operation asked, or was told.
type kvAction struct {
	kind string
	text string
	got  *[]string // what gets of the history returned, sorted; nil: not known
}

// apply implements action.
func (a *kvAction) apply(state any) (bool, any) {
	now := state.(string)
	switch a.kind {
	case kindGet:
		return now == a.text, now
	case kindPut:
		return true, a.visible(a.text)
	}
	return true, a.visible(now + a.text) // what begins with hidden is hidden
}

// visible is a string as a state.
func (a *kvAction) visible(s string) string {
	if a.got == nil {
		return s
	}
	// The strings that begin with s follow s itself in any sorted list.
	i, _ := slices.BinarySearch(*a.got, s)
	if i < len(*a.got) && strings.HasPrefix((*a.got)[i], s) {
		return s
	}
	return hidden
}

// name implements action.
func (a *kvAction) name() string {
	if a.kind == kindGet {
		return a.kind
	}
	return fmt.Sprintf("%s %s", a.kind, quote(a.text))
}

// String implements action: `append "x"`, `get "xx"`.
func (a *kvAction) String() string { return fmt.Sprintf("%s %s", a.kind, quote(a.text)) }

// class implements action.
func (a *kvAction) class() any { return [2]string{a.kind, a.text} }

// quote is a text in a sentence: its end, if it is long, where appends show.
func quote(s string) string {
	const most = 40
	if runes := []rune(s); len(runes) > most {
		return fmt.Sprintf("%q", "..."+string(runes[len(runes)-most:]))
	}
	return fmt.Sprintf("%q", s)
}
