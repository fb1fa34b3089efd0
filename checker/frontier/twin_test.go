package frontier

import "slices"

// twin is the search in its plain form: each configuration is a state, who took effect, and how
// many of the pending ones did. It knows no shape and no dominance.
type twin struct {
	object  Object
	ops     []Op
	configs map[string]bool
	open    []int
	pending []int
}

// plain decides a history as Search does, and tells the place where it is stuck, or -1.
func plain(o Object, initial []int32, ops []Op) int {
	t := &twin{object: o, ops: ops, configs: map[string]bool{}}
	for _, state := range initial {
		t.configs[pack(state, nil)] = true
	}
	calls, returns := order(ops)
	next := 0
	for _, p := range returns {
		for ; next < len(calls) && ops[calls[next]].Call <= ops[p].Ret; next++ {
			if i := int(calls[next]); ops[i].Pending {
				t.pending = append(t.pending, i)
			} else {
				t.open = append(t.open, i)
			}
		}
		if t.ret(int(p)); len(t.configs) == 0 {
			return int(p)
		}
	}
	return -1
}

// pack makes a configuration of a state and who took effect: completed operations by index, pending
// ones by action, below zero.
func pack(state int32, done []int32) string {
	slices.Sort(done)
	var c []byte
	for _, n := range append([]int32{state}, done...) {
		c = append(c, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	}
	return string(c)
}

func unpack(c string) (state int32, done []int32) {
	for i := 0; i < len(c); i += 4 {
		n := int32(c[i]) | int32(c[i+1])<<8 | int32(c[i+2])<<16 | int32(c[i+3])<<24
		done = append(done, n)
	}
	return done[0], done[1:]
}

func (t *twin) ret(p int) {
	next, seen := map[string]bool{}, map[string]bool{}
	var work []string
	for c := range t.configs {
		work = append(work, c)
	}
	for len(work) > 0 {
		c := work[len(work)-1]
		work = work[:len(work)-1]
		if seen[c] {
			continue
		}
		seen[c] = true
		state, done := unpack(c)
		if i := slices.Index(done, int32(p)); i >= 0 {
			next[pack(state, slices.Delete(done, i, i+1))] = true
			continue
		}
		work = append(work, t.steps(state, done)...)
	}
	t.configs = next
	t.open = slices.DeleteFunc(t.open, func(i int) bool { return i == p })
}

func (t *twin) steps(state int32, done []int32) (steps []string) {
	for _, i := range t.open {
		to, ok := t.object.Step(state, t.ops[i].Action)
		if ok && !slices.Contains(done, int32(i)) {
			steps = append(steps, pack(to, append([]int32{int32(i)}, done...)))
		}
	}
	left := map[int32]int{}
	for _, i := range t.pending {
		left[t.ops[i].Action]++
	}
	for _, d := range done {
		if d < 0 {
			left[-1-d]--
		}
	}
	for a, n := range left {
		if to, ok := t.object.Step(state, a); ok && n > 0 && to != state {
			steps = append(steps, pack(to, append([]int32{-1 - a}, done...)))
		}
	}
	return steps
}
