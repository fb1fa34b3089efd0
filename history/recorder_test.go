package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// childFile names the history that the test binary records until it is killed, when it is started
// again as a child of TestRecorderSurvivesKill.
const childFile = "GAUNTLET_TEST_RECORD_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		if err := recordUntilKilled(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// recordUntilKilled announces each operation on standard output once Invoke has returned.
func recordUntilKilled(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	r, err := NewRecorder(file, Header{Run: "cafe0000"})
	for err == nil {
		var op Operation
		if op, err = r.Invoke(Operation{Node: "n1", Kind: "write", Key: "r0"}); err != nil {
			break
		}
		if _, err = fmt.Println(op.ID); err != nil {
			break
		}
		op.Return, op.Outcome = r.Now(), OutcomeOK
		err = r.Return(op)
	}
	return err
}

// Goal: whatever was announced is in the history after kill -9, which is what keeps a later
// read from seeing a write that nobody recorded. Method: a child process announces operations
// after Invoke and is killed at ten different moments; every announced ID must be in its file,
// which must be readable.
func TestRecorderSurvivesKill(t *testing.T) {
	for round := range 10 {
		path := filepath.Join(t.TempDir(), "history.jsonl")
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childFile+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		announced := int64(0)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &announced); err != nil {
				break // the last line may be torn by the kill
			}
			if announced == int64(20+7*round) {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait() // killed, as intended
		h, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := int64(len(h.Operations)); n < announced || announced == 0 {
			t.Errorf("%d operations announced, %d in the history", announced, n)
		}
		if err := h.Valid(); err != nil {
			t.Error(err)
		}
	}
}

// countingWriter counts writes and checks that each is one whole line.
type countingWriter struct {
	t      *testing.T
	writes int
}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.writes++
	if bytes.Count(b, []byte("\n")) != 1 || b[len(b)-1] != '\n' || !json.Valid(b) {
		w.t.Errorf("not one line of JSON in one write: %q", b)
	}
	if !bytes.HasPrefix(b, []byte(`{"type":"`)) {
		w.t.Errorf("type is not the first key: %q", b)
	}
	return len(b), nil
}

