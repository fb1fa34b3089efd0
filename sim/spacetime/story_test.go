package spacetime

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gauntlet/chance"
	"gauntlet/history"
	"gauntlet/sim/failure"
	"gauntlet/sim/schedule"
	"gauntlet/sim/trace"
)

// tale is a run told by hand, in any order: it is brought into the order of time at the end.
type tale struct {
	nodes      []string
	records    []line
	operations []history.Operation
	failure    *failure.Failure
	about      About
}

type line struct {
	trace.Record
	cause int // place in the tale
}

const ms = time.Millisecond

func (t *tale) add(at time.Duration, kind trace.Kind, node int, set func(*line)) int {
	r := line{trace.Record{At: at, Kind: kind, Node: node, Peer: -1, Cause: -1}, -1}
	if set != nil {
		set(&r)
	}
	t.records = append(t.records, r)
	return len(t.records) - 1
}

func (t *tale) label(at time.Duration, kind trace.Kind, node int, label string) int {
	return t.add(at, kind, node, func(r *line) { r.Label = label })
}

func (t *tale) role(at time.Duration, node int, role string, term uint64) {
	t.add(at, trace.Role, node, func(r *line) { r.Role, r.Term = role, term })
}

func (t *tale) commit(at time.Duration, node int, index uint64) {
	t.add(at, trace.Commit, node, func(r *line) { r.Index = index })
}

// write is a write and its sync.
func (t *tale) write(at, took time.Duration, node int, index uint64) {
	begin := t.add(at, trace.Write, node, func(r *line) { r.Index = index })
	t.add(at+took, trace.Synced, node, func(r *line) { r.Index, r.cause = index, begin })
}

// send is a message that arrives.
func (t *tale) send(at, took time.Duration, from, to int, label string) int {
	send := t.add(at, trace.Send, from, func(r *line) { r.Peer, r.Label = to, label })
	t.add(at+took, trace.Deliver, to, func(r *line) { r.Peer, r.Label, r.cause = from, label, send })
	return send
}

// lose is a message that does not.
func (t *tale) lose(at, took time.Duration, from, to int, label, why string, fault int) {
	send := t.add(at, trace.Send, from, func(r *line) { r.Peer, r.Label = to, label })
	t.add(at+took, trace.Drop, to, func(r *line) {
		r.Peer, r.Label, r.cause, r.Fault = from, why, send, fault
	})
}

// double is a second copy of a message.
func (t *tale) double(send int, took, later time.Duration) {
	first := t.records[send]
	copied := t.add(first.At+took, trace.Duplicate, first.Node, func(r *line) {
		r.Peer, r.cause = first.Peer, send
	})
	t.add(first.At+later, trace.Deliver, first.Peer, func(r *line) {
		r.Peer, r.Label, r.cause = first.Node, first.Label, copied
	})
}

// operation is a request and its answer, each half a millisecond on its way.
func (t *tale) operation(
	id int64, process, node int, call, ret time.Duration, kind, key, in, out string,
) {
	t.operations = append(t.operations, history.Operation{
		ID: id, Process: process, Node: t.nodes[node], Kind: kind, Key: key, Call: call, Return: ret,
		Input: json.RawMessage(in), Output: json.RawMessage(out), Outcome: history.OutcomeOK,
	})
	t.add(call+ms/2, trace.Call, node, func(r *line) { r.Operation = id })
	t.add(ret, trace.Return, node, func(r *line) { r.Operation, r.Label = id, "ok" })
}

// log puts the records in order.
func (t *tale) log() *trace.Log {
	order := make([]int, len(t.records))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return int(t.records[a].At - t.records[b].At)
	})
	places := make([]int, len(order))
	for place, i := range order {
		places[i] = place
	}
	log := &trace.Log{Nodes: t.nodes}
	for _, i := range order {
		r := t.records[i]
		if r.cause >= 0 {
			r.Cause = places[r.cause]
		}
		log.Add(r.Record)
	}
	return log
}

