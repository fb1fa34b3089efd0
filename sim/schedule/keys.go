package schedule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// place is where a value of a file stands: a key or an index, below another place.
type place struct {
	above *place
	key   string
	index int // if key is ""
}

// String returns "options.raft", "faults[2].kind"; "" is the top.
func (p *place) String() string {
	switch {
	case p == nil:
		return ""
	case p.key == "":
		return fmt.Sprintf("%s[%d]", p.above, p.index)
	case p.above == nil:
		return p.key
	}
	return p.above.String() + "." + p.key
}

// visitor is told of each value of a file, and before it of a key that is there again or that the
// object does not know. An offset is just after the first token of what it is about.
type visitor interface {
	value(at *place, offset int64)
	again(at *place, offset int64)
	unknown(at *place, offset int64, object reflect.Type)
}

// walk visits all of a text that is known to be JSON.
func walk(text []byte, v visitor) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	w := walker{d, v, map[reflect.Type]map[string]reflect.Type{}}
	w.value(reflect.TypeFor[Schedule](), nil)
}

type walker struct {
	tokens  *json.Decoder
	visitor visitor
	fields  map[reflect.Type]map[string]reflect.Type // of the structs met so far
}

func (w *walker) value(t reflect.Type, at *place) {
	token, _ := w.tokens.Token()
	w.visitor.value(at, w.tokens.InputOffset())
	switch token {
	case json.Delim('{'):
		fields := w.fieldsOf(t)
		seen := map[string]bool{}
		for w.tokens.More() {
			name, _ := w.tokens.Token()
			below := &place{above: at, key: name.(string)}
			if seen[below.key] {
				w.visitor.again(below, w.tokens.InputOffset())
			}
			seen[below.key] = true
			field, known := fields[below.key]
			if fields != nil && !known {
				w.visitor.unknown(below, w.tokens.InputOffset(), t)
			}
			w.value(field, below)
		}
		w.tokens.Token()
	case json.Delim('['):
		for i := 0; w.tokens.More(); i++ {
			w.value(elementType(t), &place{above: at, index: i})
		}
		w.tokens.Token()
	}
}

// fieldsOf returns the types of a struct's fields by their keys in JSON; nil if it is none.
func (w *walker) fieldsOf(t reflect.Type) map[string]reflect.Type {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	fields := w.fields[t]
	if fields == nil {
		fields = map[string]reflect.Type{}
		for i, key := range keysOf(t) {
			fields[key] = indirect(t.Field(i).Type)
		}
		w.fields[t] = fields
	}
	return fields
}

func elementType(t reflect.Type) reflect.Type {
	if t == nil || t.Kind() != reflect.Slice {
		return nil
	}
	return indirect(t.Elem())
}

func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// keysOf lists the keys in JSON of a struct's fields.
func keysOf(object reflect.Type) []string {
	keys := make([]string, object.NumField())
	for i := range keys {
		keys[i], _, _ = strings.Cut(object.Field(i).Tag.Get("json"), ",")
	}
	return keys
}

// strangeKeys finds keys that are unknown or there twice. encoding/json takes both, and keys in
// another case as well.
func strangeKeys(text []byte) Problems {
	s := stranger{text: text}
	walk(text, &s)
	return s.found
}

type stranger struct {
	text  []byte
	found Problems
}

func (s *stranger) value(*place, int64) {}

func (s *stranger) again(at *place, offset int64) {
	s.add(at, offset, Problem{What: "is there twice"})
}

func (s *stranger) unknown(at *place, offset int64, object reflect.Type) {
	s.add(at, offset, Problem{What: "is unknown",
		Hint: "known here: " + strings.Join(keysOf(object), ", ")})
}

func (s *stranger) add(at *place, offset int64, p Problem) {
	if !s.found.full() {
		p.Path, p.Line = at.String(), lineAt(s.text, offset)
		s.found = append(s.found, p)
	}
}

// locate returns the line of each problem: its own, or that of the value that its path leads to,
// or of the nearest one above that is there.
func locate(text []byte, problems Problems) []int {
	l := locator{wanted: map[string]bool{}, offsets: map[string]int64{}}
	lines := make([]int, len(problems))
	for _, p := range problems {
		if p.Line == 0 && p.Path != "" {
			for path := p.Path; path != ""; path = above(path) {
				l.wanted[path] = true
			}
		}
	}
	if len(l.wanted) > 0 {
		walk(text, &l)
	}
	for i, p := range problems {
		lines[i] = p.Line
		for path := p.Path; path != "" && lines[i] == 0; path = above(path) {
			if offset, found := l.offsets[path]; found {
				lines[i] = lineAt(text, offset)
			}
		}
	}
	return lines
}

// above is the path without its last part.
func above(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

type locator struct {
	wanted  map[string]bool
	offsets map[string]int64
}

func (l *locator) again(*place, int64) {}

func (l *locator) unknown(*place, int64, reflect.Type) {}

func (l *locator) value(at *place, offset int64) {
	if path := at.String(); l.wanted[path] {
		l.offsets[path] = offset
	}
}

// lineAt returns the line, from 1, of what ends at an offset.
func lineAt(text []byte, offset int64) int {
	end := min(max(offset, 0), int64(len(text)))
	return 1 + bytes.Count(text[:end], []byte{'\n'})
}
