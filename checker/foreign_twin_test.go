package checker

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// foreignTwin is a model of histories from elsewhere, written down once more in the plainest way:
// state and action are words, every answer is compared, nothing is left out or merged.
type foreignTwin struct {
	model string
	state string
	// ask draws what an operation asks.
	ask func(draw *rand.Rand) (kind, input string)
	// do is what the object answers, and its state afterwards.
	do func(state, kind, input string) (output, next string)
	// agrees reports whether an operation that was told output could have been: nil means that
	// output must be what do says.
	agrees func(output, told string) bool
	// lie draws some other answer; "" is one that cannot be given.
	lie func(draw *rand.Rand, kind, input string) string
}

// impossible is what a twin answers to what cannot happen in a state.
const impossible = "impossible"

var foreignTwins = []foreignTwin{
	{model: "mutex", state: "free", ask: askMutex, do: doMutex, lie: lieMutex},
	{model: "kv", state: `""`, ask: askKV, do: doKV, lie: lieKV},
	{
		model: "multi-register({x 0 y nil})", state: "0 null", ask: askMulti, do: doMulti,
		agrees: agreesMulti, lie: lieMulti,
	},
}

func askMutex(draw *rand.Rand) (kind, input string) {
	return []string{kindAcquire, kindRelease}[draw.IntN(2)], "null"
}

func doMutex(state, kind, _ string) (output, next string) {
	switch {
	case kind == kindAcquire && state == "free":
		return "null", "held"
	case kind == kindRelease && state == "held":
		return "null", "free"
	}
	return impossible, state
}

func lieMutex(*rand.Rand, string, string) string { return "null" }

// Texts are few, so that one is often part of another.
func askKV(draw *rand.Rand) (kind, input string) {
	kind = []string{kindGet, kindGet, kindPut, kindAppend, kindAppend}[draw.IntN(5)]
	if kind == kindGet {
		return kind, "null"
	}
	return kind, []string{`"a"`, `"b"`, `"ab"`, `""`}[draw.IntN(4)]
}

func doKV(state, kind, input string) (output, next string) {
	switch kind {
	case kindGet:
		return state, state
	case kindPut:
		return input, input
	}
	return input, state[:len(state)-1] + input[1:]
}

func lieKV(draw *rand.Rand, kind, input string) string {
	if kind != kindGet {
		return input
	}
	return []string{`""`, `"a"`, `"b"`, `"ab"`, `"ba"`, `"aab"`, "null"}[draw.IntN(7)]
}

func askMulti(draw *rand.Rand) (kind, input string) {
	var steps [][]any
	for range 1 + draw.IntN(3) {
		key := []string{"x", "y"}[draw.IntN(2)]
		if draw.IntN(2) == 0 {
			steps = append(steps, []any{[]string{"r", "read"}[draw.IntN(2)], key, nil})
			continue
		}
		steps = append(steps, []any{[]string{"w", "write"}[draw.IntN(2)], key, draw.IntN(3)})
	}
	text, _ := json.Marshal(steps)
	return "txn", string(text)
}

// stepsOf are the micro-operations of a transaction, null as nil.
func stepsOf(text string) (steps [][]any) {
	_ = json.Unmarshal([]byte(text), &steps)
	return steps
}

func doMulti(state, _, input string) (output, next string) {
	var held [2]string
	_, _ = fmt.Sscan(state, &held[0], &held[1])
	steps := stepsOf(input)
	for _, s := range steps {
		at := &held[s[1].(string)[0]-'x']
		if s[0].(string)[0] == 'w' {
			*at = fmt.Sprint(s[2])
		} else if s[2] = nil; *at != "null" {
			s[2] = (*at)[0] - '0'
		}
	}
	text, _ := json.Marshal(steps)
	return string(text), held[0] + " " + held[1]
}

// agreesMulti lets a read that was told nothing say nothing.
func agreesMulti(output, told string) bool {
	have, want := stepsOf(output), stepsOf(told)
	for i := range want {
		if want[i][2] != nil && fmt.Sprint(have[i][2]) != fmt.Sprint(want[i][2]) {
			return false
		}
	}
	return true
}

func lieMulti(draw *rand.Rand, _, input string) string {
	steps := stepsOf(input)
	for _, s := range steps {
		if s[0].(string)[0] == 'r' {
			s[2] = []any{nil, 0, 1, 2}[draw.IntN(4)]
		}
	}
	text, _ := json.Marshal(steps)
	return string(text)
}