func (t *tale) history() *history.History {
	return &history.History{Operations: t.operations}
}

func (t *tale) page() []byte { return Page(t.log(), t.history(), t.failure, t.about) }

// staleRead is a leader that is cut off and still answers reads from memory, while the others
// have elected another one and acknowledged a write.
func staleRead() *tale {
	t := &tale{
		nodes: []string{"n1", "n2", "n3", "n4", "n5"},
		about: About{
			Seed: 4711, Virtual: 12 * time.Second, Build: "leader-local-read",
			Replay: "bin/verify replay runs/stale-answer/schedule.json",
			Options: schedule.Options{
				Nodes: 5,
				Raft: schedule.Raft{ElectionTimeoutMin: 150 * ms, ElectionTimeoutMax: 300 * ms,
					HeartbeatInterval: 50 * ms},
				Network:  schedule.Network{DelayMin: ms, DelayMax: 5 * ms},
				Workload: schedule.Workload{Kind: "register", Clients: 3, Keys: 2},
			},
		},
		failure: &failure.Failure{
			Signature: failure.StaleAnswer, At: 701 * ms, Nodes: []int{0}, Operations: []int64{3, 5},
			Text: "n1 answered read x → 1 at 701.000 ms, but write x 2 was acknowledged at 655.000 ms",
		},
	}
	for node := range t.nodes {
		t.label(0, trace.Start, node, "an empty log")
	}
	t.label(0, trace.Phase, -1, "load")
	t.elect(162*ms, 0, 1, nil)
	t.beats(190*ms, 400*ms, 0, nil)
	t.operation(1, 0, 0, 240*ms, 252*ms, "write", "x", `{"value":1}`, `{}`)
	send := t.replicate(241*ms, 0, 2, nil)
	t.double(send, ms, 14*ms)
	t.operation(2, 1, 1, 300*ms, 318*ms, "read", "x", `{}`, `{"value":1}`)
	t.send(301*ms, 4*ms, 1, 0, "ReadIndex 1")
	t.send(306*ms, 5*ms, 0, 1, "ReadIndexAnswer 2")
	t.add(320*ms, trace.Write, 3, func(r *line) { r.Index = 3 })
	t.label(322*ms, trace.Crash, 3, "power")
	t.label(440*ms, trace.Start, 3, "2 entries; a torn record was cut off")
	fault := t.add(400*ms, trace.FaultStart, -1, func(r *line) {
		r.Fault, r.Label = 1, "partition isolate-leader n1"
	})
	t.add(760*ms, trace.FaultStop, -1, func(r *line) { r.Fault, r.cause = 1, fault })
	cutOff := func(from, to int) bool { return from == 0 || to == 0 }
	t.beats(440*ms, 690*ms, 0, cutOff)
	t.elect(602*ms, 2, 2, cutOff)
	t.operation(3, 2, 2, 640*ms, 655*ms, "write", "x", `{"value":2}`, `{}`)
	t.replicate(641*ms, 2, 4, cutOff)
	t.operation(4, 1, 1, 620*ms, 690*ms, "read", "y", `{}`, `{"value":null}`)
	t.operation(5, 0, 0, 700*ms, 701*ms, "read", "x", `{}`, `{"value":1}`)
	t.label(701*ms, trace.Violation, 0, "stale-answer: "+t.failure.Text)
	return t
}

// elect is a whole election: everyone votes for the candidate who is not cut off from it.
func (t *tale) elect(at time.Duration, node int, term uint64, cut func(from, to int) bool) {
	t.label(at, trace.Timer, node, "election timeout")
	t.role(at, node, "candidate", term)
	t.write(at, 2*ms, node, term-1)
	for peer := range t.nodes {
		took := time.Duration(2+(peer*3)%4) * ms
		request, answer := fmt.Sprintf("Vote %d", term), fmt.Sprintf("VoteAnswer %d granted", term)
		switch {
		case peer == node:
		case cut != nil && cut(node, peer):
			t.lose(at+2*ms, took, node, peer, request, "cut off", 1)
		default:
			t.send(at+2*ms, took, node, peer, request)
			t.role(at+2*ms+took, peer, "follower", term)
			t.write(at+2*ms+took, 2*ms, peer, term-1)
			t.send(at+4*ms+took, took, peer, node, answer)
		}
	}
	t.role(at+14*ms, node, "leader", term)
}

