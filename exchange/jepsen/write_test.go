package jepsen_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"gauntlet/exchange/jepsen"
	"gauntlet/history"
	"gauntlet/workload"
)

// random makes a history of registers; with ties some stamps are equal.
func random(r *rand.Rand, keys []string, ties bool) *history.History {
	h := &history.History{}
	now := time.Duration(0)
	tick := func() time.Duration {
		if !ties || r.IntN(2) == 0 {
			now += time.Duration(1 + r.IntN(50))
		}
		return now
	}
	open := map[int]int{} // process to operation
	fresh := 4
	workers := []int{0, 1, 2, 3}
	for range 60 {
		w := r.IntN(len(workers))
		p := workers[w]
		i, busy := open[p]
		if !busy {
			open[p] = len(h.Operations)
			kind := []string{"read", "write", "cas"}[r.IntN(3)]
			a, b := r.Int64N(5), r.Int64N(5)
			in := workload.RegisterInput{Value: &a}
			if r.IntN(2) == 0 {
				in.Expected = &b
			}
			h.Operations = append(h.Operations, history.Operation{
				ID: int64(len(h.Operations) + 1), Process: p, Kind: kind,
				Node: fmt.Sprintf("n%d", len(h.Operations)), // tells them apart
				Key:  keys[r.IntN(len(keys))], Input: in.Encode(kind), Call: tick(),
			})
			continue
		}
		delete(open, p)
		op := &h.Operations[i]
		op.Return, op.Outcome = tick(), history.OutcomeOK
		switch v := r.Int64N(8); {
		case v == 0:
			op.Outcome, op.Error = history.OutcomeFail, "refused"
		case v == 1 && op.Kind != "read":
			op.Outcome, op.Error = history.OutcomeInfo, "no answer within 1s"
			workers[w], fresh = fresh, fresh+1
		default:
			swapped := v%2 == 0
			out := workload.RegisterOutput{Value: &v, Swapped: &swapped, Silent: v == 3}
			if v > 4 {
				out.Current = &v
			}
			op.Output = out.Encode(op.Kind)
		}
	}
	for i := range h.Operations {
		if op := &h.Operations[i]; op.Outcome == "" {
			now++
			op.Outcome, op.Return = history.OutcomeInfo, now
			if op.Kind == "read" {
				op.Outcome = history.OutcomeFail
			}
			op.Error = "no answer"
		}
	}
	return h
}

// rewritten is a history after a journey through EDN.
func rewritten(t *testing.T, h *history.History) *history.History {
	t.Helper()
	var text bytes.Buffer
	if err := jepsen.Write(&text, h); err != nil {
		t.Fatal(err)
	}
	return read(t, "register", text.String())
}

// Goal: nothing of a register's history is lost on the way to Jepsen's form and back.
// Method: random histories without equal times, with and without keys, compared as a whole.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		keys := [][]string{{""}, {"r0", "r1"}}[seed%2]
		h := random(r, keys, false)
		if err := h.Valid(); err != nil {
			t.Fatal(err)
		}
		got := rewritten(t, h)
		if !reflect.DeepEqual(got.Operations, h.Operations) {
			t.Fatalf("seed %d:\n%swant:\n%s", seed, lines(got), lines(h))
		}
	}
}

// Goal: where times are equal, writing keeps what surely came before what, and adds nothing between
// a call and a return of one instant but what processes do one after another.
func TestRoundTripOfEqualTimes(t *testing.T) {
	for seed := range uint64(200) {
		h := random(rand.New(rand.NewPCG(seed, 1)), []string{""}, true)
		got := map[string]history.Operation{}
		for _, op := range rewritten(t, h).Operations {
			got[op.Node] = op
		}
		for _, a := range h.Operations {
			for _, b := range h.Operations {
				before := a.Return < b.Call
				after := got[a.Node].Return < got[b.Node].Call
				if before && !after {
					t.Fatalf("seed %d: operation %d is no longer before %d", seed, a.ID, b.ID)
				}
			}
		}
	}
}

// Goal: what happens at one instant stays concurrent as far as one order allows.
// Method: three operations around the instant 5, of which two belong to one process.
func TestInstant(t *testing.T) {
	op := func(id, process int, call, ret time.Duration) history.Operation {
		return history.Operation{ID: int64(id), Process: process, Kind: "read", Call: call,
			Return: ret, Outcome: "fail", Input: json.RawMessage("{}"), Node: fmt.Sprint(id)}
	}
	for _, test := range []struct {
		ops  []history.Operation
		a, b string // must overlap
	}{
		{[]history.Operation{op(1, 0, 1, 5), op(2, 0, 5, 7), op(3, 1, 5, 7)}, "1", "3"},
		{[]history.Operation{op(1, 0, 1, 5), op(2, 1, 2, 5), op(3, 1, 5, 7)}, "1", "3"},
		{[]history.Operation{op(1, 0, 1, 5), op(2, 1, 5, 5)}, "1", "2"},
	} {
		got := map[string]history.Operation{}
		for _, op := range rewritten(t, &history.History{Operations: test.ops}).Operations {
			got[op.Node] = op
		}
		if a, b := got[test.a], got[test.b]; a.Return < b.Call || b.Return < a.Call {
			t.Errorf("%v: operations %s and %s no longer overlap", got, test.a, test.b)
		}
	}
}

