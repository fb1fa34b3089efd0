package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// strict decodes exactly one JSON value, whose fields are known, are written as we write them, and
// stand there once: encoding/json alone takes "VALUE" for "value", and the last of two.
func strict(b []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("empty, want a JSON object")
		}
		return inWords(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	if err := checkEscapes(b); err != nil {
		return err
	}
	return checkFields(b, fieldsOf(reflect.TypeOf(into)))
}

// inWords says what does not fit without naming our types.
func inWords(err error) error {
	var misfit *json.UnmarshalTypeError
	if !errors.As(err, &misfit) {
		return err
	}
	want := "a number"
	switch misfit.Type.Kind() {
	case reflect.Struct:
		want = "an object"
	case reflect.String:
		want = "a string"
	case reflect.Slice:
		want = "an array"
	}
	where := ""
	if misfit.Field != "" {
		where = fmt.Sprintf("field %q: ", misfit.Field)
	}
	return fmt.Errorf("json: %s%s, want %s", where, misfit.Value, want)
}

// checkEscapes refuses half a surrogate pair in b, which is valid JSON: encoding/json would quietly
// replace it (RFC 8259, section 8.2).
func checkEscapes(b []byte) error {
	for {
		at := bytes.IndexByte(b, '\\')
		if at < 0 {
			return nil
		}
		b = b[at:]
		first := escaped(b)
		switch {
		case !utf16.IsSurrogate(first):
			b = b[2:]
		case utf16.DecodeRune(first, escaped(b[6:])) == utf8.RuneError:
			return fmt.Errorf("json: %s is half a character", b[:6])
		default:
			b = b[12:]
		}
	}
}

// escaped returns what \uXXXX at the start of b stands for; 0: there is no such thing.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// checkFields looks at the fields of all objects in b, which is valid JSON: there a string is a
// field's name if a colon follows.
func checkFields(b []byte, known map[string]bool) error {
	var names []string // of the open objects, the innermost last
	var opened []int   // where in names each open object begins
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{':
			opened = append(opened, len(names))
		case '}':
			names = names[:opened[len(opened)-1]]
			opened = opened[:len(opened)-1]
		case '"':
			end := i + 1
			for b[end] != '"' {
				if b[end] == '\\' {
					end++
				}
				end++
			}
			quoted := b[i : end+1]
			i = end
			if rest := bytes.TrimLeft(b[end+1:], " \t\r\n"); len(rest) == 0 || rest[0] != ':' {
				continue
			}
			name, err := nameOf(quoted)
			switch {
			case err != nil:
				return err
			case !known[name]:
				return fmt.Errorf("json: unknown field %q", name)
			case slices.Contains(names[opened[len(opened)-1]:], name):
				return fmt.Errorf("json: field %q twice", name)
			}
			names = append(names, name)
		}
	}
	return nil
}

func nameOf(quoted []byte) (string, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var name string
	err := json.Unmarshal(quoted, &name)
	return name, err
}

// fieldNames caches what fieldsOf finds, by type.
var fieldNames sync.Map

// fieldsOf returns the names of the fields of a type, those of what it holds included.
func fieldsOf(of reflect.Type) map[string]bool {
	if names, ok := fieldNames.Load(of); ok {
		return names.(map[string]bool)
	}
	names := map[string]bool{}
	collectFields(of, names)
	fieldNames.Store(of, names)
	return names
}

func collectFields(of reflect.Type, names map[string]bool) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice:
		collectFields(of.Elem(), names)
	case reflect.Struct:
		for i := range of.NumField() {
			field := of.Field(i)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" {
				name = field.Name
			}
			names[name] = true
			collectFields(field.Type, names)
		}
	}
}
