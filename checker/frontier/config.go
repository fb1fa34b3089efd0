package frontier

// A configuration is a few words: the state, with flags in the upper half; which open operations
// are spent; which are quiet; and of each pool of pending operations how many were drawn. It stands
// for every way to tell what took effect so far that agrees with it:
//
//   - A spent operation stands for a point at which its action took effect. The point is its own,
//     or that of any open operation of the same action that was called before it.
//   - An operation is quiet if it may have taken effect without a trace at some instant since its
//     call. What makes one quiet makes all of its action quiet that are open.
//
// So an operation that owns no point and is not quiet has not taken effect, and one that is quiet
// may have or not. Leaving that open, until it returns, is what makes few configurations of many.

const (
	fresh = 1 << 32 // the state was just overwritten, and nothing was gained by it yet
	dead  = 1 << 63 // dominated since it was put into its set
	lanes = 4       // pools in a word
	full  = 1<<16 - 1
)

// layout says how many words of a configuration are about slots, twice, and how many about pools.
type layout struct{ slots, pools int }

func (l layout) stride() int               { return 1 + 2*l.slots + l.pools }
func (l layout) spent(c []uint64) []uint64 { return c[1 : 1+l.slots] }
func (l layout) quiet(c []uint64) []uint64 { return c[1+l.slots : 1+2*l.slots] }
func (l layout) tally(c []uint64) []uint64 { return c[1+2*l.slots:] }

func stateOf(c []uint64) int32 { return int32(uint32(c[0])) }

func has(mask []uint64, slot int32) bool { return mask[slot>>6]>>(slot&63)&1 != 0 }
func put(mask []uint64, slot int32)      { mask[slot>>6] |= 1 << (slot & 63) }
func cut(mask []uint64, slot int32)      { mask[slot>>6] &^= 1 << (slot & 63) }

// drawn is how many operations of the pool in a column took effect.
func drawn(pools []uint64, column int32) int32 {
	return int32(pools[column/lanes] >> (16 * (column % lanes)) & full)
}

func draw(pools []uint64, column int32) { pools[column/lanes] += 1 << (16 * (column % lanes)) }

// within compares a word of pools: in no lane is x more than y.
func within(x, y uint64) bool {
	for ; x != 0; x, y = x>>16, y>>16 {
		if x&full > y&full {
			return false
		}
	}
	return true
}

// total is how many pending operations took effect.
func total(pools []uint64) (sum uint64) {
	for _, word := range pools {
		for ; word != 0; word >>= 16 {
			sum += word & full
		}
	}
	return sum
}
