package online

import (
	"fmt"
	"math"

	"gauntlet/checker/finding"
	"gauntlet/checker/register"
)

// stamp is an instant and the operation whose call or return it is; 0 names none.
type stamp struct{ at, op int64 }

// The instants before and after all others.
const (
	never   = math.MinInt64
	forever = math.MaxInt64
)

func (s *stamp) fall(to stamp) { // to the lesser
	if to.at < s.at {
		*s = to
	}
}

func (s *stamp) rise(to stamp) { // to the greater
	if to.at > s.at {
		*s = to
	}
}

// version is one value of a register from its write on: who wrote it, and what saw it. The initial
// value was written before all time.
type version struct {
	value     value
	from      value // what the cas that wrote it expects; else unused
	cas       bool
	call, ret stamp // of its writer, which has returned if ret is not forever
	firstRet  stamp // the least return of what saw it; forever if nothing did
	lastCall  stamp // the greatest call of what saw it; never if nothing did

	// What follows is of versions that were surely in force: see keep.
	block  *block   // nil: not known to have been in force
	next   *version // which a cas made of it; nil: none, as far as is known
	before stamp    // the greatest call of all that comes before it in its block
}

// least is the least return of its writer and of what saw it.
func (v *version) least() stamp {
	if v.firstRet.at < v.ret.at {
		return v.firstRet
	}
	return v.ret
}

// object is one register.
//
// Invariants, after each event:
//  1. versions holds what a coming answer may have seen: see forget. kept counts those in blocks.
//  2. Along a block, before never falls, and no version of it returned anything sooner than its
//     before: the chain can be put in order by itself.
//  3. The blocks can be put in order: see order.
type object struct {
	versions     map[value]*version
	peak         int // the most versions since the map was made
	order        order
	kept, enough int // when kept reaches enough, it is time to forget

	first, last *operation // open, in the order of the calls
	invoked     int64      // the latest call
	returned    int64      // the latest return
	forgot      bool       // some version at some time
	ended       bool       // not watched any more
}

func newObject() *object {
	k := &object{invoked: never, returned: never, enough: leastKept}
	k.renew(nil)
	initial := &version{
		call: stamp{at: never}, ret: stamp{at: never},
		firstRet: stamp{at: forever}, lastCall: stamp{at: never}, before: stamp{at: never},
	}
	k.versions[value{}] = initial
	k.found(initial)
	k.order.settle(initial.block)
	return k
}

// size is how many versions the object holds.
func (k *object) size() int { return len(k.versions) }

// invoke takes in a call. An error ends the watch.
func (k *object) invoke(o *operation) error {
	if o.call < k.invoked || o.call <= k.returned {
		after := "none returned"
		if k.returned != never {
			after = fmt.Sprintf("a return at %d", k.returned)
		}
		return fmt.Errorf("operation %d: called at %d, after a call at %d and %s",
			o.id, o.call, k.invoked, after)
	}
	k.invoked = o.call
	if o.kind != register.Read && !(o.kind == register.CAS && o.before == o.after) {
		if k.versions[o.after] != nil {
			k.forget() // else the answer would hang on when that was done last
		}
		if k.versions[o.after] != nil {
			return fmt.Errorf("operation %d: %s is written twice", o.id, o.after)
		}
		o.writes = &version{
			value: o.after, from: o.before, cas: o.kind == register.CAS,
			call: stamp{o.call, o.id}, ret: stamp{at: forever},
			firstRet: stamp{at: forever}, lastCall: stamp{at: never}, before: stamp{at: never},
		}
		k.versions[o.after] = o.writes
		k.peak = max(k.peak, len(k.versions))
	}
	o.of, o.older = k, k.last
	if k.last != nil {
		k.last.newer = o
	} else {
		k.first = o
	}
	k.last = o
	return nil
}

// answer is how an operation ended well: what it saw, if it says that, and whether it did what it
// wanted.
type answer struct {
	ret        int64
	saw        value
	says, done bool
}

// answered takes in an answer.
func (k *object) answered(o *operation, a answer) *Alarm {
	k.close(o)
	k.returned = max(k.returned, a.ret)
	var found *clash
	switch {
	case o.kind == register.CAS && a.says && a.saw == o.before:
		found = &clash{class: finding.Contradiction, text: fmt.Sprintf(
			"cas from %s failed, and found %s", o.before, a.saw)}
	case o.kind == register.CAS && a.done && o.writes == nil:
		found = k.see(o, o.before, a.ret) // a cas to the value it found is a read of it
	case o.writes != nil && a.done:
		found = k.wrote(o.writes, stamp{a.ret, o.id})
	default:
		if found = k.drop(o); found == nil && a.says {
			found = k.see(o, a.saw, a.ret)
		}
	}
	if found != nil {
		return found.alarm(o.id, a.ret)
	}
	k.tidy()
	return nil
}

// failed takes in that an operation certainly never happened.
func (k *object) failed(o *operation, ret int64) *Alarm {
	k.close(o)
	if found := k.drop(o); found != nil {
		return found.alarm(o.id, ret)
	}
	k.tidy()
	return nil
}

// lost takes in that nobody will ever know of an operation, unless its value is seen.
func (k *object) lost(o *operation) {
	k.close(o)
	k.tidy()
}

// drop forgets what an operation certainly did not write.
func (k *object) drop(o *operation) *clash {
	v := o.writes
	if v == nil {
		return nil
	}
	if v.block != nil {
		return &clash{finding.NeverWritten, fmt.Sprintf(
			"%s was seen, yet its write certainly did not happen", v.value),
			[]int64{v.least().op}}
	}
	delete(k.versions, v.value)
	return nil
}

// close takes an operation out of those that are open.
func (k *object) close(o *operation) {
	if o.older != nil {
		o.older.newer = o.newer
	} else {
		k.first = o.newer
	}
	if o.newer != nil {
		o.newer.older = o.older
	} else {
		k.last = o.older
	}
	o.older, o.newer = nil, nil
}
