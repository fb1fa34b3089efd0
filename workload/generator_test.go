package workload

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gauntlet/chance"
	"gauntlet/history"
)

// store is a perfect key-value store.
type store map[string]string

// do carries a request out.
func (s store) do(r Request) Reply {
	current, found := s[r.Key]
	reply := Reply{Found: found, Value: []byte(current)}
	switch r.Op {
	case OpPut:
		s[r.Key] = string(r.Value)
	case OpCAS:
		if found == (r.Expected != nil) && current == string(r.Expected) {
			s[r.Key], reply.Swapped = string(r.Value), true
		}
	case OpAppend:
		s[r.Key] = current + string(r.Value)
	case OpAdd:
		sum, _ := strconv.ParseInt(current, 10, 64)
		delta, _ := strconv.ParseInt(string(r.Value), 10, 64)
		s[r.Key] = strconv.FormatInt(sum+delta, 10)
		reply = Reply{Found: true, Value: []byte(s[r.Key])}
	case OpTxn:
		for _, step := range r.Steps {
			reply.Steps = append(reply.Steps, s.do(step))
		}
	}
	return reply
}

// apply answers an invocation as a correct node would.
func (s store) apply(t interface{ Fatal(...any) }, m Model, inv Invocation) history.Operation {
	request, err := m.Request(inv)
	if err != nil {
		t.Fatal(err)
	}
	output, err := m.Output(inv, s.do(request))
	if err != nil {
		t.Fatal(err)
	}
	return history.Operation{Kind: inv.Kind, Key: inv.Key, Input: inv.Input,
		Outcome: history.OutcomeOK, Output: output}
}

// written lists what a request writes, or adds.
func written(t interface{ Fatal(...any) }, r Request) (values []int64) {
	for _, step := range append([]Request{r}, r.Steps...) {
		if len(step.Value) == 0 {
			continue
		}
		v, err := strconv.ParseInt(strings.TrimSuffix(string(step.Value), ","), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, max(v, -v))
	}
	return values
}

// each runs a test for every model.
func each(t *testing.T, test func(t *testing.T, m Model)) {
	for _, m := range Models {
		t.Run(m.Name, func(t *testing.T) { test(t, m) })
	}
}

// Goal: a generator is a function of its seed and of what it has seen. Method: two generators
// under the same random calls agree; the same with another seed does not.
func TestGeneratorsAreDeterministic(t *testing.T) {
	each(t, func(t *testing.T, m Model) {
		spec := Spec{Clients: 4, Keys: 3, OpsPerKey: 7}
		sequence := func(seed uint64) string {
			var b strings.Builder
			g, s, order := m.New(spec, seed), store{}, chance.New(9, "order", 0)
			for range 500 {
				worker := order.Intn(spec.Clients)
				inv := g.Next(worker)
				op := s.apply(t, m, inv)
				fmt.Fprintln(&b, worker, inv.Kind, inv.Key, string(inv.Input), string(op.Output))
				g.Observe(op)
			}
			return b.String()
		}
		if diff := cmp.Diff(sequence(1), sequence(1)); diff != "" {
			t.Error(diff)
		}
		if sequence(1) == sequence(2) {
			t.Error("seeds 1 and 2 give the same requests")
		}
	})
}

// Goal: what one worker draws and writes does not hang on how often the others are called. Method:
// worker 0 alone, and worker 0 with the others in between; kinds and written values agree.
func TestWorkersAreIndependent(t *testing.T) {
	each(t, func(t *testing.T, m Model) {
		spec := Spec{Clients: 3, Keys: 2, OpsPerKey: 1 << 30}
		sequence := func(others int) (lines []string) {
			g := m.New(spec, 5)
			for i := range 200 {
				inv := g.Next(0)
				lines = append(lines, fmt.Sprint(inv.Kind, inv.Key, string(inv.Input)))
				for j := range others * (i % 3) {
					g.Next(1 + j%2)
				}
			}
			return lines
		}
		if diff := cmp.Diff(sequence(0), sequence(2)); diff != "" {
			t.Error(diff)
		}
	})
}

