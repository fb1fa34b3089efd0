package schedule_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"gauntlet/nemesis"
	"gauntlet/sim/schedule"
)

func encode(t testing.TB, s *schedule.Schedule) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// concrete is a valid schedule with everything in it, whatever seeds mean.
func concrete() *schedule.Schedule {
	return &schedule.Schedule{
		Version: schedule.Version, Seed: 1,
		Options: schedule.Options{
			Nodes: 5,
			Raft: schedule.Raft{ElectionTimeoutMin: 300e6, ElectionTimeoutMax: 600e6,
				HeartbeatInterval: 50e6, PreVote: true, CheckQuorum: true, MaxAppendBytes: 1000},
			Network: schedule.Network{DelayMin: 1e6, DelayMax: 2e6, TailPPM: 10, TailMax: 90e6,
				LossPPM: 5},
			Disk:  schedule.Disk{SyncMin: 1e6, SyncMax: 3e6, SegmentBytes: 4096},
			Clock: schedule.Clock{DriftPPM: 50, Offset: time.Minute},
			Workload: schedule.Workload{Kind: "register", Clients: 5, Keys: 1, OpsPerKey: 16,
				ThinkMin: 185e6, ThinkMax: 555e6, Timeout: time.Second, DelayMax: 1e6},
			Load:     12 * time.Second,
			Liveness: schedule.Liveness{Within: 40, Core: []int{0, 2, 4}, Others: "dead"},
		},
		Faults: nemesis.Plan{
			{ID: 3, At: 5, For: 1e9, Kind: nemesis.KindPartition, Shape: nemesis.ShapeIsolateOne},
			{ID: 7, At: 1e9, For: 2e9, Kind: nemesis.KindBitRot, Role: nemesis.RoleAny,
				Stream: 1 << 63},
		},
		Operations: []schedule.Operation{
			{Worker: 4, At: 7, Kind: "write", Key: "r0", Input: json.RawMessage(`{"value":3}`)},
			{Worker: 0, At: 5, Kind: "read", Key: "r<0>", Input: json.RawMessage(`{}`)},
			{Worker: 4, At: 7, Kind: "cas", Key: "\u2028\"\\", Input: json.RawMessage(
				`{"expected":3,"value":-4}`)},
		},
		Expect: &schedule.Expect{Signature: "two-leaders", TraceHash: "00000000000000ab"},
	}
}

// Goal: a schedule comes back from its file as it was, and its text is the only one.
// Method: all of FromSeed's kinds, and one with operations, through Encode and Decode twice.
func TestRoundTrip(t *testing.T) {
	all := []*schedule.Schedule{concrete()}
	for seed := range uint64(300) {
		all = append(all, schedule.FromSeed(seed))
	}
	none := schedule.FromSeed(7)
	none.Operations = []schedule.Operation{} // none at all, which is not the same as drawn
	for _, s := range append(all, none) {
		text := encode(t, s)
		back, err := schedule.Decode("s.json", []byte(text))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !reflect.DeepEqual(s, back) {
			t.Fatalf("not what came back:\n%s", text)
		}
		if again := encode(t, back); again != text {
			t.Fatalf("two texts of one schedule:\n%s\n%s", text, again)
		}
	}
}

