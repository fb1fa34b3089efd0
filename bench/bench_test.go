package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"strings"
	"sync"
	"testing"
	"time"
)

// stalling answers at once, but for one time in which nobody is answered.
type stalling struct {
	mu    *sync.Mutex
	once  *sync.Once
	stall time.Duration
}

func (s stalling) put(context.Context, string, string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once.Do(func() { time.Sleep(s.stall) })
	return nil
}

func (s stalling) get(ctx context.Context, _ string) error { return s.put(ctx, "", "") }
func (s stalling) close()                                  {}

// Goal: an open loop charges a stall to all who had to wait for it, not only to the few that were
// under way (coordinated omission).
// Method: four clients, 1,000 requests a second, one stall of 200 ms in the first second. Some 200
// requests became due meanwhile and waited 100 ms on average; a closed loop would see four.
func TestOpenLoopChargesStalls(t *testing.T) {
	g := &group{cluster: &cluster{}}
	shared := stalling{new(sync.Mutex), new(sync.Once), 200 * time.Millisecond}
	warm := 250 * time.Millisecond // the stall must not fall into the warm-up
	for range 4 {
		g.clients = append(g.clients, delayed{shared, time.Now().Add(warm + 50*time.Millisecond)})
	}
	s, err := g.openLoop(t.Context(), loads[0], 1000, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if total := s.latency.TotalCount(); total < 950 {
		t.Fatalf("%d requests measured, want some 1000", total)
	}
	if p90 := s.at(90); p90 < 60*time.Millisecond {
		t.Errorf("p90 is %v: the stall was charged to those under way only", p90)
	}
}

// delayed stalls no earlier than some instant.
type delayed struct {
	stalling
	from time.Time
}

func (d delayed) put(ctx context.Context, key, value string) error {
	if time.Now().Before(d.from) {
		return nil
	}
	return d.stalling.put(ctx, key, value)
}

// Goal: the relay passes on every byte and counts each message once, however bytes are cut.
// Method: a hello, three messages and a ping, read one byte at a time.
func TestRelayCountsMessages(t *testing.T) {
	var stream []byte
	for _, body := range []string{"\x01hello", "\x02\x05append", "\x03", "\x02\x06", "\x02\x05again"} {
		stream = binary.LittleEndian.AppendUint32(stream, uint32(len(body)))
		stream = append(stream, "crc!"...)
		stream = append(stream, body...)
	}
	r := &relay{kinds: map[byte]int{}}
	var passed bytes.Buffer
	r.pass(oneByte{bytes.NewReader(stream)}, &passed)
	if !bytes.Equal(passed.Bytes(), stream) {
		t.Errorf("passed %q, want %q", passed.Bytes(), stream)
	}
	if counted := r.take(); len(counted) != 2 || counted[kindAppend] != 2 ||
		counted[kindAppendAnswer] != 1 {
		t.Errorf("counted %v", counted)
	}
}

type oneByte struct{ r *bytes.Reader }

func (o oneByte) Read(b []byte) (int, error) { return o.r.Read(b[:min(1, len(b))]) }

// Goal: a table tells medians and ratios of neighbours, and a goal is met or missed by them.
// Method: a figure whose ratios are 2, 4 and 3, of which the median is 3; the quotient of the
// medians would be 4.
func TestRatiosAreOfNeighbours(t *testing.T) {
	f := figure{load: loads[0], clients: 64}
	for _, pair := range [][2]float64{{200, 100}, {400, 100}, {1200, 400}} {
		f.raftd = append(f.raftd, sample{perSecond: pair[0], latency: newHistogram()})
		f.etcd = append(f.etcd, sample{perSecond: pair[1], latency: newHistogram()})
	}
	if got, want := f.ratio(perSecond), (spread{2, 3, 4}); got != want {
		t.Errorf("ratio %v, want %v", got, want)
	}
	r := results{closed: []figure{f}}
	text := r.markdown()
	line := "| rate of puts, 64 clients | ≥ 3 × etcd's | 3.00 (2.00–4.00) × | met |"
	if !strings.Contains(text, line) {
		t.Errorf("%q is not in:\n%s", line, text)
	}
}
