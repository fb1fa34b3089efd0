package online

import (
	"math/rand/v2"
	"testing"

	"gauntlet/checker/finding"
)

// play feeds a history to an object and returns how many events it took to raise an alarm, or 0.
// Between events it lets the object forget, if eager, all that it can.
func play(s small, eager bool) (int, *Alarm, error) {
	k := newObject()
	ops := make([]operation, len(s.ops))
	copy(ops, s.ops)
	for i, e := range s.events {
		o := &ops[e.index]
		var alarm *Alarm
		switch {
		case e.called:
			if err := k.invoke(o); err != nil {
				return i, nil, err
			}
		case e.lost:
			k.lost(o)
		case e.failed:
			alarm = k.failed(o, e.answer.ret)
		default:
			alarm = k.answered(o, e.answer)
		}
		if alarm != nil {
			return i + 1, alarm, nil
		}
		if eager {
			k.forget()
		}
	}
	return 0, nil, nil
}

// Goal: an alarm is raised with the very answer that makes a history impossible, never before, and
// never without need; what was forgotten changes nothing.
// Method: random small histories (unanswered, failed and late answers, chains of compare-and-set,
// equal stamps); after every event all orders are tried.
func TestAlarmAtOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	histories, alarms := 20_000, 0
	classes := map[finding.Class]int{}
	for range histories {
		s := random(r, 8)
		want := 0
		for n := range s.events {
			if e := s.events[n]; !e.called && !linearizable(s.known(n+1)) {
				want = n + 1
				break
			}
		}
		for _, eager := range []bool{false, true} {
			got, alarm, err := play(s, eager)
			if err != nil {
				t.Fatalf("%+v: %v", s, err)
			}
			if alarm != nil {
				classes[alarm.Class]++
			}
			if got != want {
				t.Fatalf("eager %v: alarm after %d events, want %d: %+v\n%v\n%+v", eager, got, want, alarm,
					s.known(max(got, want)), s.events)
			}
		}
		if want > 0 {
			alarms++
		}
	}
	t.Logf("%d histories, %d wrong: %v", histories, alarms, classes)
	if alarms < histories/4 || alarms > histories*3/4 {
		t.Errorf("%d of %d histories are wrong: not balanced", alarms, histories)
	}
}
