package runner

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"gauntlet/history"
)

// fullDisk takes the header line and nothing more.
type fullDisk struct{ lines int }

var errFull = errors.New("no space left on device")

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.lines++; d.lines > 1 {
		return 0, errFull
	}
	return len(p), nil
}

// Goal: a history that can no longer be written ends the run, but what is owed to the hosts still
// happens, and the trouble is told once.
// Method: a disk that is full from the first phase on; one phase that is owed and one that is not.
func TestFullDiskStillCleansUp(t *testing.T) {
	recorder, err := history.NewRecorder(&fullDisk{}, history.Header{})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{Config: Config{Progress: NewProgress(io.Discard, 0)}, recorder: recorder}
	var ran []string
	step := func(name string, owed bool) error {
		return r.step(t.Context(), phase{name, time.Second, owed,
			func(*run, context.Context) (string, error) {
				ran = append(ran, name)
				return "", nil
			}})
	}
	if err := step("load", false); !errors.Is(err, errFull) {
		t.Errorf("load: %v, want %v", err, errFull)
	}
	first, second := step("heal", true), step("clean-up", true)
	if len(ran) != 2 {
		t.Errorf("ran %v, want heal and clean-up", ran)
	}
	if !errors.Is(first, errFull) || second != nil {
		t.Errorf("told %v, then %v; want it once", first, second)
	}
}

// Goal: a phase that hangs is named together with what hung.
// Method: a phase that waits for its context and returns what a host would.
func TestDeadlineNamesItsCause(t *testing.T) {
	recorder, err := history.NewRecorder(io.Discard, history.Header{})
	if err != nil {
		t.Fatal(err)
	}
	r := &run{Config: Config{Progress: NewProgress(io.Discard, 0)}, recorder: recorder}
	err = r.step(t.Context(), phase{"guard", time.Millisecond, false,
		func(_ *run, ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", errors.Join(errors.New("n3: connect"), ctx.Err())
		}})
	const want = "not done within its deadline of 1ms: n3: connect\ncontext deadline exceeded"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
