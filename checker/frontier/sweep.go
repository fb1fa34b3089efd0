package frontier

import "encoding/binary"

// sweep holds all configurations that may be in force at one instant: a state, which of the open
// operations took effect, and how many of the pending ones of each action.
type sweep struct {
	object  Object
	limit   Limit
	configs map[string]bool
	open    []int32 // action by slot, -1 if free
	pending []pool
	peak    int
	why     string // set if the search ended without an answer
}

// pool is the pending operations of one action.
type pool struct {
	action int32
	size   uint16
}

func newSweep(o Object, initial []int32, limit Limit) *sweep {
	if limit.Configs == 0 {
		limit.Configs = 1_000_000
	}
	s := &sweep{object: o, limit: limit, configs: map[string]bool{}}
	for _, state := range initial {
		s.configs[string(binary.LittleEndian.AppendUint32(nil, uint32(state)))] = true
	}
	s.peak = len(s.configs)
	return s
}

// A configuration is the state, a byte for each slot and two for each pool, without zeroes behind.
func (s *sweep) unpack(c string) (state int32, done []bool, used []uint16) {
	done, used = make([]bool, len(s.open)), make([]uint16, len(s.pending))
	state = int32(binary.LittleEndian.Uint32([]byte(c)))
	rest := c[4:]
	for len(rest) >= 4 {
		kind, i, n := rest[0], int(rest[1])|int(rest[2])<<8, uint16(rest[3])
		if kind == 0 {
			done[i] = true
		} else {
			used[i] += n
		}
		rest = rest[4:]
	}
	return state, done, used
}

func pack(state int32, done []bool, used []uint16) string {
	c := binary.LittleEndian.AppendUint32(nil, uint32(state))
	for i, d := range done {
		if d {
			c = append(c, 0, byte(i), byte(i>>8), 1)
		}
	}
	for i, n := range used {
		for ; n > 0; n -= min(n, 255) {
			c = append(c, 1, byte(i), byte(i>>8), byte(min(n, 255)))
		}
	}
	return string(c)
}

func (s *sweep) call(action int32) int32 {
	for i, a := range s.open {
		if a < 0 {
			s.open[i] = action
			return int32(i)
		}
	}
	s.open = append(s.open, action)
	return int32(len(s.open) - 1)
}

func (s *sweep) pend(action int32) {
	for i := range s.pending {
		if s.pending[i].action == action {
			s.pending[i].size++
			return
		}
	}
	s.pending = append(s.pending, pool{action: action, size: 1})
}

// ret lets an operation return. It is false if nothing may be in force any more, or why is set.
func (s *sweep) ret(slot int32) bool {
	next := map[string]bool{}
	seen := map[string]bool{}
	var work []string
	for c := range s.configs {
		work = append(work, c)
	}
	for len(work) > 0 && s.why == "" {
		c := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[c] {
			continue
		}
		seen[c] = true
		if len(seen) > s.limit.Configs {
			s.why = "too many configurations"
		}
		if s.limit.Stop != nil && s.limit.Stop() {
			s.why = "stopped"
		}
		state, done, used := s.unpack(c)
		if done[slot] {
			done[slot] = false
			next[pack(state, done, used)] = true
			continue
		}
		work = append(work, s.steps(state, done, used)...)
	}
	s.configs, s.open[slot] = next, -1
	s.peak = max(s.peak, len(next))
	return len(next) > 0 && s.why == ""
}

// steps lists what one more operation makes of a configuration.
func (s *sweep) steps(state int32, done []bool, used []uint16) (steps []string) {
	for i, a := range s.open {
		if a < 0 || done[i] {
			continue
		}
		if to, ok := s.object.Step(state, a); ok {
			done[i] = true
			steps = append(steps, pack(to, done, used))
			done[i] = false
		}
	}
	for i, p := range s.pending {
		if to, ok := s.object.Step(state, p.action); ok && used[i] < p.size {
			used[i]++
			steps = append(steps, pack(to, done, used))
			used[i]--
		}
	}
	return steps
}

// clone copies the sweep, for a look ahead.
func (s *sweep) clone() *sweep {
	twin := *s
	twin.open = append([]int32(nil), s.open...)
	twin.pending = append([]pool(nil), s.pending...)
	return &twin
}