// Goal: an answer seen earlier, later or never shifts no draw. Method: the same calls with and
// without answers; kinds, keys and written values agree, whatever a cas expects.
func TestAnswersShiftNothing(t *testing.T) {
	each(t, func(t *testing.T, m Model) {
		spec := Spec{Clients: 2, Keys: 2, OpsPerKey: 9}
		sequence := func(answered bool) (lines []string) {
			g, s := m.New(spec, 5), store{}
			for i := range 300 {
				inv := g.Next(i % 2)
				request, err := m.Request(inv)
				if err != nil {
					t.Fatal(err)
				}
				lines = append(lines, fmt.Sprint(inv.Kind, inv.Key, written(t, request)))
				if answered {
					g.Observe(s.apply(t, m, inv))
				}
			}
			return lines
		}
		if diff := cmp.Diff(sequence(false), sequence(true)); diff != "" {
			t.Error(diff)
		}
	})
}

// Goal: each request takes as many draws as every other, so that a change to one kind shifts no
// other. Method: where the worker's stream stands after some requests.
func TestDrawsPerRequest(t *testing.T) {
	const seed, requests = 5, 100
	spec := Spec{Clients: 1, Keys: 2, OpsPerKey: 9}
	for _, c := range []struct {
		generator Generator
		sources   func(Generator) sources
		stream    string
		draws     uint64
	}{
		{NewRegister(spec, seed), func(g Generator) sources { return g.(*registers).sources },
			"workload/register", 3},
		{NewAppend(spec, seed), func(g Generator) sources { return g.(*lists).sources },
			"workload/append", 2},
		{NewCounter(spec, seed), func(g Generator) sources { return g.(*counters).sources },
			"workload/counter", 3},
		{NewTxn(spec, seed), func(g Generator) sources { return g.(*transactions).sources },
			"workload/txn", 10},
	} {
		for range requests {
			c.generator.Next(0)
		}
		next := c.sources(c.generator)[0].draws.Uint64()
		if next != chance.Key(seed, c.stream, 0, requests*c.draws) {
			t.Errorf("%s: not %d draws for each request", c.stream, c.draws)
		}
	}
}

// Goal: written values are positive (deltas: of either sign) and never repeat; kinds are those of
// the table; no key takes more than its share; the final reads write nothing and cover each key in
// use and the latest retired, once; a perfect store answers each request in the model's form.
// Method: random specifications and call orders.
func TestGeneratorProperties(t *testing.T) {
	each(t, func(t *testing.T, m Model) {
		rapid.Check(t, func(t *rapid.T) { checkGenerator(t, m) })
	})
}

func checkGenerator(t *rapid.T, m Model) {
	spec := Spec{
		Clients:      rapid.IntRange(1, 8).Draw(t, "clients"),
		Keys:         rapid.IntRange(1, 6).Draw(t, "keys"),
		OpsPerKey:    rapid.IntRange(1, 20).Draw(t, "opsPerKey"),
		KeysPerGroup: rapid.IntRange(0, 4).Draw(t, "keysPerGroup"),
	}
	g := m.New(spec, rapid.Uint64().Draw(t, "seed"))
	seen, requests, s := map[int64]bool{}, map[string]int{}, store{}
	for range rapid.IntRange(0, 800).Draw(t, "requests") {
		inv := g.Next(rapid.IntRange(0, spec.Clients-1).Draw(t, "worker"))
		if !slices.Contains(m.Kinds, inv.Kind) {
			t.Fatalf("kind %s is not of the model's", inv.Kind)
		}
		if requests[inv.Key]++; requests[inv.Key] > spec.OpsPerKey {
			t.Fatalf("%s was asked %d times", inv.Key, requests[inv.Key])
		}
		request, err := m.Request(inv)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range written(t, request) {
			if v <= 0 || seen[v] {
				t.Fatalf("value %d, written before: %t", v, seen[v])
			}
			seen[v] = true
		}
		if rapid.Bool().Draw(t, "answered") {
			g.Observe(s.apply(t, m, inv))
		}
	}
	final := map[string]bool{}
	for _, inv := range g.Final() {
		request, err := m.Request(inv)
		if err != nil || len(written(t, request)) > 0 {
			t.Fatalf("the final %s %s writes: %v", inv.Kind, inv.Input, err)
		}
		if final[inv.Key] || requests[inv.Key] == 0 {
			t.Fatalf("final %s of %s, repeated: %t", inv.Kind, inv.Key, final[inv.Key])
		}
		final[inv.Key] = true
	}
	if want := min(len(requests), recentKeys); len(final) < want {
		t.Fatalf("%d final reads for %d keys", len(final), len(requests))
	}
}

