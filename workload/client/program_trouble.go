package client

import (
	"errors"
	"fmt"
	"slices"
)

// Clause is one demand of the contract on client programs.
type Clause string

// The clauses. README.md explains them.
const (
	clauseStart   Clause = "start"
	clauseLive    Clause = "live"
	clauseTime    Clause = "time"
	clauseLine    Clause = "line"
	clauseID      Clause = "id"
	clauseAnswer  Clause = "answer"
	clauseOnce    Clause = "once"
	clauseTruth   Clause = "truth"
	clauseCertain Clause = "certain"
	clauseRepeat  Clause = "repeat"
	clauseEnd     Clause = "end"
)

// clauses says in one line each what a program owes. Those that need a server can be tested only
// with one.
var clauses = []struct {
	Clause
	says  string
	needs bool
}{
	{clauseStart, "it can be started, and answers its first request within ten seconds more", false},
	{clauseLive, "it runs until its input ends, whatever a node does", false},
	{clauseTime, "it answers within the request's timeout, whatever a node does", false},
	{clauseLine, "an answer is one JSON object on one line of at most 64 KiB", false},
	{clauseID, "an answer bears the id of its request", false},
	{clauseAnswer, "an answer says ok, fail or info, and with ok what the kind demands", false},
	{clauseOnce, "each request has one answer, and stdout holds nothing else", false},
	{clauseTruth, "ok means that the node at the request's address said so, to this request", true},
	{clauseCertain, "fail means that it did not happen and never will", true},
	{clauseRepeat, "nothing is sent a second time", false},
	{clauseEnd, "it ends within two seconds when its input does", false},
}

// trouble is one breach of the contract.
type trouble struct {
	clause Clause
	what   string // in one line
}

func (t *trouble) Error() string { return fmt.Sprintf("%s (clause %s)", t.what, t.clause) }

// troubles keeps the first breach of each clause and counts the others.
type troubles struct {
	first []*trouble
	more  map[Clause]int
}

func (t *troubles) add(n *trouble) {
	known := func(o *trouble) bool { return o.clause == n.clause }
	if !slices.ContainsFunc(t.first, known) {
		t.first = append(t.first, n)
		return
	}
	if t.more == nil {
		t.more = map[Clause]int{}
	}
	t.more[n.clause]++
}

// err is all trouble of a program at a node, a line each.
func (t *troubles) err(program, node string) error {
	var errs []error
	for _, first := range t.first {
		err := fmt.Errorf("client program %q of %s %w", program, node, first)
		if more := t.more[first.clause]; more > 0 {
			err = fmt.Errorf("%w, and %d more times", err, more)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
