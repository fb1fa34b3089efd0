package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/workload"
)

// sample is a made-up run: five nodes, ten clients on a true register, four faults during which
// the clients of the hit nodes get no answers. It is deterministic.
type sample struct {
	header  history.Header
	ops     []history.Operation
	faults  []history.Fault
	seen    []history.Observation
	phases  []history.Phase
	results checker.Results
}

const second = time.Second

func newSample() *sample {
	s := &sample{
		header: history.Header{
			Version: history.Version, Run: "5eed0001", Suite: "smoke", Seed: 7,
			Nodes: []string{"n1", "n2", "n3", "n4", "n5"}, Started: time.Unix(1790000000, 0).UTC(),
		},
		phases: []history.Phase{{Name: "deploy", At: 100 * time.Millisecond},
			{Name: checker.PhaseWarmUp, At: 2 * second}, {Name: checker.PhaseLoad, At: 5 * second},
			{Name: checker.PhaseHeal, At: 40 * second},
			{Name: checker.PhaseRecovery, At: 41 * second},
			{Name: checker.PhaseFinalReads, At: 49 * second}},
	}
	s.fault(1, "partition", "isolate-leader", "n2", 7*second, 11*second)
	s.fault(2, "pause", "", "n4", 13*second, 16*second)
	s.fault(3, "partition", "one-way-in-leader", "n1", 18*second, 22*second)
	s.fault(4, "partition", "majority-minority", "n3", 20*second, 25*second)
	s.fault(5, "kill", "", "n5", 30*second, 32*second)
	for term, reign := range []struct {
		node     string
		from, to time.Duration
	}{{"n2", 2, 9}, {"n1", 8, 20}, {"n4", 19, 50}} {
		for at := reign.from * second; at < reign.to*second; at += second / 4 {
			s.seen = append(s.seen, history.Observation{Node: reign.node, At: at,
				Term: uint64(term + 1), Role: history.RoleLeader, Source: "status"})
		}
	}
	s.work()
	return s
}

func (s *sample) fault(id int, kind, shape, host string, from, to time.Duration) {
	f := history.Fault{ID: id, Kind: kind, Shape: shape, Hosts: []string{host}, Start: from,
		Stop: to, Stage: history.StageResumed, PlannedStart: from, PlannedStop: to}
	if shape == "" {
		f.Role = "any"
	}
	for _, moment := range []string{"start", "end"} {
		e := history.Evidence{Host: host, Moment: moment, What: "process state", Value: "T",
			Bit: true}
		if kind == "partition" {
			e.What, e.Value = "dropped packets", fmt.Sprint(id*len(moment)*7)
		}
		f.Evidence = append(f.Evidence, e)
	}
	s.faults = append(s.faults, f)
}

// work runs the clients: one operation at a time each, against registers that are real.
func (s *sample) work() {
	random := rand.New(rand.NewPCG(1, 2))
	state, next := map[string]*int64{}, int64(1)
	free := make([]time.Duration, 10)
	process := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for at := 2 * second; at < 49*second; at += 5 * time.Millisecond {
		client := random.IntN(len(free))
		if free[client] > at {
			continue
		}
		node := s.header.Nodes[client%5]
		op := history.Operation{Process: process[client], Node: node, Call: at,
			Key: fmt.Sprintf("r%d", int(at/(second/2))), Outcome: history.OutcomeOK,
			Return: at + time.Duration(1+random.IntN(6))*time.Millisecond}
		var in workload.RegisterInput
		var out workload.RegisterOutput
		op.Kind = []string{"read", "write", "cas"}[random.IntN(3)]
		if !s.answers(node, at) {
			op.Return, op.Outcome, op.Error = at+second, history.OutcomeInfo, "no answer within 1s"
			if op.Kind == "read" {
				op.Outcome = history.OutcomeFail
			} else {
				process[client] += 10
			}
		} else if op.Kind == "read" {
			out.Value = state[op.Key]
		}
		value, before := next, state[op.Key]
		in.Value, in.Expected = &value, before
		next++
		swapped := true
		out.Swapped = &swapped
		if op.Outcome == history.OutcomeOK && op.Kind != "read" {
			state[op.Key] = &value
		}
		op.Input = in.Encode(op.Kind)
		if op.Outcome == history.OutcomeOK {
			op.Output = out.Encode(op.Kind)
		}
		free[client] = op.Return
		if op.Outcome == history.OutcomeOK {
			// One after the other, so that the state is the truth.
			op.Return = at + 2*time.Millisecond
		}
		s.ops = append(s.ops, op)
	}
	s.readFinally(state)
}

