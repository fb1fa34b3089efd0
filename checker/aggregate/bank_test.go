package aggregate

import (
	"encoding/json"
	"testing"

	"gauntlet/checker/finding"
)

// Goal: money is neither made nor lost, and the options mean what they say.
// Method: one script for each way in which a read can be right or wrong.
func TestBank(t *testing.T) {
	const ok, bad, unknown = finding.Linearizable, finding.Violation, finding.Undecided
	const start = `0.read 0.ok:[[0,10],[1,0]] `
	hundred := int64(100)
	for _, c := range []struct {
		want
		options BankOptions
	}{
		{want: want{"same", start + "0.read 0.ok:[[0,4],[1,6]]", ok, "", nil,
			"the balances of 2 accounts sum to 10 in 2 reads"}},
		{want: want{"one read", start, ok, "", nil, ""}},
		{want: want{"no read", "0.transfer:1 0.ok", unknown, "", nil, "never read"}},
		{want: want{"no answer", "0.read", unknown, "", nil, "never read"}},
		{want: want{"nothing", "0.read 0.ok:null", unknown, "", nil, "never read"}},
		{want: want{"more", start + "0.read 0.ok:[[0,10],[1,1]] 0.read 0.ok:[[0,9],[1,0]]", bad,
			finding.Contradiction, []int{0, 1},
			"Read #2 returned balances that sum to 11, but those of the first read, #1, to 10."}},
		{want: want{"count", start + "0.read 0.ok:[[0,10],[1,1]] 0.read 0.ok:[[0,9],[1,0]]", bad,
			finding.Contradiction, []int{0, 1}, "reads that are wrong: 2 of 3"}},
		{want: want{"first to return", "1.read 0.read 0.ok:[[0,3]] 1.ok:[[0,4]]", bad,
			finding.Contradiction, []int{0, 1}, "Read #1 returned balances that sum to 4"}},
		{want: want{"total", start, bad, finding.Contradiction, []int{0},
			"Read #1 returned balances that sum to 10, but the total is 100."},
			options: BankOptions{Total: &hundred}},
		{want: want{"total met", "0.read 0.ok:[[0,101],[1,-1]]", ok, "", nil, ""},
			options: BankOptions{Total: &hundred, Negative: true}},
		{want: want{"negative", start + "0.read 0.ok:[[0,11],[1,-1]]", bad, finding.Contradiction,
			[]int{1}, "Read #2 returned negative balances (1: -1)."}},
		{want: want{"negative allowed", start + "0.read 0.ok:[[0,11],[1,-1]]", ok, "", nil, ""},
			options: BankOptions{Negative: true}},
		{want: want{"nil", start + "0.read 0.ok:[[0,10],[1,null]]", bad, finding.Contradiction,
			[]int{1}, "Read #2 returned no balance for account 1."}},
		{want: want{"nil at first", "0.read 0.ok:[[0,10],[1,null]] " + start, bad,
			finding.Contradiction, []int{0}, "reads that are wrong: 1 of 2"}},
		{want: want{"strange", start + "0.read 0.ok:[[0,10],[2,0]]", bad, finding.NeverWritten,
			[]int{0, 1}, "Read #2 returned account 2, which the first read, #1, did not have."}},
		{want: want{"fewer", start + "0.read 0.ok:[[0,10]]", ok, "", nil, ""}},
		{want: want{"object", `0.read 0.ok:{"0":10,"1":0} 0.read 0.ok:{"1":5,"0":5}`, ok, "", nil, ""}},
		{want: want{"plain", "0.read 0.ok:[10,10,10] 0.read 0.ok:[5,15,10]", ok, "", nil,
			"the balances of 3 accounts sum to 30 in 2 reads"}},
		{want: want{"plain, more", "0.read 0.ok:[10,10] 0.read 0.ok:[10,11]", bad,
			finding.Contradiction, []int{0, 1}, "sum to 21, but those of the first read, #1, to 20."}},
		{want: want{"plain, negative", "0.read 0.ok:[10,-1]", bad, finding.Contradiction, []int{0},
			"negative balances (1: -1)"}},
		{want: want{"plain, nil", "0.read 0.ok:[10,null]", bad, finding.Contradiction, []int{0},
			"no balance for account 1"}},
		{want: want{"plain, strange", "0.read 0.ok:[10] 0.read 0.ok:[5,5]", bad,
			finding.NeverWritten, []int{0, 1}, "account 1, which the first read, #1, did not have"}},
		{want: want{"refused", start + "0.read 0.fail:[[0,3]]", ok, "", nil, "in 1 read"}},
		{want: want{"huge", "0.read 0.ok:[[0,9223372036854775807],[1,1]]", ok, "", nil,
			"sum to 9223372036854775808 in 1 read"}},
	} {
		got, err := Bank(script(t, c.script), c.options)
		c.hold(t, got, err)
	}
}

// Goal: equal histories get equal sentences.
// Method: an object of many accounts, which Go's maps would give in any order, judged often.
func TestBankIsDeterministic(t *testing.T) {
	ops := script(t, "0.read 0.ok:1 0.read 0.ok:1")
	ops[0].Output = json.RawMessage(`{"a":1}`)
	ops[1].Output = json.RawMessage(`{"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1}`)
	first, err := Bank(ops, BankOptions{})
	for range 50 {
		if again, _ := Bank(ops, BankOptions{}); err != nil || again.Text != first.Text {
			t.Fatalf("%q, then %q: %v", first.Text, again.Text, err)
		}
	}
}
