package synth

import (
	"encoding/json"
	"strconv"
	"time"

	"gauntlet/checker/register"
	"gauntlet/history"
	"gauntlet/workload"
)

// patience is how long a client waits for an answer that never comes.
const patience = int64(time.Second)

// unwritten is beyond all numbers that a history writes.
const unwritten = 1 << 40

// Operations is the history in the terms of package workload, one operation for each and in their
// order, with IDs from 1. Values keep their numbers; Initial is the absent register. Processes are
// as few as one operation at a time allows; who is not answered is retired. To keep the laws of a
// history, ops must be in the order of their calls.
func Operations(ops []register.Op, key string) []history.Operation {
	var clients processes
	list := make([]history.Operation, len(ops))
	for i, op := range ops {
		process := clients.take(op)
		list[i] = history.Operation{
			ID: int64(i + 1), Process: process, Node: "n" + strconv.Itoa(process%3+1), Key: key,
			Call: time.Duration(op.Call), Return: time.Duration(op.Ret),
			Outcome: history.OutcomeOK,
		}
		list[i].Kind, list[i].Input, list[i].Output = encode(op, unwritten+int64(i))
		if op.Pending {
			list[i].Outcome, list[i].Output = history.OutcomeInfo, nil
			list[i].Return, list[i].Error = time.Duration(op.Call+patience), "no answer in time"
		}
	}
	return list
}

// encode is one operation in JSON. A cas that failed silently wanted to write some number that no
// other operation writes: spare.
func encode(op register.Op, spare int64) (kind string, input, output json.RawMessage) {
	before, after := number(op.Before), number(op.After)
	swapped := true
	in := workload.RegisterInput{Value: after}
	out := workload.RegisterOutput{Value: before, Swapped: &swapped}
	switch kind = workload.KindRead; op.Kind {
	case register.Write:
		kind = workload.KindWrite
	case register.CAS:
		kind, in.Expected = workload.KindCAS, before
	case register.NotEqual:
		in.Expected, in.Value = before, &spare
		return workload.KindCAS, in.Encode(workload.KindCAS), json.RawMessage(`{"swapped":false}`)
	}
	return kind, in.Encode(kind), out.Encode(kind)
}

func number(v register.Value) *int64 {
	if v == register.Initial {
		return nil
	}
	n := int64(v)
	return &n
}

// processes hands out the numbers of clients.
type processes struct {
	busy queue // who is at work, by return
	next int
}

// take returns a client that is free when op is called.
func (p *processes) take(op register.Op) int {
	j := &job{process: p.next}
	if !p.busy.empty() && p.busy.heap[0].time <= op.Call {
		_, _, j = p.busy.pop()
	} else {
		p.next++
	}
	if !op.Pending {
		p.busy.push(op.Ret, atReturn, j)
	}
	return j.process
}
