package edn_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"gauntlet/exchange/edn"
)

// all decodes a text into its values.
func all(text string) ([]edn.Value, error) {
	var values []edn.Value
	err := edn.NewDecoder(strings.NewReader(text), edn.Limits{Depth: 5, Bytes: 100}).
		Each(func(_ int, v edn.Value) error {
			values = append(values, v)
			return nil
		})
	return values, err
}

// Goal: every notation means what the specification says.
// Method: one text each, with its value, its canonical text and its JSON.
func TestValues(t *testing.T) {
	for _, test := range []struct {
		in   string
		want edn.Value
		text string // "": as in
		json string
	}{
		{"nil", nil, "", "null"},
		{"true", true, "", "true"},
		{"false", false, "", "false"},
		{"0", int64(0), "", "0"},
		{"-17", int64(-17), "", "-17"},
		{"+17N", int64(17), "17", "17"},
		{"9223372036854775808", edn.Number("9223372036854775808"), "9223372036854775808N",
			"9223372036854775808"},
		{"1.5", 1.5, "", "1.5"},
		{"2.", 2.0, "2.0", "2.0"},
		{"-1e3", -1000.0, "-1000.0", "-1000.0"},
		{"1.5M", edn.Number("1.5"), "", "1.5"},
		{"7M", edn.Number("7.0"), "7.0M", "7.0"},
		{"1/3", edn.Number("1/3"), "", `"1/3"`},
		{"##Inf", math.Inf(1), "", `"Inf"`},
		{"##-Inf", math.Inf(-1), "", `"-Inf"`},
		{`"a\tb\"\\\u00e9\ud83d\ude00"`, "a\tb\"\\é😀", `"a\tb\"\\é😀"`, `"a\tb\"\\é😀"`},
		{"\"two\nlines\"", "two\nlines", `"two\nlines"`, `"two\nlines"`},
		{`\a`, edn.Char('a'), "", `"a"`},
		{`\newline`, edn.Char('\n'), "", `"\n"`},
		{`\u00e9`, edn.Char('é'), `\é`, `"é"`},
		{`\o101`, edn.Char('A'), `\A`, `"A"`},
		{`\(`, edn.Char('('), "", `"("`},
		{":ok", edn.Keyword("ok"), "", `"ok"`},
		{":a/b", edn.Keyword("a/b"), "", `"a/b"`},
		{"a.b/c+", edn.Symbol("a.b/c+"), "", `"a.b/c+"`},
		{"-", edn.Symbol("-"), "", `"-"`},
		{"{:s #{2 1}, :m {}}", edn.Map{{edn.Keyword("s"), edn.Set{int64(2), int64(1)}},
			{edn.Keyword("m"), edn.Map{}}}, "{:m {} :s #{1 2}}", `[["m",[]],["s",[2,1]]]`},
		{"#a/b (1)", edn.Tagged{"a/b", edn.List{int64(1)}}, "", "[1]"},
		{"^{:doc 1} ^:x {}", edn.Map{}, "{}", "[]"},
		{"#:p{:a 1 :_/b 2 :q/c 3}", edn.Map{{edn.Keyword("p/a"), int64(1)},
			{edn.Keyword("b"), int64(2)}, {edn.Keyword("q/c"), int64(3)}},
			"{:b 2 :p/a 1 :q/c 3}", `[["b",2],["p/a",1],["q/c",3]]`},
		{"#_ 1 #_#_ 2 3 4 ; 5", int64(4), "4", "4"},
	} {
		got, err := all(test.in)
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], test.want) {
			t.Errorf("%s: %#v, %v, want %#v", test.in, got, err, test.want)
			continue
		}
		if test.text == "" {
			test.text = test.in
		}
		if text := edn.Text(got[0]); text != test.text {
			t.Errorf("%s: text %s, want %s", test.in, text, test.text)
		}
		if json := string(edn.AppendJSON(nil, got[0])); json != test.json {
			t.Errorf("%s: JSON %s, want %s", test.in, json, test.json)
		}
	}
}

