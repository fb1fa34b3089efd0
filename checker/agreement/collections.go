package agreement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gauntlet/chance"
)

// queue is a first-in-first-out queue of numbers. No number is enqueued twice if domain is 0; else
// they are 1 to domain. Its states are the numbers, the first first.
func queue(domain int) object {
	return object{
		initial: "", ordered: true,
		do: func(state any, r request) (string, any) {
			items := state.(string)
			if r.kind == "enqueue" {
				return "null", joined(items, r.value)
			}
			first, rest, _ := strings.Cut(items, ",")
			if first == "" {
				return "null", items
			}
			return first, rest
		},
		ask: func(draws *chance.Stream, n int64, _ any) request {
			r := request{kind: []string{"enqueue", "dequeue"}[draws.Intn(2)], value: n}
			if domain > 0 {
				r.value = int64(1 + draws.Intn(domain))
			}
			return r
		},
		lie: func(draws *chance.Stream, n int64, r request, truth string) string {
			if r.kind == "enqueue" {
				return truth
			}
			return orNull(int64(draws.Intn(max(domain, int(n)) + 2)))
		},
		input: func(r request) string {
			if r.kind == "enqueue" {
				return strconv.FormatInt(r.value, 10)
			}
			return "null"
		},
	}
}

// set is a set of numbers that only grows. Its states are the numbers, rising.
var set = object{
	initial: "",
	do: func(state any, r request) (string, any) {
		items := state.(string)
		if r.kind == "read" {
			return "[" + items + "]", items
		}
		all := split(items)
		if item := strconv.FormatInt(r.value, 10); !slices.Contains(all, item) {
			all = append(all, item)
		}
		slices.Sort(all) // of one digit each, or else in any order that is always the same
		return "null", strings.Join(all, ",")
	},
	ask: func(draws *chance.Stream, n int64, _ any) request {
		r := request{kind: []string{"add", "read"}[draws.Intn(2)], value: n}
		if draws.Intn(4) == 0 {
			r.value = int64(1 + draws.Intn(int(n)))
		}
		return r
	},
	lie: func(draws *chance.Stream, n int64, r request, truth string) string {
		if r.kind == "add" {
			return truth
		}
		all := split(strings.Trim(truth, "[]"))
		item := strconv.Itoa(1 + draws.Intn(int(n)+1))
		if at := slices.Index(all, item); at >= 0 {
			all = slices.Delete(all, at, at+1)
		} else {
			all = append(all, item)
		}
		slices.Sort(all)
		return "[" + strings.Join(all, ",") + "]"
	},
	input: func(r request) string {
		if r.kind == "add" {
			return strconv.FormatInt(r.value, 10)
		}
		return "null"
	},
}

func split(items string) []string {
	if items == "" {
		return nil
	}
	return strings.Split(items, ",")
}

// mutex is a lock without an owner. What it cannot do at once has no answer.
var mutex = object{
	initial: false,
	do: func(state any, r request) (string, any) {
		if held := state.(bool); held == (r.kind == "acquire") {
			return "", held
		}
		return "null", !state.(bool)
	},
	ask: func(draws *chance.Stream, _ int64, state any) request {
		if held := state.(bool); held != (draws.Intn(2) == 0) {
			return request{kind: "release"}
		}
		return request{kind: "acquire"}
	},
	lie:     func(_ *chance.Stream, _ int64, _ request, truth string) string { return truth },
	input:   func(request) string { return "null" },
	granted: "null",
}

// store is a string under one key, that can be replaced and appended to.
var store = object{
	initial: "", ordered: true,
	do: func(state any, r request) (string, any) {
		now := state.(string)
		switch letter := letters(r.value); r.kind {
		case "put":
			return "null", letter
		case "append":
			return "null", now + letter
		}
		return fmt.Sprintf("%q", now), now
	},
	ask: func(draws *chance.Stream, _ int64, _ any) request {
		kind := []string{"get", "get", "put", "append"}[draws.Intn(4)]
		return request{kind: kind, value: int64(draws.Intn(4))}
	},
	lie: func(draws *chance.Stream, _ int64, r request, truth string) string {
		if r.kind != "get" {
			return truth
		}
		return fmt.Sprintf("%q", letters(int64(draws.Intn(4)))+letters(int64(draws.Intn(4))))
	},
	input: func(r request) string {
		if r.kind == "get" {
			return "null"
		}
		return fmt.Sprintf("%q", letters(r.value))
	},
}

// letters is one of four short texts, one of them empty.
func letters(n int64) string { return "abc"[:n] }