// Goal: each kind, swapping and failing compare-and-sets, and creations all occur often; the load
// means little otherwise. Method: 10,000 requests to a perfect store, 100 to a key.
func TestRegisterMix(t *testing.T) {
	spec := Spec{Clients: 10, Keys: 5, OpsPerKey: 100}
	m, err := Find(ModelRegister)
	if err != nil {
		t.Fatal(err)
	}
	g, s, counts := m.New(spec, 1), store{}, map[string]int{}
	for i := range 10_000 {
		inv := g.Next(i % spec.Clients)
		op := s.apply(t, m, inv)
		g.Observe(op)
		counts[inv.Kind]++
		if inv.Kind == KindCAS {
			counts[string(op.Output[:len(`{"swapped":t`)])]++
			if strings.Contains(string(inv.Input), "null") {
				counts["create"]++
			}
		}
	}
	for what, least := range map[string]int{
		KindRead: 3500, KindWrite: 2900, KindCAS: 2900, "create": 20,
		`{"swapped":t`: 2000, `{"swapped":f`: 200,
	} {
		if counts[what] < least {
			t.Errorf("%s: %d, want at least %d of %v", what, counts[what], least, counts)
		}
	}
}

// Goal: each kind, and each step of a transaction, occurs often; both signs of a delta too. Method:
// 10,000 requests, the words of which are counted.
func TestMixes(t *testing.T) {
	for _, c := range []struct {
		model string
		least map[string]int
	}{
		{ModelAppend, map[string]int{`read{}`: 3000, `append{"value":`: 5000}},
		{ModelCounter, map[string]int{`read{}`: 3000, `add{"delta":-`: 1500, `add{"delta":`: 5000}},
		{ModelTxn, map[string]int{`["read","`: 9000, `["append","`: 9000, `["write","`: 2500,
			`],[`: 12_000, `.0"`: 7000, `.1"`: 7000, `.2"`: 7000}},
	} {
		m, err := Find(c.model)
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		g := m.New(Spec{Clients: 10, Keys: 5, OpsPerKey: 100}, 1)
		for i := range 10_000 {
			inv := g.Next(i % 10)
			fmt.Fprintf(&all, "%s%s\n", inv.Kind, inv.Input)
		}
		for what, least := range c.least {
			if n := strings.Count(all.String(), what); n < least {
				t.Errorf("%s: %d times %s, want at least %d", m.Name, n, what, least)
			}
		}
	}
}

// Goal: answers that are lost, foreign or out of date do no harm. Method: observe each.
func TestGeneratorsObserveAnything(t *testing.T) {
	each(t, observeAnything)
}

func observeAnything(t *testing.T, m Model) {
	g := m.New(Spec{}, 1)
	key := g.Next(0).Key
	for _, op := range []history.Operation{
		{Key: "unknown", Outcome: history.OutcomeOK},
		{Key: key, Kind: KindRead, Outcome: history.OutcomeFail},
		{Key: key, Kind: KindRead, Outcome: history.OutcomeOK},
		{Key: key, Kind: "append", Outcome: history.OutcomeOK, Input: []byte("{}")},
		{Key: key, Kind: KindRead, Outcome: history.OutcomeOK, Input: []byte("{}"),
			Output: []byte("[")},
	} {
		g.Observe(op)
	}
	g.Next(0)
}

// Goal: memory is bounded however long the run. Method: a million keys come and go; the rotation
// keeps recentKeys of them and those in use.
func TestRotationForgets(t *testing.T) {
	r := newRotation(Spec{Keys: 3, OpsPerKey: 1}, "r")
	for i := range 1_000_000 {
		r.take(i % 3)
	}
	if len(r.retired) != recentKeys || cap(r.retired) > 2*recentKeys || len(r.inUse) != 3 {
		t.Errorf("%d retired keys, %d in use", len(r.retired), len(r.inUse))
	}
	keys := r.used()
	if last := keys[recentKeys]; len(keys) != recentKeys+3 || last != "r999999" {
		t.Errorf("%d keys, the latest %s", len(keys), last)
	}
}