// Goal: a sequence is walked value by value, wherever its brackets stand.
func TestSequences(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "",
		" ; nothing\n":      "",
		"[]":                "",
		"[1, 2 [3]] ; end":  "1:1 1:2 1:[3]",
		"; head\n(1\n\n2)":  "2:1 4:2",
		"{:a\n1}\n{:b 2}":   "1:{:a 1} 3:{:b 2}",
		"#_[0] [1] (2) #{}": "1:[1] 1:(2) 1:#{}",
	} {
		var got []string
		err := edn.NewDecoder(strings.NewReader(in), edn.DefaultLimits).
			Each(func(line int, v edn.Value) error {
				got = append(got, fmt.Sprintf("%d:%s", line, edn.Text(v)))
				return nil
			})
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, %v, want %q", in, got, err, want)
		}
	}
}

// Goal: what is no EDN, or asks for too much, is refused with its line, and in one line.
func TestErrors(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"[1\n2", "line 2: cut off: ']' is missing, to close line 1"},
		{"[1\n[2)", "line 2: ')', want ']' to close line 2"},
		{"1 ]", "line 1: ']' closes nothing"},
		{"[1] 2", "line 1: something follows the end of the sequence that the text began with"},
		{"{:a}", "line 1: the map of line 1 has a key without a value"},
		{"{:a 1\n:a 2}", "line 2: the map of line 1 has the key :a twice"},
		{"#{[1] (1) [1]}", "line 1: the set of line 1 has [1] twice"},
		{"\n\"abc", "line 2: cut off: the string of line 2 is not closed"},
		{`"\q"`, `line 1: 'q' after \ is no escape that a string knows`},
		{`"\u12`, `line 1: \u needs four hexadecimal digits`},
		{`"\ud83d"`, `line 1: \ud83d stands alone, without its other half`},
		{`"\ud83d\u0041"`, `line 1: \ud83d\u0041 is no pair of surrogates`},
		{"\xff", "line 1: not valid UTF-8"},
		{"; \xff", "line 1: not valid UTF-8"},
		{"[[[[[[1]]]]]]", "line 1: nested deeper than 5"},
		{"#a #b #c #d #e #f 1", "line 1: nested deeper than 5"},
		{"#_#_#_#_#_#_ 1", "line 1: nested deeper than 5"},
		{"^^^^^^1 1", "line 1: nested deeper than 5"},
		{strings.Repeat("a", 200), "line 1: a value of more than 100 bytes"},
		{"007", `line 1: "007" is not a number`},
		{"1e999", `line 1: "1e999" is not a number`},
		{"1e1000M", `line 1: "1e1000M" is not a number`},
		{"1/0", `line 1: "1/0" is not a number`},
		{"12ab", `line 1: "12ab" is not a number`},
		{":", `line 1: ":" is not a keyword`},
		{"::a", `line 1: "::a" is not a keyword`},
		{"@a", `line 1: "@a" is not a symbol`},
		{"#", `line 1: "#" is not a tag`},
		{"#1 2", `line 1: "#1" is not a tag`},
		{"#a", "line 1: #a is not followed by a value"},
		{"##x", `line 1: "##x" is not a value`},
		{"#:a[]", `line 1: #":a" is not a namespace before a map`},
		{`\`, `line 1: \ is not followed by a character`},
		{`\nl`, `line 1: "\\nl" is not a character`},
		{"\x00", `line 1: control character '\x00'`},
	} {
		_, err := all(test.in)
		var e *edn.Error
		if !errors.As(err, &e) || err.Error() != test.want {
			t.Errorf("%q: %v, want %s", test.in, err, test.want)
		}
	}
	huge := strings.Repeat("9", 1001)
	err := edn.NewDecoder(strings.NewReader(huge), edn.DefaultLimits).Each(nil)
	if want := "line 1: a number of 1001 digits, at most 1000"; err == nil || err.Error() != want {
		t.Errorf("a huge number: %v, want %s", err, want)
	}
}

// Goal: the largest number that is accepted is accepted again as it is written.
// Method: numbers of exactly as many digits as may be, which are written with more characters.
func TestLargestNumbers(t *testing.T) {
	digits := strings.Repeat("9", 1000)
	for _, in := range []string{
		digits, "-" + digits, digits + "N", digits + "M", digits[1:] + ".0M", digits + ".0M",
		digits[3:] + "e100M", digits[1:] + "/7", digits[1:] + ".5M",
	} {
		value, err := all1(in)
		if err != nil {
			t.Errorf("%.20q of %d characters: %v", in, len(in), err)
			continue
		}
		written := edn.Text(value)
		again, err := all1(written)
		if err != nil || edn.Text(again) != written {
			t.Errorf("%.20q of %d characters is not read as it is written: %v", in, len(in), err)
		}
	}
}
