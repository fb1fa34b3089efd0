package checker

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"gauntlet/history"
)

// Partition splits a history by key, keys sorted by name, operations in the history's order.
func Partition(h *history.History) []Key {
	index := make(map[string]int)
	var keys []Key
	for _, op := range h.Operations {
		i, found := index[op.Key]
		if !found {
			i = len(keys)
			index[op.Key] = i
			keys = append(keys, Key{Name: op.Key})
		}
		keys[i].Operations = append(keys[i].Operations, op)
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(a.Name, b.Name) })
	return keys
}

// Linearizable checks the operations of one key against a model, named as in package workload
// (Herlihy and Wing 1990). Unanswered writes are open-ended, failed operations are dropped, and
// a failed compare-and-set is a read of the value it reported. Running out of budget is
// Unknown; explaining a violation may take as long again. Memory is not bounded here: run it
// where it may be killed. A budget of 0 is unlimited.
//
//	register  a number or nothing, which begins as nothing
//	append    a list of numbers, which begins empty
//	counter   a sum, which begins at 0
//	txn       a group of lists; each transaction is one operation on the group
//	queue     first in, first out, which begins empty
//	set       of numbers, which begins empty, only grows, and is read as a whole
func Linearizable(name string, ops []history.Operation, budget time.Duration) KeyResult {
	m, err := findModel(name)
	if err != nil {
		result := KeyResult{Operations: len(ops), Engine: engineNone, Reason: err.Error()}
		if len(ops) > 0 {
			result.Key = ops[0].Key
		}
		return result
	}
	return judge(m, ops, budget)
}

// Combine makes the result of the whole check from the results of its keys. No key at all is
// Unknown.
func Combine(keys []KeyResult) Result {
	result := Result{Check: CheckLinearizable, Keys: keys}
	if len(keys) == 0 {
		result.Reason = "no operation was recorded"
		return result
	}
	var operations int
	count := make(map[Verdict]int)
	first := make(map[Verdict]*KeyResult)
	result.Verdict = Valid
	for i := range keys {
		key := &keys[i]
		operations += key.Operations
		if count[key.Verdict]++; count[key.Verdict] == 1 {
			first[key.Verdict] = key
		}
		result.Verdict = Merge(result.Verdict, key.Verdict)
	}
	switch result.Verdict {
	case Invalid:
		bad := first[Invalid]
		result.Violation = bad.Violation
		result.Reason = bad.reason()
	case Unknown:
		open := first[Unknown]
		result.Reason = open.reason()
	default:
		result.Reason = linearizableText(operations, keys)
	}
	if n := count[result.Verdict]; n > 1 && result.Verdict != Valid {
		result.Reason += fmt.Sprintf(" (and %d more)", n-1)
	}
	return result
}

// linearizableText counts what is linearizable.
func linearizableText(operations int, keys []KeyResult) string {
	text, verb := fmt.Sprintf("%d operations", operations), "are"
	if operations == 1 {
		text, verb = "1 operation", "is"
	}
	switch {
	case len(keys) > 1:
		text += fmt.Sprintf(" on %d keys", len(keys))
	case keys[0].Key != "":
		text += " on 1 key"
	}
	return fmt.Sprintf("%s %s linearizable", text, verb)
}

// reason is why the key is not valid, with its name if it has one.
func (k *KeyResult) reason() string {
	if k.Key == "" {
		return k.Reason
	}
	return fmt.Sprintf("key %s: %s", visible(k.Key), k.Reason)
}

// visible is the name of a key as a terminal may show it: quoted if some of it cannot be seen.
func visible(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}