// Goal: every broken bound is reported, all at once. Method: each alone, and the empty one.
func TestSpecValid(t *testing.T) {
	good := Spec{Clients: 1, Rate: 0, Keys: 1, OpsPerKey: 1}
	if err := good.Valid(); err != nil {
		t.Error(err)
	}
	for _, rate := range []float64{-1, math.NaN(), math.Inf(1), 2 * maxRate} {
		bad := good
		if bad.Rate = rate; bad.Valid() == nil {
			t.Errorf("a rate of %v is valid", rate)
		}
	}
	want := "clients is 0, want >= 1\nkeys is 0, want >= 1\nops-per-key is 0, want >= 1"
	if err := (Spec{}).Valid(); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

// Goal: a store's odd replies are errors, never a value. Method: each alone.
func TestOutputsRefuse(t *testing.T) {
	found := func(text string) Reply { return Reply{Found: true, Value: []byte(text)} }
	read := Invocation{Kind: KindRead, Key: "k", Input: []byte("{}")}
	txn := Invocation{Kind: KindTxn, Key: "k", Input: []byte(`{"steps":[["read","a"]]}`)}
	for _, c := range []struct {
		model string
		inv   Invocation
		reply Reply
	}{
		{ModelRegister, read, found("")}, {ModelRegister, read, found("1,")},
		{ModelRegister, read, found("+1")}, {ModelAppend, read, found("1")},
		{ModelAppend, read, found(",")}, {ModelAppend, read, found("01,")},
		{ModelCounter, read, found("1,")}, {ModelTxn, txn, Reply{}},
		{ModelCounter, Invocation{Kind: KindAdd, Key: "k", Input: []byte(`{"delta":1}`)}, Reply{}},
		{ModelTxn, txn, Reply{Steps: []Reply{found("x,")}}},
		{ModelTxn, txn, Reply{Steps: []Reply{{}, {}}}},
	} {
		m, err := Find(c.model)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := m.Output(c.inv, c.reply); err == nil {
			t.Errorf("%s: %+v was taken for %s", c.model, c.reply, out)
		}
	}
	if _, err := Find("queue"); err == nil {
		t.Error("there is a queue")
	}
}

// Goal: an operation of every model reads like a sentence of its own, and one that makes no sense
// is not hidden. Method: each form, by the letter.
func TestDescribe(t *testing.T) {
	for _, c := range []struct {
		model, kind, input, output string
		outcome                    history.Outcome
		want                       string
	}{
		{"register", "read", `{}`, `{"value":null}`, "ok", "read: nothing"},
		{"register", "write", `{"value":5}`, `{}`, "ok", "write 5: acknowledged"},
		{"register", "cas", `{"expected":null,"value":5}`, `{"swapped":true}`, "ok",
			"cas nothing → 5: swapped"},
		{"register", "cas", `{"expected":4,"value":5}`, `{"swapped":false,"current":7}`, "ok",
			"cas 4 → 5: not swapped, is 7"},
		{"register", "write", `{"value":5}`, ``, "info", "write 5: no answer"},
		{"register", "write", `{"value":5}`, ``, "", "write 5: no answer"},
		{"register", "write", `{"value":5}`, ``, "fail", "write 5: refused"},
		{"register", "write", `{}`, `{}`, "ok", "write {}: {}"},
		{"append", "append", `{"value":5}`, `{}`, "ok", "append 5: acknowledged"},
		{"append", "read", `{}`, `{"values":[3,5]}`, "ok", "read: [3 5]"},
		{"append", "read", `{}`, `{}`, "ok", "read {}: {}"},
		{"counter", "add", `{"delta":-5}`, `{"value":3}`, "ok", "add -5: 3"},
		{"counter", "read", `{}`, `{"value":3}`, "ok", "read: 3"},
		{"txn", "txn", `{"steps":[["read","a"],["append","b",7],["write","b",8],["read","b"]]}`,
			`{"steps":[[],null,null,[8]]}`, "ok",
			"read a, append 7 to b, write 8 to b, read b: a [], b [8]"},
		{"txn", "txn", `{"steps":[["write","b",8]]}`, `{"steps":[null]}`, "ok",
			"write 8 to b: acknowledged"},
		{"txn", "txn", `{"steps":[["write","b",8]]}`, ``, "info", "write 8 to b: no answer"},
		{"txn", "txn", `{"steps":[["read","b"]]}`, `{"steps":[[1],[2]]}`, "ok",
			`txn {"steps":[["read","b"]]}: {"steps":[[1],[2]]}`},
		{"queue", "push", `{"value":5}`, `{}`, "ok", `push {"value":5}: {}`},
	} {
		m, _ := Find(c.model)
		asked, answered := m.Describe(history.Operation{Kind: c.kind, Input: []byte(c.input),
			Output: []byte(c.output), Outcome: c.outcome})
		if got := asked + ": " + answered; got != c.want {
			t.Errorf("%s: got %s, want %s", c.model, got, c.want)
		}
	}
}
