package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/suite"
	"gauntlet/target"
)

// Goal: a host out of reach for a lease's length, or that booted, is lost, and is told once;
// one that answers is not, whatever its node does, nor one that comes back in time, time and again.
// Method: four hosts in fake time, whose nodes say nothing from the start.
func TestVigilFindsLostHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		gone := &target.HostError{Host: "x", Op: "connect", Err: target.ErrUnreachable}
		host := func(name string, boot func(time.Duration) (string, error)) watched {
			return watched{name, func(context.Context) (string, error) {
				return boot(time.Since(began))
			}}
		}
		var talk bytes.Buffer
		v := newVigil(NewProgress(&talk, 0), func() time.Duration { return time.Since(began) },
			func(string) bool { return true })
		err := v.start(t.Context(), []watched{
			host("dead", func(at time.Duration) (string, error) {
				if at > second {
					return "", gone
				}
				return "1", nil
			}),
			host("rebooted", func(at time.Duration) (string, error) {
				switch {
				case at > 8*second:
					return "2", nil
				case at > second:
					return "", gone
				}
				return "1", nil
			}),
			host("paused", func(time.Duration) (string, error) { return "1", nil }),
			host("back", func(at time.Duration) (string, error) {
				if at > second && at < 15*second && at.Truncate(second) != 8*second {
					return "", gone
				}
				return "1", nil
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(lostAfter)
		synctest.Wait()
		if err := v.err(); err == nil || v.why("rebooted") == nil || len(parts(err)) != 1 {
			t.Errorf("after %v: %v", lostAfter, err)
		}
		time.Sleep(2 * second)
		v.stop(t.Context())
		if v.why("dead") == nil || v.why("paused") != nil || v.why("back") != nil {
			t.Errorf("lost: %v", v.err())
		}
		for _, want := range []string{
			"dead: watch: the host is lost to this run: out of reach for 15s: unreachable",
			"rebooted: watch: the host is lost to this run: it has booted anew, and what ran there is gone",
		} {
			if !strings.Contains(v.err().Error(), want) {
				t.Errorf("want %q in %v", want, v.err())
			}
		}
		if n := strings.Count(talk.String(), "out of reach"); n != 4 {
			t.Errorf("said %d times, want each time that a host went out of reach\n%s", n, &talk)
		}
	})
}

// Goal: a host whose node answers is not asked, but for whether it is there when the watch ends.
func TestVigilLeavesHostsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		v := newVigil(NewProgress(io.Discard, 0), func() time.Duration { return 0 },
			func(string) bool { return false })
		err := v.start(t.Context(), []watched{{"n1", func(context.Context) (string, error) {
			asked.Add(1)
			return "", nil
		}}})
		time.Sleep(time.Minute)
		v.stop(t.Context())
		if err != nil || asked.Load() != 2 {
			t.Errorf("asked %d times, want once at the start and once at the end: %v", asked.Load(), err)
		}
	})
}

// Goal: a host that dies right before the watch ends, or gives trouble after it, is found lost all
// the same, and one that comes back within a lease's length is waited for.
// Method: hosts that go away at the end of the watch, the second for ten seconds only; then both.
func TestVigilSettlesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, away := time.Now(), map[string]time.Duration{"dead": time.Hour, "back": 70 * second}
		host := func(name string) watched {
			return watched{name, func(context.Context) (string, error) {
				if at := time.Since(began); at >= time.Minute && at < away[name] {
					return "", target.ErrUnreachable
				}
				return "1", nil
			}}
		}
		v := newVigil(NewProgress(io.Discard, 0), func() time.Duration { return time.Since(began) },
			func(string) bool { return false })
		if err := v.start(t.Context(), []watched{host("dead"), host("back")}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		v.stop(t.Context())
		took := time.Since(began) - time.Minute
		if v.why("dead") == nil || v.why("back") != nil || took > lostAfter+second {
			t.Errorf("after %v: %v", took, v.err())
		}
		away["back"] = time.Hour
		began = began.Add(-2 * time.Minute) // much later
		v.examine(t.Context(), "back")
		if v.why("back") == nil {
			t.Error("a host that gives trouble later is not found lost")
		}
	})
}

// Goal: what follows from a host that is lost, or from a full disk, is not told as more troubles;
// another host's still is, and the clean-up of the others is judged without the lost one.
// Method: n3 is lost; errors of it and of others come from several phases.
func TestOneLineForOneTrouble(t *testing.T) {
	var talk bytes.Buffer
	v := newVigil(nil, nil, nil)
	v.lose("n3", errors.New("it has booted anew"))
	r := &run{vigil: v, Config: Config{Progress: NewProgress(&talk, 0)}}
	of := func(host, what string) error {
		return &target.HostError{Host: host, Op: what, Err: target.ErrUnreachable}
	}
	noSpace := &os.PathError{Op: "write", Path: "history.jsonl", Err: syscall.ENOSPC}
	r.tell(t.Context(), "load", v.err())
	r.tell(t.Context(), "heal", errors.Join(of("n3", "cut"), of("n2", "cut")))
	r.tell(t.Context(), "heal", errors.Join(fmt.Errorf("the clients stopped: %w", noSpace),
		of("n3", "renew")))
	r.tell(t.Context(), "collect", errors.Join(noSpace, noSpace, of("n3", "logs")))
	want := []string{
		"load: n3: watch: the host is lost to this run: it has booted anew",
		"hint: a boot ends all that a run has done to a host; verify heal removes its files from there",
		"heal: n2: cut: unreachable",
		"heal: the file system of the run directory is full: write history.jsonl: " +
			"no space left on device",
	}
	if got := strings.Join(r.harness, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("harness:\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	if n := strings.Count(talk.String(), "error "); n != 3 {
		t.Errorf("%d errors on the terminal\n%s", n, &talk)
	}
	if !r.known(noSpace) || r.known(of("n2", "x")) {
		t.Error("known: want what was told, and nothing else")
	}
	left := r.withoutLost(t.Context(), errors.Join(of("n3", "disarm"), of("n1", "disarm")))
	if left == nil || left.Error() != of("n1", "disarm").Error() ||
		r.withoutLost(t.Context(), of("n3", "disarm")) != nil || r.withoutLost(t.Context(), nil) != nil {
		t.Errorf("left %v", left)
	}
}

// Goal: results that cannot be written are an error, and no reason to lose the verdict.
// Method: settle a run whose directory does not exist.
func TestResultsThatCannotBeKept(t *testing.T) {
	recorder, err := history.NewRecorder(io.Discard, history.Header{})
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(1)
	r := &run{recorder: recorder, Config: Config{Directory: Directory(t.TempDir()) + "/gone",
		Progress: NewProgress(io.Discard, 0), Suite: &suite.Suite{Seed: &seed}}}
	r.results = r.blank()
	r.settle()
	if r.kept == nil || r.results.Exit != checker.ExitInconclusive {
		t.Errorf("kept: %v, exit %d", r.kept, r.results.Exit)
	}
}