// readFinally reads the last register once more, as the last phase of a run does.
func (s *sample) readFinally(state map[string]*int64) {
	op := history.Operation{Process: 10_000, Node: "n1", Kind: "read", Key: "r97",
		Call: 49*second + time.Millisecond, Return: 49*second + 2*time.Millisecond,
		Outcome: history.OutcomeOK}
	op.Input = workload.RegisterInput{}.Encode(op.Kind)
	op.Output = workload.RegisterOutput{Value: state[op.Key]}.Encode(op.Kind)
	s.ops = append(s.ops, op)
}

// answers tells whether a node serves: not while hit, and nobody just after a leader was.
func (s *sample) answers(node string, at time.Duration) bool {
	for _, f := range s.faults {
		if f.Hosts[0] == node && at > f.Start-second/10 && at < f.Stop+second/5 {
			return false
		}
		if f.ID%2 == 1 && at > f.Start && at < f.Start+900*time.Millisecond {
			return false
		}
	}
	return true
}

// bend makes the last but few reads of a key return a value that had been overwritten.
func (s *sample) bend() {
	var overwritten json.RawMessage
	for i, op := range s.ops {
		if op.Key != "r40" || op.Outcome != history.OutcomeOK || op.Kind != "read" {
			continue
		}
		if overwritten == nil {
			overwritten = op.Output
		} else if !bytes.Equal(overwritten, op.Output) {
			s.ops[i].Output = overwritten
			return
		}
	}
}

// split lets a second node lead the second term, as its log knew.
func (s *sample) split() {
	for at := 18 * second; at < 21*second; at += second / 4 {
		s.seen = append(s.seen, history.Observation{Node: "n5", At: at, Term: 2,
			Role: history.RoleLeader, Source: "status"})
	}
}

// judge runs the real checker over what was made up.
func (s *sample) judge(t testing.TB) {
	h, err := history.Read(bytes.NewReader(s.jsonl()))
	if err != nil {
		t.Fatal(err)
	}
	var keys []checker.KeyResult
	for _, key := range checker.Partition(h) {
		keys = append(keys, checker.Linearizable(workload.ModelRegister, key.Operations, time.Minute))
	}
	s.results = checker.Results{Version: checker.Version, Run: s.header.Run, Suite: s.header.Suite,
		Place: "lab", Seed: s.header.Seed, Summary: checker.Summarise(h),
		Checks: []checker.Result{checker.Combine(keys), checker.LeaderPerTerm(h)},
		Gates: checker.Requirements(h, checker.Require{OKPerKind: 200,
			AvailableAfterHeal: 6 * second, MinFaults: map[string]int{"partition": 3, "pause": 1}})}
	s.results.Decide()
}

// dir is the run directory, judged.
func (s *sample) dir(t testing.TB) fstest.MapFS {
	s.judge(t)
	results, err := json.MarshalIndent(s.results, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		HistoryFile:            {Data: s.jsonl()},
		ResultsFile:            {Data: results},
		SuiteFile:              {Data: []byte("name: smoke\nplace: lab\nseed: 7\n")},
		NodesDir + "/n1/a.log": {Data: []byte("started\n")},
	}
}

// jsonl writes the history as the recorder would have.
func (s *sample) jsonl() []byte {
	type line struct {
		at   time.Duration
		data []byte
	}
	var lines []line
	add := func(at time.Duration, kind string, of any) {
		data, err := json.Marshal(of)
		if err != nil {
			panic(err)
		}
		start := fmt.Sprintf(`{"type":%q,`, kind)
		lines = append(lines, line{at, append([]byte(start), data[1:]...)})
	}
	for i, op := range s.ops {
		id := int64(i + 1)
		add(op.Call, "invoke", map[string]any{"time": op.Call, "id": id, "process": op.Process,
			"node": op.Node, "kind": op.Kind, "key": op.Key, "input": op.Input})
		back := map[string]any{"time": op.Return, "id": id, "process": op.Process,
			"outcome": op.Outcome, "error": op.Error}
		if op.Output != nil {
			back["output"] = op.Output
		}
		add(op.Return, "return", back)
	}
	for _, f := range s.faults {
		add(max(f.Start, f.Stop), "fault", f)
	}
	for _, o := range s.seen {
		add(o.At, "observation", o)
	}
	for _, p := range s.phases {
		add(p.At, "phase", p)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	header, err := json.Marshal(s.header)
	if err != nil {
		panic(err)
	}
	out := append([]byte(`{"type":"header",`), header[1:]...)
	out = append(out, '\n')
	for _, l := range lines {
		out = append(append(out, l.data...), '\n')
	}
	return out
}
