package kv

import "strconv"

// step carries out what a command and a step of a transaction have in common.
func (s *Store) step(p Step) Result {
	switch p.Op {
	case Get:
		return s.Get(p.Key)
	case Put:
		s.values.Set(p.Key, string(p.Value))
	case Delete:
		s.values.Delete(p.Key)
	case Append:
		return s.append(p.Key, p.Value)
	case Add:
		return s.add(p.Key, p.Value)
	}
	return Result{}
}

func (s *Store) append(key string, value []byte) Result {
	current, _ := s.values.Get(key)
	if len(current)+len(value) > MaxValueBytes {
		return Result{Conflict: true}
	}
	s.values.Set(key, current+string(value))
	return Result{}
}

func (s *Store) add(key string, delta []byte) Result {
	old, ok := int64(0), true
	if current, found := s.values.Get(key); found {
		old, ok = number(current)
	}
	change, valid := number(string(delta))
	sum := old + change
	if !ok || !valid || (sum > old) != (change > 0) && change != 0 {
		return Result{Conflict: true}
	}
	value := strconv.AppendInt(nil, sum, 10)
	s.values.Set(key, string(value))
	return Result{Found: true, Value: value}
}

func number(value string) (int64, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	return n, err == nil
}

// held is what a key held before a step.
type held struct {
	value string
	found bool
}

// transact takes the steps one after the other, and takes them back if one conflicts.
func (s *Store) transact(steps []Step) Result {
	results := make([]Result, 0, len(steps))
	before := make([]held, 0, len(steps))
	for i, p := range steps {
		value, found := s.values.Get(p.Key)
		before = append(before, held{value, found})
		r := s.step(p)
		if r.Conflict {
			for j := i; j >= 0; j-- {
				s.restore(steps[j].Key, before[j])
			}
			return Result{Conflict: true}
		}
		results = append(results, r)
	}
	return Result{Steps: results}
}

func (s *Store) restore(key string, was held) {
	if !was.found {
		s.values.Delete(key)
		return
	}
	s.values.Set(key, was.value)
}
