package workload

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"gauntlet/chance"
	"gauntlet/history"
)

// store is a perfect register store.
type store map[string]*int64

// apply answers an invocation as a correct node would.
func (s store) apply(t interface{ Fatal(...any) }, inv Invocation) history.Operation {
	in, err := DecodeRegisterInput(inv.Kind, inv.Input)
	if err != nil {
		t.Fatal(err)
	}
	var out RegisterOutput
	current := s[inv.Key]
	switch inv.Kind {
	case KindRead:
		out.Value = current
	case KindWrite:
		s[inv.Key] = in.Value
	case KindCAS:
		same := current == in.Expected ||
			current != nil && in.Expected != nil && *current == *in.Expected
		if out.Swapped = &same; same {
			s[inv.Key] = in.Value
		} else {
			out.Current = current
		}
	}
	return history.Operation{Kind: inv.Kind, Key: inv.Key, Input: inv.Input,
		Outcome: history.OutcomeOK, Output: out.Encode(inv.Kind)}
}

// Goal: the generator is a function of its seed and of what it has seen. Method: two generators
// under the same random calls agree; the same with another seed does not.
func TestRegisterIsDeterministic(t *testing.T) {
	spec := Spec{Clients: 4, Keys: 3, OpsPerKey: 7}
	sequence := func(seed uint64) string {
		var b strings.Builder
		g, s, order := NewRegister(spec, seed), store{}, chance.New(9, "order", 0)
		for range 500 {
			worker := order.Intn(spec.Clients)
			inv := g.Next(worker)
			fmt.Fprintln(&b, worker, inv.Kind, inv.Key, string(inv.Input))
			g.Observe(s.apply(t, inv))
		}
		return b.String()
	}
	if diff := cmp.Diff(sequence(1), sequence(1)); diff != "" {
		t.Error(diff)
	}
	if sequence(1) == sequence(2) {
		t.Error("seeds 1 and 2 give the same requests")
	}
}

// Goal: what one worker draws and writes does not hang on how often the others are called. Method:
// worker 0 alone, and worker 0 with the others in between; kinds and written values agree.
func TestRegisterWorkersAreIndependent(t *testing.T) {
	spec := Spec{Clients: 3, Keys: 2, OpsPerKey: 1 << 30}
	sequence := func(others int) (lines []string) {
		g := NewRegister(spec, 5)
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
}

// Goal: written values are positive and never repeat; no key takes more than its share; keys are
// numbered without gaps; the final reads cover each key in use and the latest retired, once.
// Method: random specifications and call orders.
func TestRegisterProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{
			Clients:   rapid.IntRange(1, 8).Draw(t, "clients"),
			Keys:      rapid.IntRange(1, 6).Draw(t, "keys"),
			OpsPerKey: rapid.IntRange(1, 20).Draw(t, "opsPerKey"),
		}
		g := NewRegister(spec, rapid.Uint64().Draw(t, "seed"))
		written, requests, s := map[int64]bool{}, map[string]int{}, store{}
		for range rapid.IntRange(0, 800).Draw(t, "requests") {
			inv := g.Next(rapid.IntRange(0, spec.Clients-1).Draw(t, "worker"))
			if requests[inv.Key]++; requests[inv.Key] > spec.OpsPerKey {
				t.Fatalf("%s was asked %d times", inv.Key, requests[inv.Key])
			}
			in, err := DecodeRegisterInput(inv.Kind, inv.Input)
			if err != nil {
				t.Fatal(err)
			}
			if inv.Kind != KindRead {
				if *in.Value <= 0 || written[*in.Value] {
					t.Fatalf("value %d, written before: %t", *in.Value, written[*in.Value])
				}
				written[*in.Value] = true
			}
			if rapid.Bool().Draw(t, "answered") {
				g.Observe(s.apply(t, inv))
			}
		}
		final := map[string]bool{}
		for _, inv := range g.Final() {
			if inv.Kind != KindRead || final[inv.Key] || requests[inv.Key] == 0 {
				t.Fatalf("final %s of %s, repeated: %t", inv.Kind, inv.Key, final[inv.Key])
			}
			final[inv.Key] = true
		}
		if want := min(len(requests), recentKeys); len(final) < want {
			t.Fatalf("%d final reads for %d keys", len(final), len(requests))
		}
	})
}

// Goal: each kind, swapping and failing compare-and-sets, and creations all occur often; the load
// means little otherwise. Method: 10,000 requests to a perfect store, 100 to a key.
func TestRegisterMix(t *testing.T) {
	spec := Spec{Clients: 10, Keys: 5, OpsPerKey: 100}
	g, s, counts := NewRegister(spec, 1), store{}, map[string]int{}
	for i := range 10_000 {
		inv := g.Next(i % spec.Clients)
		op := s.apply(t, inv)
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

// Goal: answers that are lost, foreign or out of date do no harm. Method: observe each.
func TestRegisterObservesAnything(t *testing.T) {
	g := NewRegister(Spec{}, 1)
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

// Goal: memory is bounded however long the run. Method: a million keys come and go; the generator
// keeps recentKeys of them and those in use.
func TestRegisterForgets(t *testing.T) {
	g := NewRegister(Spec{Clients: 1, Keys: 3, OpsPerKey: 1}, 1).(*registers)
	for range 1_000_000 {
		g.Next(0)
	}
	if len(g.retired) != recentKeys || cap(g.retired) > 2*recentKeys || len(g.inUse) != 3 {
		t.Errorf("%d retired keys, %d in use", len(g.retired), len(g.inUse))
	}
	final := g.Final()
	if last := final[len(final)-1].Key; len(final) != recentKeys+3 || len(last) != len("r999999") {
		t.Errorf("%d final reads, the last of %s", len(final), last)
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
