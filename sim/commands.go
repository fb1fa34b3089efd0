package sim

import (
	"gauntlet/raft/kv"
	"gauntlet/workload"
)

var ops = [...]kv.Op{workload.OpPut: kv.Put, workload.OpCAS: kv.CAS}

func command(r workload.Request) kv.Command {
	c := kv.Command{Op: ops[r.Op], Key: r.Key, Value: r.Value, Expected: r.Expected}
	return c
}

func reply(r *kv.Result) workload.Reply {
	return workload.Reply{Found: r.Found, Value: r.Value, Swapped: r.Swapped}
}
