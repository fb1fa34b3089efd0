package sim

import "time"

const million = 1_000_000

// clock is a member's monotonic clock: it drifts, and faults make it jump or run at another rate.
// Integers only. It is exact for about two hours of virtual time.
type clock struct {
	since time.Duration // true time of the last change
	then  time.Duration // what it read then
	rate  int64         // its seconds in a million true ones; positive, or it would stand still
	own   int64         // the rate that it has of itself
	added int64         // by faults
}

// slowest is the rate below which no faults together bring a clock.
const slowest = million / 100

// read returns what the clock shows.
func (c *clock) read(now time.Duration) time.Duration {
	return c.then + time.Duration(int64(now-c.since)*c.rate/million)
}

// when returns the first instant at which the clock shows at least a reading.
func (c *clock) when(reading time.Duration) time.Duration {
	if reading <= c.then {
		return c.since
	}
	const far = 2 * time.Hour
	left := min(reading-c.then, far)
	at := c.since + time.Duration((int64(left)*million+c.rate-1)/c.rate)
	for c.read(at) < reading && left < far {
		at++
	}
	return at
}

// addRate changes by how much faults make the clock run faster.
func (c *clock) addRate(now time.Duration, by int64) {
	c.then, c.since = c.read(now), now
	c.added += by
	c.rate = max(slowest, c.own+c.added)
}

func (c *clock) jump(now, by time.Duration) {
	c.then, c.since = c.read(now)+by, now
}
