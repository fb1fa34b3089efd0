package sim

import (
	"gauntlet/raft/kv"
	"gauntlet/workload"
)

// ops says which command of raftd carries which request out.
var ops = [...]kv.Op{
	workload.OpGet: kv.Get, workload.OpPut: kv.Put, workload.OpCAS: kv.CAS,
	workload.OpAppend: kv.Append, workload.OpAdd: kv.Add, workload.OpTxn: kv.Txn,
}

// command is a request as raftd's replicated command.
func command(r workload.Request) kv.Command {
	c := kv.Command{Op: ops[r.Op], Key: r.Key, Value: r.Value, Expected: r.Expected}
	for _, s := range r.Steps {
		c.Steps = append(c.Steps, kv.Step{Op: ops[s.Op], Key: s.Key, Value: s.Value})
	}
	return c
}

// reply is a result in the terms of the workload.
func reply(r *kv.Result) workload.Reply {
	reply := workload.Reply{Found: r.Found, Value: r.Value, Swapped: r.Swapped}
	for i := range r.Steps {
		reply.Steps = append(reply.Steps, workload.Reply{Found: r.Steps[i].Found,
			Value: r.Steps[i].Value})
	}
	return reply
}