// Goal: a file says what it says on few lines, and a change of one fault changes one.
// Method: the text of a small schedule, written down once.
func TestLayout(t *testing.T) {
	text := encode(t, concrete())
	for _, want := range []string{
		"{\n \"version\": 1,\n \"seed\": 1,\n \"options\": {\n  \"nodes\": 5,\n  \"raft\": {\"election",
		"\n  \"liveness\": {\"within\":40,\"core\":[0,2,4],\"others\":\"dead\"}\n },\n",
		"\n \"faults\": [\n  {\"id\":3,\"at\":5,\"for\":1000000000,\"kind\":\"partition\"," +
			"\"shape\":\"isolate-one\",\"stream\":0},\n  {\"id\":7,",
		"\n  {\"worker\":0,\"at\":5,\"kind\":\"read\",\"key\":\"r<0>\",\"input\":{}},\n",
		"\n \"expect\": {\n  \"signature\": \"two-leaders\",\n" +
			"  \"traceHash\": \"00000000000000ab\"\n }\n}\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	s := concrete()
	s.Operations, s.Faults, s.Expect = nil, nil, nil
	text = encode(t, s)
	if want := "\n \"faults\": [],\n \"operations\": null\n}\n"; !strings.HasSuffix(text, want) {
		t.Errorf("%q does not end\n%s", want, text)
	}
}

// Goal: whatever is strange about a file is refused in one line that says where.
// Method: small edits of a good one.
func TestDecodeRefuses(t *testing.T) {
	good := encode(t, concrete())
	for _, c := range []struct{ old, new, want string }{
		{`"version": 1`, `"version": 2`, "s.json:2: version 2 is newer than 1"},
		{`"version": 1`, `"version": "1"`, "s.json:2: version must be 1"},
		{` "version": 1,`, ``, "s.json: version must be 1"},
		{`"seed": 1`, `"seed": -1`, "s.json:3: seed must be an integer from 0"},
		{`"seed": 1`, `"seed": 1, "Seed": 1`, "s.json:3: Seed is unknown"},
		{`"seed": 1`, `"seed": 1,` + "\n" + `"seed": 1`, "s.json:4: seed is there twice"},
		{`"nodes": 5`, `"nodes": 5, "size": 7`, "s.json:5: options.size is unknown\n  hint: known"},
		{`"nodes": 5`, `"nodes": "5"`, "s.json:5: options.nodes must be an integer, not string"},
		{`"nodes": 5`, `"nodes": 10`, "s.json:5: options.nodes is 10, want 1 to 9"},
		{`"nodes": 5`, `"nodes": 5.5`, "s.json:5: "},
		{`"stream":0`, `"stream":0,"who":1`, "s.json:16: faults[0].who is unknown"},
		{`"value":3`, `"value":3,"value":3`, "s.json:20: operations[0].input.value is there twice"},
		{`"expected":3,`, ``, "s.json:22: operations[2] is no operation on a register: cas input"},
		{`"expect": {`, `"expect": {]`, "s.json:24: not JSON: invalid character ']'"},
		{"}\n}\n", "}\n}\n{}", "s.json:29: not JSON: invalid character '{' after top-level value"},
		{"}\n}\n", "", "not JSON: unexpected end"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		_, err := schedule.Decode("s.json", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), c.want) && !strings.Contains(c.want, "end") {
			t.Errorf("%q for %q: %v, want %q", c.new, c.old, err, c.want)
		}
	}
	for _, text := range []string{"", "[]", "null", `{"version":1}`, strings.Repeat("[", 1e6)} {
		if _, err := schedule.Decode("s.json", []byte(text)); err == nil {
			t.Errorf("%.20q was taken for a schedule", text)
		}
	}
}

// Goal: all problems of a file are told at once, and no flood of them.
func TestDecodeTellsAll(t *testing.T) {
	s := concrete()
	s.Options.Nodes, s.Options.Load, s.Options.Workload.Kind = 0, 0, "queue"
	_, err := schedule.Decode("s.json", []byte(encode(t, s)))
	want := "s.json:5: options.nodes is 0, want 1 to 9\n" +
		"s.json:10: options.workload.kind is \"queue\", which is unknown\n" +
		"  hint: known: register, append, counter, txn\n" +
		"s.json:12: options.load is 0s, want 1ms to 1h0m0s"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	s = concrete()
	for range 1000 {
		s.Operations = append(s.Operations, schedule.Operation{Worker: 99})
	}
	if problems := s.Valid().(schedule.Problems); len(problems) > 100 {
		t.Errorf("%d problems at once", len(problems))
	}
}

// Goal: files are written and read, and one that is not there is named.
func TestReadAndWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "schedule.json")
	if err := concrete().Write(path); err != nil {
		t.Fatal(err)
	}
	s, err := schedule.Read(path)
	if err != nil || !reflect.DeepEqual(s, concrete()) {
		t.Errorf("%+v, %v", s, err)
	}
	if err := os.WriteFile(path, []byte("{\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := schedule.Read(path); err == nil || !strings.HasPrefix(err.Error(), path+":3: ") {
		t.Errorf("error %v does not say where", err)
	}
	if _, err := schedule.Read(path + "x"); err == nil || !strings.Contains(err.Error(), path+"x") {
		t.Errorf("error %v does not name the file", err)
	}
}

// Goal: no text makes Decode panic, and what it takes is valid and has one text.
// Method: fuzzing, from a good text and a bad one.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(encode(f, concrete())))
	f.Add([]byte(`{"version":1,"version":2,"faults":[{"at":"x"}],"expect":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := schedule.Decode("s.json", text)
		if err != nil {
			if _, ok := err.(schedule.Problems); !ok || err.Error() == "" {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if err := s.Valid(); err != nil {
			t.Fatal(err)
		}
		once := encode(t, s)
		back, err := schedule.Decode("s.json", []byte(once))
		if err != nil {
			t.Fatalf("%v in\n%s", err, once)
		}
		if again := encode(t, back); again != once {
			t.Fatalf("two texts:\n%s\n%s", once, again)
		}
	})
}

// BenchmarkDecode is the price of a file of a thousand operations.
func BenchmarkDecode(b *testing.B) {
	s := concrete()
	s.Operations = nil
	for i := range 1000 {
		s.Operations = append(s.Operations, schedule.Operation{Worker: i % 5, At: time.Duration(i),
			Kind: "write", Key: fmt.Sprint("r", i/100), Input: json.RawMessage(`{"value":3}`)})
	}
	text := []byte(encode(b, s))
	for b.Loop() {
		if _, err := schedule.Decode("s.json", text); err != nil {
			b.Fatal(err)
		}
	}
}
