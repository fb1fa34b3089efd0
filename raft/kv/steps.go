package kv

import "strconv"

// step carries out what a command and a step of a transaction have in common.
func (s *Store) step(p Step) Result {
	switch p.Op {
	case Get:
		return s.Get(p.Key)
	case Put:
		s.values[p.Key] = p.Value
	case Delete:
		delete(s.values, p.Key)
	case Append:
		return s.append(p.Key, p.Value)
	case Add:
		return s.add(p.Key, p.Value)
	}
	return Result{}
}

// append changes no byte that was handed out, though it may use the room behind them: whoever
// holds the old value holds no more of it than its length.
func (s *Store) append(key string, value []byte) Result {
	current := s.values[key]
	if len(current)+len(value) > MaxValueBytes {
		return Result{Conflict: true}
	}
	s.values[key] = append(current, value...)
	return Result{}
}

func (s *Store) add(key string, delta []byte) Result {
	old, ok := int64(0), true
	if current, found := s.values[key]; found {
		old, ok = number(current)
	}
	change, valid := number(delta)
	sum := old + change
	if !ok || !valid || (sum > old) != (change > 0) && change != 0 {
		return Result{Conflict: true}
	}
	value := strconv.AppendInt(nil, sum, 10)
	s.values[key] = value
	return Result{Found: true, Value: value}
}

func number(value []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	return n, err == nil
}

// transact takes the steps one after the other, and takes them back if one conflicts.
func (s *Store) transact(steps []Step) Result {
	results := make([]Result, 0, len(steps))
	before := make([]Result, 0, len(steps))
	for i, p := range steps {
		before = append(before, s.Get(p.Key))
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

func (s *Store) restore(key string, was Result) {
	if !was.Found {
		delete(s.values, key)
		return
	}
	s.values[key] = was.Value
}
