package client

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"

	"gauntlet/history"
	"gauntlet/workload"
)

// invocation makes a request of any kind that sets a register to value.
func invocation(kind, key string, value int64) workload.Invocation {
	in := workload.RegisterInput{Value: &value}
	return workload.Invocation{Kind: kind, Key: key, Input: in.Encode(kind)}
}

// exam is one question whose answer is known.
type exam struct {
	kind     string
	expected *int64 // of a cas
	value    int64  // of a write or cas
	want     string // the output, canonical
}

// exams are asked one after the other of one register that is absent at first.
var exams = []exam{
	{workload.KindRead, nil, 0, `{"value":null}`},
	{workload.KindCAS, number(3), 4, `{"swapped":false,"current":null}`},
	{workload.KindRead, nil, 0, `{"value":null}`},
	{workload.KindCAS, nil, 5, `{"swapped":true}`},
	{workload.KindCAS, nil, 6, `{"swapped":false,"current":5}`},
	{workload.KindRead, nil, 0, `{"value":5}`},
	{workload.KindWrite, nil, 1 << 40, `{}`},
	{workload.KindRead, nil, 0, `{"value":1099511627776}`},
	{workload.KindCAS, number(5), 7, `{"swapped":false,"current":1099511627776}`},
	{workload.KindCAS, number(1 << 40), 7, `{"swapped":true}`},
	{workload.KindRead, nil, 0, `{"value":7}`},
}

func number(n int64) *int64 { return &n }

// semantics asks the server what it must know.
func (x *examiner) semantics() {
	for _, key := range []string{"examined-1", "examined-2"} {
		for _, e := range exams {
			in := workload.RegisterInput{Value: &e.value, Expected: e.expected}
			inv := workload.Invocation{Kind: e.kind, Key: key, Input: in.Encode(e.kind)}
			when := fmt.Sprintf("asked %s %s of the server", e.kind, inv.Input)
			answer, asked := x.ask(nil, when, inv)
			if !asked {
				return
			}
			if answer.Outcome != history.OutcomeOK {
				x.note(&trouble{clauseTruth, fmt.Sprintf("says %s: %s", answer.Outcome, answer.Error)},
					when)
				return
			}
			out, _ := workload.DecodeRegisterOutput(e.kind, answer.Output) // decoded before
			if said := string(out.Encode(e.kind)); said != e.want {
				x.note(&trouble{clauseTruth, fmt.Sprintf("says %s, which is %s", said, e.want)}, when)
				return
			}
		}
	}
}

// interrupted writes while the server's answers stop coming: first none arrives, then a byte more
// each time, until the program has heard enough to say ok. Each time the server knows whether the
// write has happened.
func (x *examiner) interrupted() {
	const most = 1000
	for heard := 0; heard < most; heard++ {
		key := "examined-cut-" + strconv.Itoa(heard)
		value := int64(heard + 1)
		when := fmt.Sprintf("when the connection breaks after %d bytes of the node's answer", heard)
		answer, asked := x.ask(broken(heard), when, invocation(workload.KindWrite, key, value))
		if !asked {
			return
		}
		read, asked := x.ask(nil, when, workload.Invocation{
			Kind: workload.KindRead, Key: key, Input: []byte(`{}`)})
		if !asked || read.Outcome != history.OutcomeOK {
			return // said above
		}
		out, _ := workload.DecodeRegisterOutput(workload.KindRead, read.Output)
		happened := out.Value != nil && *out.Value == value
		switch {
		case answer.Outcome == history.OutcomeFail && happened:
			x.note(&trouble{clauseCertain, "says fail to a write that happened"}, when)
		case answer.Outcome == history.OutcomeOK && !happened:
			x.note(&trouble{clauseTruth, "says ok to a write that did not happen"}, when)
			return
		case answer.Outcome == history.OutcomeOK:
			return
		}
	}
}

// broken makes connections to the server that break when so many bytes were read from them.
func broken(after int) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &shortOf{Conn: conn, left: after}, nil
	}
}

// shortOf is a connection that ends at the first byte beyond so many that were read: not before the
// node has answered, and so has done what it was asked.
type shortOf struct {
	net.Conn
	mu   sync.Mutex
	left int
}

func (s *shortOf) Read(bytes []byte) (int, error) {
	n, err := s.Conn.Read(bytes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if n <= s.left {
		s.left -= n
		return n, err
	}
	n, s.left = s.left, 0
	return n, net.ErrClosed
}
