package online

import (
	"fmt"

	"gauntlet/checker/finding"
)

// clash is why the answers so far allow no order.
type clash struct {
	class  finding.Class
	text   string
	others []int64
}

func (c *clash) alarm(op, at int64) *Alarm {
	return &Alarm{Operation: op, At: at, Class: c.class, Others: c.others, Text: c.text}
}

// see takes in that an operation saw a value.
//
// A value that is not known was never asked for, or was forgotten. Whoever wrote it was called
// before anybody could have seen it, and a call comes before any later return; so the former is a
// violation at once, and the latter is one by what forget says.
func (k *object) see(o *operation, what value, ret int64) *clash {
	v := k.versions[what]
	if v == nil {
		return k.unknown(what)
	}
	if found := k.keep(v); found != nil {
		return found
	}
	call, done := stamp{o.call, o.id}, stamp{ret, o.id}
	switch {
	case ret < v.call.at:
		return &clash{finding.Future, fmt.Sprintf("%s was seen before its write was called", what),
			[]int64{v.call.op}}
	case ret < v.before.at:
		return &clash{finding.Reordered, fmt.Sprintf(
			"%s was seen before what had to come before it", what), []int64{v.call.op, v.before.op}}
	}
	if late := v.pass(call); late != nil {
		return &clash{finding.Stale, fmt.Sprintf("%s was seen after a cas had replaced it by %s",
			what, v.next.value), []int64{v.next.call.op, late.op}}
	}
	v.firstRet.fall(done)
	v.lastCall.rise(call)
	v.block.f.fall(done)
	v.block.s.rise(call)
	return k.settle(v, finding.Stale)
}

// wrote takes in that the writer of a version is done.
func (k *object) wrote(v *version, ret stamp) *clash {
	v.ret = ret
	if found := k.keep(v); found != nil {
		return found
	}
	if ret.at < v.before.at {
		return &clash{finding.Reordered, fmt.Sprintf(
			"%s was written by a cas before what it replaced", v.value), []int64{v.before.op}}
	}
	v.block.f.fall(ret)
	return k.settle(v, finding.Reordered)
}

// keep says that a version was surely in force: its write is done, or it was seen. Then so was all
// that cas had to find on the way there. A version that a cas wrote follows in the block of the one
// that it replaced; any other begins a block of its own.
func (k *object) keep(v *version) *clash {
	if v.block != nil {
		return nil
	}
	path := []*version{v} // from v back to what is kept already, or to a plain write
	for at := v; at.cas; {
		parent := k.versions[at.from]
		if parent == nil {
			return k.unknown(at.from)
		}
		if parent.block != nil {
			break
		}
		if len(path) > len(k.versions) {
			return &clash{class: finding.NoOrder, others: []int64{at.call.op, parent.call.op},
				text: fmt.Sprintf("each of %s and %s was made of the other", at.value, parent.value)}
		}
		path = append(path, parent)
		at = parent
	}
	for i := len(path) - 1; i >= 0; i-- {
		at := path[i]
		if !at.cas {
			k.found(at)
			continue
		}
		if found := k.follow(k.versions[at.from], at); found != nil {
			return found
		}
	}
	return nil
}

// found begins a block with a version that no cas wrote.
func (k *object) found(v *version) {
	v.block = &block{f: v.ret, s: v.call, head: v, at: -1}
	k.kept++
}

// follow puts a version behind the one that a cas made it of. Whether it came too soon for that is
// seen when its return is taken in: see wrote.
func (k *object) follow(parent, v *version) *clash {
	if parent.next != nil {
		return &clash{class: finding.Twice,
			others: []int64{v.call.op, parent.next.call.op}, text: fmt.Sprintf(
				"two cas found %s: one made %s of it, the other %s", parent.value,
				parent.next.value, v.value)}
	}
	v.before = parent.before
	v.before.rise(parent.call)
	v.before.rise(parent.lastCall)
	parent.next, v.block = v, parent.block
	v.block.s.rise(v.call)
	k.kept++
	return nil
}

// pass tells all that comes after a version in its block of a call there, and returns the return
// that is too soon for it, or nil. It stops where a later call is known already, so it goes no
// further than what was put in order while the caller was open.
func (v *version) pass(call stamp) *stamp {
	for after := v.next; after != nil && after.before.at < call.at; after = after.next {
		after.before = call
		if least := after.least(); least.at < call.at {
			return &least
		}
	}
	return nil
}

// settle puts the block of a version at its place among all others.
func (k *object) settle(v *version, class finding.Class) *clash {
	b := v.block
	other := k.order.settle(b)
	if other == nil {
		return nil
	}
	was := other.head.value
	text := fmt.Sprintf("%s and %s were each in force before the other", v.value, was)
	if class == finding.Stale {
		text = fmt.Sprintf("%s was seen, though %s came after it and before", v.value, was)
	}
	return &clash{class, text, []int64{b.f.op, b.s.op, other.f.op, other.s.op}}
}

// unknown takes a value that may have been forgotten for one that was: reads that are too old
// happen more often than values from nowhere.
func (k *object) unknown(what value) *clash {
	if k.forgot {
		return &clash{class: finding.Stale, text: fmt.Sprintf(
			"%s was found, which was replaced long before, if anybody wrote it", what)}
	}
	return &clash{class: finding.NeverWritten, text: fmt.Sprintf(
		"%s was found, which nobody wrote", what)}
}
