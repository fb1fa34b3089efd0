package aggregate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"gauntlet/checker/finding"
	"gauntlet/history"
)

// BankOptions say what a history does not.
type BankOptions struct {
	Total    *int64 // of all accounts; nil: that of the first read
	Negative bool   // a balance may lie below 0
}

// Bank checks accounts among which money is transferred, as jepsen.tests.bank does: every answered
// read sums to the total, no balance is negative unless that is allowed, none is missing, and no
// account appears that the first read did not have. Transfers are not looked at. Accounts that
// nobody read are undecided. An error names the operation that makes no sense.
func Bank(ops []history.Operation, o BankOptions) (Result, error) {
	if err := sensible(ops, "bank", kindRead, kindTransfer); err != nil {
		return Result{}, err
	}
	b := bank{ops: ops, options: o, first: -1}
	if o.Total != nil {
		b.total = big.NewInt(*o.Total)
	}
	var reads []int
	for i, op := range ops {
		if op.Kind == kindRead && answered(op) && !blank(op.Output) {
			reads = append(reads, i)
		}
	}
	if len(reads) == 0 {
		return open("the accounts were never read"), nil
	}
	slices.SortStableFunc(reads, func(i, j int) int {
		return cmp.Compare(ops[i].Return, ops[j].Return)
	})
	var first Result
	wrong := 0
	for _, i := range reads {
		r, err := b.judge(i)
		if err != nil {
			return Result{}, err
		}
		if r.Answer != finding.Violation {
			continue
		}
		if wrong++; wrong == 1 {
			first = r
		}
	}
	if wrong == 0 {
		return kept("the balances of %s sum to %s in %s", several(len(b.accounts), "account"), b.total,
			several(len(reads), "read")), nil
	}
	first.note(wrong, "reads that are wrong: %d of %d", wrong, len(reads))
	return first, nil
}

// bank is what the reads so far have said.
type bank struct {
	ops      []history.Operation
	options  BankOptions
	first    int // the first answered read; or -1
	accounts map[string]bool
	total    *big.Int // nil until it is known
}

// account is one account as a read saw it.
type account struct {
	name    string
	balance *big.Int // nil: it had none
}

// judge looks at the read at index i alone.
func (b *bank) judge(i int) (Result, error) {
	op := b.ops[i]
	accounts, err := balances(op)
	if err != nil {
		return Result{}, err
	}
	if b.first < 0 {
		b.first, b.accounts = i, map[string]bool{}
		for _, a := range accounts {
			b.accounts[a.name] = true
		}
	}
	sum := new(big.Int)
	var strange, empty, negative []string
	for _, a := range accounts {
		switch {
		case !b.accounts[a.name]:
			strange = append(strange, a.name)
		case a.balance == nil:
			empty = append(empty, a.name)
		case a.balance.Sign() < 0:
			negative = append(negative, fmt.Sprintf("%s: %s", a.name, a.balance))
		}
		if a.balance != nil {
			sum.Add(sum, a.balance)
		}
	}
	if b.total == nil && len(empty) == 0 {
		b.total = sum
	}
	switch {
	case len(strange) > 0:
		return broken(finding.NeverWritten, []int{b.first, i},
			"Read #%d returned account %s, which the first read, #%d, did not have.", op.ID,
			few(strange), b.ops[b.first].ID), nil
	case len(empty) > 0:
		return broken(finding.Contradiction, []int{i},
			"Read #%d returned no balance for account %s.", op.ID, few(empty)), nil
	case sum.Cmp(b.total) != 0:
		return b.unbalanced(i, sum), nil
	case len(negative) > 0 && !b.options.Negative:
		return broken(finding.Contradiction, []int{i},
			"Read #%d returned negative balances (%s).", op.ID, few(negative)), nil
	}
	return Result{}, nil
}

// unbalanced words a wrong sum.
func (b *bank) unbalanced(i int, sum *big.Int) Result {
	if b.options.Total != nil {
		return broken(finding.Contradiction, []int{i},
			"Read #%d returned balances that sum to %s, but the total is %s.", b.ops[i].ID, sum,
			b.total)
	}
	return broken(finding.Contradiction, []int{b.first, i},
		"Read #%d returned balances that sum to %s, but those of the first read, #%d, to %s.",
		b.ops[i].ID, sum, b.ops[b.first].ID, b.total)
}

// mostDigits of a balance are enough for any bank, and few enough to be added up quickly.
const mostDigits = 100

// balances reads [[account, balance], ...], an object of balances, or [balance, ...] of the
// accounts 0, 1, ..., as Jepsen's first banks have it.
func balances(op history.Operation) ([]account, error) {
	strange := func() error {
		return fmt.Errorf("operation %d: read returned no balances: %s", op.ID, brief(op.Output))
	}
	var pairs [][]json.RawMessage
	if strings.HasPrefix(strings.TrimSpace(string(op.Output)), "{") {
		var object map[string]json.RawMessage
		if json.Unmarshal(op.Output, &object) != nil {
			return nil, strange()
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			pairs = append(pairs, []json.RawMessage{json.RawMessage(name), object[name]})
		}
	} else if list, plain := plainBalances(op.Output); plain {
		pairs = list
	} else if json.Unmarshal(op.Output, &pairs) != nil {
		return nil, strange()
	}
	accounts := make([]account, 0, len(pairs))
	for _, p := range pairs {
		if len(p) != 2 {
			return nil, strange()
		}
		a := account{name: element(p[0])}
		if !blank(p[1]) {
			balance, whole := new(big.Int).SetString(string(p[1]), 10)
			if !whole || len(p[1]) > mostDigits {
				return nil, fmt.Errorf("operation %d: account %s holds %s, want a whole number",
					op.ID, a.name, brief(p[1]))
			}
			a.balance = balance
		}
		accounts = append(accounts, a)
	}
	return accounts, nil
}

// plainBalances reads [balance, ...] as pairs. It is none if an element is neither a number nor
// null, and an empty list is one of pairs.
func plainBalances(raw json.RawMessage) (pairs [][]json.RawMessage, plain bool) {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return nil, false
	}
	for i, balance := range list {
		if c := balance[0]; !blank(balance) && c != '-' && (c < '0' || c > '9') {
			return nil, false
		}
		pairs = append(pairs, []json.RawMessage{json.RawMessage(strconv.Itoa(i)), balance})
	}
	return pairs, true
}