// Goal: the other models are put as Jepsen's and Elle's checkers want them.
func TestWriteModels(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	op := func(kind, key, in, out string) history.Operation {
		return history.Operation{ID: 1, Kind: kind, Key: key, Input: raw(in), Output: raw(out),
			Outcome: "ok", Call: 1, Return: 2}
	}
	const before = "{:index 0, :time 1, :type :invoke, :process 0, :f "
	const after = "{:index 1, :time 2, :type :ok, :process 0, :f "
	for _, test := range []struct {
		op              history.Operation
		asked, answered string
	}{
		{op("append", "a", `{"value":17}`, "{}"), `:txn, :value [[:append "a" 17]]`, ""},
		{op("read", "a", `{}`, `{"values":[3,17]}`), `:txn, :value [[:r "a" nil]]`,
			`:txn, :value [[:r "a" [3 17]]]`},
		{op("txn", "g", `{"steps":[["read","g.0"],["append","g.1",7],["write","g.2",5]]}`,
			`{"steps":[[1],null,null]}`),
			`:txn, :value [[:r "g.0" nil] [:append "g.1" 7] [:w "g.2" 5]]`,
			`:txn, :value [[:r "g.0" [1]] [:append "g.1" 7] [:w "g.2" 5]]`},
		{op("add", "c", `{"delta":3}`, `{"value":8}`), `:add, :value ["c" 3]`, ""},
		{op("read", "", `{}`, `{"value":8}`), `:read, :value nil`, `:read, :value 8`},
		{op("enqueue", "", `17`, `null`), `:enqueue, :value 17`, `:enqueue, :value nil`},
		{op("txn", "", `[["r","x",null]]`, `[["r","x",3]]`), `:txn, :value [[:r "x" nil]]`,
			`:txn, :value [[:r "x" 3]]`},
		{op("txn", "", `{"steps":[["read","x"]]}`, `{"steps":[[1],[2]]}`),
			`:txn, :value {:steps [["read" "x"]]}`, `:txn, :value {:steps [[1] [2]]}`},
		{op("cas", "", `{"expected":null,"value":2}`, `{"swapped":true}`),
			`:cas, :value [nil 2]`, ""},
	} {
		var text bytes.Buffer
		h := &history.History{Operations: []history.Operation{test.op}}
		if err := jepsen.Write(&text, h); err != nil {
			t.Errorf("%s: %v", test.asked, err)
			continue
		}
		if test.answered == "" {
			test.answered = test.asked
		}
		want := before + test.asked + "}\n" + after + test.answered + "}\n"
		if text.String() != want {
			t.Errorf("got:\n%swant:\n%s", &text, want)
		}
		read(t, "any", text.String())
	}
}

// Goal: faults stand between the operations of their time, and what others do not know is kept
// beside what they do.
func TestWriteFaultsAndNodes(t *testing.T) {
	h := &history.History{
		Operations: []history.Operation{{
			ID: 1, Kind: "cas", Node: "n1", Outcome: "ok", Call: 5, Return: 15,
			Input:  json.RawMessage(`{"expected":1,"value":2}`),
			Output: json.RawMessage(`{"swapped":false,"current":7}`),
		}, {
			ID: 2, Process: 1, Kind: "write", Outcome: "info", Call: 17, Return: 30, Error: "lost",
			Input: json.RawMessage(`{"value":4}`),
		}},
		Faults: []history.Fault{
			{Kind: "partition", Hosts: []string{"n1"}, Start: 10, Stop: 16},
			{Kind: "pause", Error: "never in force"},
		},
	}
	var text bytes.Buffer
	if err := jepsen.Write(&text, h); err != nil {
		t.Fatal(err)
	}
	fault := func(index, at, what string) string {
		return "{:index " + index + ", :time " + at + ", :type :info, :process :nemesis, :f :" +
			what + `-partition, :value ["n1"]}`
	}
	want := strings.Join([]string{
		`{:index 0, :time 5, :type :invoke, :process 0, :f :cas, :value [1 2], :node "n1"}`,
		fault("1", "10", "start"), fault("2", "10", "start"),
		`{:index 3, :time 15, :type :fail, :process 0, :f :cas, :value [1 2], :gauntlet/found 7}`,
		fault("4", "16", "stop"), fault("5", "16", "stop"),
		`{:index 6, :time 17, :type :invoke, :process 1, :f :write, :value 4}`,
		`{:index 7, :time 30, :type :info, :process 1, :f :write, :value 4, :error "lost"}`,
	}, "\n") + "\n"
	if text.String() != want {
		t.Errorf("got:\n%swant:\n%s", &text, want)
	}
}
