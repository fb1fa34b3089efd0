package agreement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gauntlet/chance"
)

// Types are the objects that the checker is compared on.
var Types = []Type{
	{"register", "register", register(0, false, false)},
	{"cas-register", "register", register(0, true, false)},
	{"silent-cas", "register", register(0, true, true)},
	{"small-register", "register", register(3, false, false)},
	{"small-cas", "register", register(3, true, false)},
	{"small-silent", "register", register(3, true, true)},
	{"queue", "queue", queue(0)},
	{"small-queue", "queue", queue(2)},
	{"set", "set", set},
	{"counter", "counter", counter},
	{"mutex", "mutex", mutex},
	{"store", "kv", store},
	{"list", "append", list},
}

// register is a register of numbers, 0 for none. No value is written twice if domain is 0; else
// they are 1 to domain. A silent one does not say on what a cas failed.
func register(domain int, cas, silent bool) object {
	return object{
		initial: int64(0),
		do: func(state any, r request) (string, any) {
			now := state.(int64)
			switch {
			case r.kind == "read":
				return `{"value":` + orNull(now) + `}`, now
			case r.kind == "write":
				return `{}`, r.value
			case now == r.expected:
				return `{"swapped":true}`, r.value
			case silent:
				return `{"swapped":false}`, now
			}
			return `{"swapped":false,"current":` + orNull(now) + `}`, now
		},
		ask: func(draws *chance.Stream, n int64, state any) request {
			r := request{value: n, expected: state.(int64)}
			if domain > 0 {
				r.value = int64(1 + draws.Intn(domain))
			}
			if draws.Intn(3) == 0 {
				most := domain
				if domain == 0 {
					most = int(n) + 3 // perhaps a later one
				}
				r.expected = int64(draws.Intn(most + 1))
			}
			kinds := []string{"read", "read", "write", "cas", "cas"}
			if !cas {
				kinds = kinds[:3]
			}
			r.kind = kinds[draws.Intn(len(kinds))]
			return r
		},
		lie: func(draws *chance.Stream, n int64, r request, truth string) string {
			some := `:` + orNull(int64(draws.Intn(max(domain, int(n))+2))) + `}`
			switch {
			case r.kind == "read":
				return `{"value"` + some
			case r.kind == "write":
				return truth
			case truth != `{"swapped":true}`:
				return `{"swapped":true}`
			case silent:
				return `{"swapped":false}`
			}
			return `{"swapped":false,"current"` + some
		},
		input: func(r request) string {
			switch r.kind {
			case "read":
				return `{}`
			case "write":
				return fmt.Sprintf(`{"value":%d}`, r.value)
			}
			return fmt.Sprintf(`{"expected":%s,"value":%d}`, orNull(r.expected), r.value)
		},
	}
}

func orNull(n int64) string {
	if n == 0 {
		return "null"
	}
	return strconv.FormatInt(n, 10)
}

// counter is a sum. Adds tell the new one.
var counter = object{
	initial: int64(0),
	do: func(state any, r request) (string, any) {
		sum := state.(int64) + r.value
		return fmt.Sprintf(`{"value":%d}`, sum), sum
	},
	ask: func(draws *chance.Stream, _ int64, _ any) request {
		if draws.Intn(2) == 0 {
			return request{kind: "read"}
		}
		return request{kind: "add", value: int64(draws.Intn(6) - 2)}
	},
	lie: func(draws *chance.Stream, _ int64, _ request, _ string) string {
		return fmt.Sprintf(`{"value":%d}`, draws.Intn(10)-2)
	},
	input: func(r request) string {
		if r.kind == "read" {
			return `{}`
		}
		return fmt.Sprintf(`{"delta":%d}`, r.value)
	},
}

// list is a list of numbers, none of which is appended twice. Its states are its own JSON, without
// the brackets.
var list = object{
	initial: "", ordered: true,
	do: func(state any, r request) (string, any) {
		if r.kind == "append" {
			return `{}`, joined(state.(string), r.value)
		}
		return `{"values":[` + state.(string) + `]}`, state
	},
	ask: func(draws *chance.Stream, n int64, _ any) request {
		return request{kind: []string{"read", "append"}[draws.Intn(2)], value: n}
	},
	lie: func(draws *chance.Stream, n int64, r request, truth string) string {
		if r.kind == "append" {
			return truth
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(truth, `{"values":[`), `]}`)
		return `{"values":[` + bent(draws, inner, n) + `]}`
	},
	input: func(r request) string {
		if r.kind == "read" {
			return `{}`
		}
		return fmt.Sprintf(`{"value":%d}`, r.value)
	},
}

// joined is a list in JSON, without its brackets, with one more number.
func joined(items string, n int64) string {
	if items == "" {
		return strconv.FormatInt(n, 10)
	}
	return items + "," + strconv.FormatInt(n, 10)
}

// bent is a list with a change: a number goes, comes, or changes place with its neighbour.
func bent(draws *chance.Stream, items string, n int64) string {
	var list []string
	if items != "" {
		list = strings.Split(items, ",")
	}
	at := draws.Intn(len(list) + 1)
	switch how := draws.Intn(3); {
	case how == 0 && at < len(list):
		list = slices.Delete(list, at, at+1)
	case how == 1 && at+1 < len(list):
		list[at], list[at+1] = list[at+1], list[at]
	default:
		list = slices.Insert(list, at, strconv.Itoa(1+draws.Intn(int(n)+1)))
	}
	return strings.Join(list, ",")
}