// play makes a history of the object: operations that overlap, take effect in the order of their
// calls or not, lie at times, and are not always answered. Times often meet.
func (f foreignTwin) play(draw *rand.Rand) []history.Operation {
	var ops []history.Operation
	state, at := f.state, time.Duration(0)
	for i := range 1 + draw.IntN(7) {
		at += time.Duration(draw.IntN(3))
		kind, input := f.ask(draw)
		op := history.Operation{
			ID: int64(i + 1), Process: i, Kind: kind, Input: json.RawMessage(input), Call: at,
			Return: at + time.Duration(draw.IntN(6)), Outcome: history.OutcomeOK,
		}
		output, next := f.do(state, kind, input)
		if draw.IntN(4) == 0 || output == impossible {
			output = f.lie(draw, kind, input)
		}
		op.Output = json.RawMessage(output)
		if draw.IntN(6) == 0 {
			op.Outcome, op.Output = history.OutcomeInfo, nil
		}
		if op.Outcome == history.OutcomeOK || draw.IntN(2) == 0 {
			state = next
		}
		ops = append(ops, op)
	}
	return ops
}

// linearizable asks porcupine about the twin.
func (f foreignTwin) linearizable(ops []history.Operation) bool {
	model := porcupine.Model{
		Init: func() any { return f.state },
		Step: func(state, input, _ any) (bool, any) {
			op := input.(history.Operation)
			output, next := f.do(state.(string), op.Kind, string(op.Input))
			if op.Outcome == history.OutcomeInfo {
				return true, next // what cannot happen may as well not happen, and changes nothing
			}
			told := string(op.Output)
			if f.agrees != nil {
				return f.agrees(output, told), next
			}
			if op.Kind == kindGet && told == "null" {
				told = `""`
			}
			return output == told, next
		},
	}
	var list []porcupine.Operation
	for _, op := range ops {
		o := porcupine.Operation{Input: op, Call: int64(op.Call), Return: int64(op.Return)}
		if op.Outcome == history.OutcomeInfo {
			o.Return = int64(forever)
		}
		list = append(list, o)
	}
	return porcupine.CheckOperations(model, list)
}

// Goal: mutexes, strings and groups of registers are judged rightly, whatever the engines leave
// out, merge and reorder on the way.
// Method: random small histories, true and lying, against porcupine over a twin of each model: by
// the engine that is asked first, and by the last one, which is porcupine over the model itself.
func TestForeignModelsAgainstTwins(t *testing.T) {
	const histories = 1_000
	for _, f := range foreignTwins {
		m, err := findModel(f.model)
		if err != nil {
			t.Fatal(err)
		}
		count := map[Verdict]int{}
		for seed := range uint64(histories) {
			ops := f.play(rand.New(rand.NewPCG(seed, 7)))
			want := Invalid
			if f.linearizable(ops) {
				want = Valid
			}
			got := judge(m, ops, time.Minute)
			if got.Verdict != want {
				t.Fatalf("%s, seed %d: %v (%s) by %s, want %v of %s", f.model, seed, got.Verdict,
					got.Reason, got.Engine, want, told(ops))
			}
			last, err := searched(&task{model: m, ops: ops})
			if err != nil || (last.Answer == finding.Linearizable) != (want == Valid) {
				t.Fatalf("%s, seed %d: %v, %v by porcupine, want %v of %s", f.model, seed, last,
					err, want, told(ops))
			}
			count[want]++
		}
		if count[Valid] < histories/10 || count[Invalid] < histories/10 {
			t.Errorf("%s: %v: not balanced", f.model, count)
		}
	}
}

// Goal: where acquires or releases are counted to be too many, they are.
// Method: random histories of a mutex, against porcupine over the twin; most violations have such a
// count.
func TestMutexCounts(t *testing.T) {
	f, counted, invalid := foreignTwins[0], 0, 0
	for seed := range uint64(4_000) {
		ops := f.play(rand.New(rand.NewPCG(seed, 8)))
		effects, err := decode(mutexModel{}, ops)
		if err != nil {
			t.Fatal(err)
		}
		found, valid := tooMany(effects), f.linearizable(ops)
		if found != nil && valid {
			t.Fatalf("seed %d: %s, but it is linearizable: %s", seed, found.Text, told(ops))
		}
		if found != nil {
			counted++
		}
		if !valid {
			invalid++
		}
	}
	if counted < 500 || counted < invalid/2 {
		t.Errorf("%d of %d violations have a count", counted, invalid)
	}
}

func told(ops []history.Operation) (text string) {
	for _, op := range ops {
		text += fmt.Sprintf("\n%d-%d %s %s %s %s", op.Call, op.Return, op.Outcome, op.Kind, op.Input,
			op.Output)
	}
	return text
}
