package trace

import (
	"strings"
	"testing"
	"time"
)

// Goal: an account reads line by line, aligned, with where, who and why.
// Method: one record of each shape against the lines it must give.
func TestPrint(t *testing.T) {
	var none *Log
	if none.Add(Record{}) != -1 {
		t.Error("no log took a record")
	}
	l := &Log{Nodes: []string{"n1", "n2"}}
	l.Add(Record{Kind: Phase, Node: -1, Peer: -1, Cause: -1, Label: "load"})
	l.Add(Record{At: 150 * time.Millisecond, Kind: Role, Node: 0, Peer: -1, Cause: -1, Term: 2,
		Role: "candidate"})
	l.Add(Record{At: 150 * time.Millisecond, Kind: Send, Node: 0, Peer: 1, Cause: 1, Term: 2,
		Label: "vote-request 0@0"})
	l.Add(Record{At: 151 * time.Millisecond, Kind: Drop, Node: 1, Peer: 0, Cause: 2, Term: 2,
		Label: "partition", Fault: 3})
	l.Add(Record{At: 2 * time.Second, Kind: Commit, Node: 1, Peer: -1, Cause: -1, Term: 2, Index: 9})
	l.Add(Record{At: 2 * time.Second, Kind: Return, Node: 1, Peer: -1, Cause: -1, Operation: 4,
		Label: "ok write r0 17"})
	l.Add(Record{At: time.Hour, Kind: 99, Node: 7, Peer: -1, Cause: -1})
	want := `
      #0     0.000000  -         phase            load
      #1     0.150000  n1        role       t2    candidate
      #2     0.150000  n1 > n2   send       t2    vote-request 0@0  <#1
      #3     0.151000  n2 < n1   drop       t2    fault 3 partition  <#2
      #4     2.000000  n2        commit     t2    to 9
      #5     2.000000  n2        return           op 4 ok write r0 17
      #6  3600.000000  #7        kind-99
`
	var got strings.Builder
	if err := l.Print(&got); err != nil || "\n"+got.String() != want {
		t.Errorf("%v, printed\n%s\nwant%s", err, got.String(), want)
	}
	if err := none.Print(&got); err != nil {
		t.Error(err)
	}
	for k := Send; k <= Phase; k++ {
		if strings.HasPrefix(k.String(), "kind-") {
			t.Errorf("kind %d has no name", k)
		}
	}
}