// Goal: one record is one write of one line, whatever its strings hold. Method: a writer that
// checks.
func TestRecorderWritesWholeLines(t *testing.T) {
	w := &countingWriter{t: t}
	r, err := NewRecorder(w, Header{Run: "two\nlines", Suite: "\xff\x00"})
	if err != nil {
		t.Fatal(err)
	}
	op, err := r.Invoke(Operation{Kind: "write", Input: json.RawMessage("{\n\"value\": 1\n}")})
	if err != nil {
		t.Fatal(err)
	}
	op.Outcome, op.Error = OutcomeInfo, "reset\nby <peer>"
	for _, err := range []error{
		r.Return(op), r.Fault(Fault{Stage: StageInjected}), r.Observation(Observation{}),
		r.Phase("load"), r.Err(),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if w.writes != 6 {
		t.Errorf("%d writes for 6 records", w.writes)
	}
}

// Goal: what is recorded is what is read, every field of it. Method: one record of each kind
// with all fields set, compared after a round trip through the file.
func TestRecorderRoundTrip(t *testing.T) {
	var file bytes.Buffer
	started := time.Date(2026, 7, 1, 12, 0, 0, 5, time.UTC)
	header := Header{Run: "cafe0000", Suite: "smoke", Seed: 1<<64 - 1, Nodes: []string{"n1", "n2"},
		Started: started}
	r, err := NewRecorder(&file, header)
	if err != nil {
		t.Fatal(err)
	}
	header.Version = Version
	op, err := r.Invoke(Operation{Process: 3, Node: "n2", Kind: "cas", Key: "r7",
		Input: json.RawMessage(`{"expected":null,"value":9}`)})
	if err != nil {
		t.Fatal(err)
	}
	op.Return, op.Outcome = r.Now(), OutcomeOK
	op.Output = json.RawMessage(`{"swapped":true}`)
	fault := Fault{
		ID: 2, Kind: "partition", Shape: "isolate-leader", Role: "leader", Leader: "n1",
		Hosts: []string{"n1"}, Cuts: []Cut{{From: "n1", To: "n2", Mode: CutPayload}},
		Stage: StageInjected, PlannedStart: 1, PlannedStop: 2, Start: 3, Stop: 4, Resumed: 5,
		Evidence: []Evidence{{Host: "n1", At: 3, Moment: "start", What: "dropped packets",
			Value: "37", Bit: true}},
		Error: "one\nline",
	}
	healed := fault
	healed.Stage = StageHealed
	observation := Observation{Node: "n1", At: 9, Term: 4, Role: RoleLeader, Leader: "n1",
		Commit: 8, Applied: 7, Source: "status"}
	for _, err := range []error{
		r.Return(op), r.Fault(fault), r.Fault(Fault{ID: 1, Stage: StageFailed}), r.Fault(healed),
		r.Observation(observation), r.Phase("load"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Phases) != 1 || got.Phases[0].At < op.Return {
		t.Errorf("phases %v", got.Phases)
	}
	want := &History{
		Header: header, Operations: []Operation{op},
		Faults:       []Fault{{ID: 1, Stage: StageFailed}, healed},
		Observations: []Observation{observation},
		Phases:       []Phase{{Name: "load", At: got.Phases[0].At}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded -, read +:\n%s", diff)
	}
}

// Goal: IDs rise in the order of the calls, also among workers. Method: eight goroutines
// record; the laws hold on what they wrote.
func TestRecorderConcurrent(t *testing.T) {
	var file bytes.Buffer
	r, err := NewRecorder(&file, Header{})
	if err != nil {
		t.Fatal(err)
	}
	var workers sync.WaitGroup
	for process := range 8 {
		workers.Go(func() {
			for range 200 {
				op, err := r.Invoke(Operation{Process: process, Kind: "read"})
				if err != nil {
					t.Error(err)
				}
				op.Return, op.Outcome = r.Now(), OutcomeOK
				if err := r.Return(op); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	h, err := Read(&file)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Valid(); err != nil {
		t.Error(err)
	}
	if len(h.Operations) != 1600 || len(h.Warnings) > 0 {
		t.Errorf("%d operations, warnings %v", len(h.Operations), h.Warnings)
	}
}

// shortDisk accepts so many bytes, then tears the line and fails.
type shortDisk struct {
	bytes.Buffer
	room int
}

func (d *shortDisk) Write(b []byte) (int, error) {
	if len(b) <= d.room {
		d.room -= len(b)
		return d.Buffer.Write(b)
	}
	n, _ := d.Buffer.Write(b[:d.room])
	d.room = 0
	return n, errors.New("no space left on device")
}

// Goal: a full disk is told at once and for good, and nothing is written after the torn line, so
// that the history stays readable. Method: a disk with room for some lines and a half.
func TestRecorderFullDisk(t *testing.T) {
	disk := &shortDisk{room: 400}
	r, err := NewRecorder(disk, Header{})
	for n := 0; err == nil; n++ {
		if n == 10 {
			t.Fatal("400 bytes took ten lines")
		}
		_, err = r.Invoke(Operation{Kind: "write", Process: n})
	}
	disk.room = 1000 // somebody made room, but the history has its hole
	if err := r.Phase("load"); err == nil || r.Err() == nil {
		t.Error("the error is not sticky")
	}
	if want := "cannot record the history: no space left on device"; r.Err().Error() != want {
		t.Errorf("got %q, want %q", r.Err(), want)
	}
	h, err := Read(&disk.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	if len(h.Warnings) == 0 || !strings.Contains(h.Warnings[0], "cut off") {
		t.Errorf("warnings %v", h.Warnings)
	}
}

// Goal: who follows a history sees what a reader will see, in the same order, and nothing that is
// not written.
// Method: many goroutines record; the lines of the file against what was shown. At last a write
// fails.
func TestFollow(t *testing.T) {
	var file bytes.Buffer
	r, err := NewRecorder(&file, Header{})
	if err != nil {
		t.Fatal(err)
	}
	var shown []string // guarded by the recorder's lock
	r.Follow(func(op Operation) {
		at := op.Call
		if op.Outcome != "" {
			at = op.Return
		}
		shown = append(shown, fmt.Sprint(op.ID, op.Process, op.Outcome, int64(at)))
	})
	var recording sync.WaitGroup
	for process := range 8 {
		recording.Go(func() {
			for range 50 {
				op, err := r.Invoke(Operation{Process: process, Kind: "read", Outcome: OutcomeOK})
				op.Return, op.Outcome = r.Now(), OutcomeFail
				if err := errors.Join(err, r.Return(op)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	recording.Wait()
	var written []string
	for line := range bytes.Lines(file.Bytes()) {
		var l returnLine
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		if l.Type == typeInvoke || l.Type == typeReturn {
			written = append(written, fmt.Sprint(l.ID, l.Process, l.Outcome, int64(l.Time)))
		}
	}
	if diff := cmp.Diff(written, shown); diff != "" || len(shown) != 800 {
		t.Errorf("%d operations shown (-written +shown):\n%s", len(shown), diff)
	}
	r.w = &shortDisk{}
	if _, err := r.Invoke(Operation{Kind: "read"}); err == nil || len(shown) != 800 {
		t.Errorf("a failed write: %v, and %d are shown", err, len(shown))
	}
}