// replicate is one entry to everyone, and its commit; it returns the first send.
func (t *tale) replicate(
	at time.Duration, node int, index uint64, cut func(from, to int) bool,
) int {
	t.write(at, 2*ms, node, index)
	first := -1
	for peer := range t.nodes {
		took := time.Duration(1+(peer*2)%5) * ms
		text := fmt.Sprintf("Append %d@%d +1 commit %d", index-1, 1, index-1)
		switch {
		case peer == node:
		case cut != nil && cut(node, peer):
			t.lose(at, took, node, peer, text, "cut off", 1)
		default:
			send := t.send(at, took, node, peer, text)
			if first < 0 {
				first = send
			}
			t.write(at+took, 2*ms, peer, index)
			t.send(at+took+2*ms, took, peer, node, fmt.Sprintf("AppendAnswer %d", index))
			t.commit(at+20*ms, peer, index)
		}
	}
	t.commit(at+9*ms, node, index)
	return first
}

// beats are heartbeats and their answers.
func (t *tale) beats(from, to time.Duration, node int, cut func(from, to int) bool) {
	for at := from; at < to; at += 50 * ms {
		for peer := range t.nodes {
			took := time.Duration(1+(peer+int(at/ms))%3) * ms
			switch {
			case peer == node:
			case cut != nil && cut(node, peer):
				t.lose(at, took, node, peer, "Heartbeat", "cut off", 1)
			case peer == 3 && at > 320*ms && at < 440*ms:
				t.lose(at, took, node, peer, "Heartbeat", "nobody there", 0)
			default:
				t.send(at, took, node, peer, "Heartbeat")
				t.send(at+took, took, peer, node, "HeartbeatAnswer")
			}
		}
	}
}

// storm is a long run of chance: messages, crashes, roles, faults and operations without sense.
func storm(seed uint64, count int) *tale {
	draw := chance.New(seed, "storm", 0)
	t := &tale{nodes: []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7"}}
	at := time.Duration(0)
	for id := int64(1); len(t.records) < count; {
		at += draw.Duration(0, 2*ms)
		node, peer := draw.Intn(7), draw.Intn(7)
		switch draw.Intn(12) {
		case 0:
			role := []string{"leader", "candidate", "follower"}[draw.Intn(3)]
			t.role(at, node, role, uint64(at/ms))
		case 1:
			t.label(at, trace.Crash, node, "kill")
			t.label(at+3*ms, trace.Start, node, "recovered")
		case 2:
			t.operation(id, int(id)%9, node, at, at+draw.Duration(1, 30*ms), "write",
				fmt.Sprint("k", draw.Intn(5)), fmt.Sprintf(`{"value":%d}`, id), `{}`)
			id++
		case 3:
			t.write(at, draw.Duration(1, 4*ms), node, uint64(id))
		case 4:
			t.commit(at, node, uint64(id))
		case 5:
			t.lose(at, ms, node, peer, fmt.Sprintf("Append %d@1 +1", id), "loss", 0)
		case 6:
			t.send(at, draw.Duration(1, 9*ms), node, peer, "Heartbeat")
		default:
			t.send(at, draw.Duration(1, 9*ms), node, peer, fmt.Sprintf("Append %d@1", len(t.records)))
		}
	}
	t.failure = &failure.Failure{
		Signature: failure.TwoLeaders, At: at, Nodes: []int{1, 2}, Operations: []int64{1},
		Text: "n2 and n3 both lead",
	}
	return t
}
