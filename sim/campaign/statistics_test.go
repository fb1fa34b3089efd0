package campaign

import (
	"math"
	"testing"

	"gauntlet/chance"
)

// Goal: the bounds are the textbook's. Method: the rule of three, and intervals from published
// tables (Clopper and Pearson 1934; R's binom.test).
func TestBoundsAreTheTextbooks(t *testing.T) {
	for _, n := range []int{100, 1_000, 1_000_000, 1_000_000_000} {
		if got, want := RateBelow(0, n)*float64(n), 3.0; got > want || got < want-0.06 {
			t.Errorf("no failure in %d: below %.4f/n, want a little less than 3/n", n, got)
		}
	}
	for _, c := range []struct {
		failures, n int
		low, high   float64
	}{
		{0, 10, 0, 0.3084971},
		{1, 10, 0.002528579, 0.445016},
		{3, 10, 0.06673951, 0.6524529},
		{10, 10, 0.6915029, 1},
		{5, 100, 0.01643188, 0.1128349},
		{50, 100, 0.3983211, 0.6016789},
	} {
		low, high := RateBetween(c.failures, c.n)
		if math.Abs(low-c.low) > 1e-6 || math.Abs(high-c.high) > 1e-6 {
			t.Errorf("%d of %d: [%.7f, %.7f], want [%.7f, %.7f]",
				c.failures, c.n, low, high, c.low, c.high)
		}
	}
}

// Goal: whatever the true rate, a bound is wrong in at most 5 % of campaigns. Method: for small
// campaigns, add up the probability of every number of failures whose bound holds.
func TestBoundsCoverExactly(t *testing.T) {
	for _, n := range []int{1, 2, 7, 40, 150} {
		low, high, most := make([]float64, n+1), make([]float64, n+1), make([]float64, n+1)
		for failures := range n + 1 {
			low[failures], high[failures] = RateBetween(failures, n)
			most[failures] = RateBelow(failures, n)
		}
		for step := range 400 {
			rate := math.Pow(float64(step)/399, 3) // dense near 0, where rates of bugs lie
			between, below := 0.0, 0.0
			for failures := range n + 1 {
				p := probability(failures, n, rate)
				if low[failures] <= rate && rate <= high[failures] {
					between += p
				}
				if rate <= most[failures] {
					below += p
				}
			}
			if least := min(between, below); least < Confidence-1e-9 {
				t.Fatalf("n %d, rate %g: covered with probability %.4f", n, rate, least)
			}
		}
	}
}

// probability of so many failures in n seeds, from its definition.
func probability(failures, n int, rate float64) float64 {
	p := 1.0
	for i := range failures {
		p *= float64(n-i) / float64(i+1) * rate
	}
	return p * math.Pow(1-rate, float64(n-failures))
}

// Goal: the same holds for campaigns as they happen, at rates of real bugs. Method: thousands of
// synthetic campaigns of known rate, drawn seed by seed.
func TestBoundsCoverSyntheticCampaigns(t *testing.T) {
	const campaigns = 4_000
	for i, c := range []struct {
		n    int
		rate float64
	}{{300, 0}, {300, 0.001}, {300, 0.01}, {300, 0.03}, {100, 0.2}, {1_000, 0.002}} {
		draw := chance.New(7, "campaign.synthetic", uint64(i))
		times := make([]int, c.n+1) // by number of failures
		for range campaigns {
			failures := 0
			for range c.n {
				if float64(draw.Uint64()>>11)/(1<<53) < c.rate {
					failures++
				}
			}
			times[failures]++
		}
		between, below := 0, 0
		for failures, n := range times {
			if low, high := RateBetween(failures, c.n); low <= c.rate && c.rate <= high {
				between += n
			}
			if c.rate <= RateBelow(failures, c.n) {
				below += n
			}
		}
		if least := float64(min(between, below)) / campaigns; least < Confidence {
			t.Errorf("n %d, rate %g: held in %.3f of the campaigns", c.n, c.rate, least)
		}
	}
}

// Goal: a campaign of a night is answered at once, with bounds in order. Method: huge numbers.
func TestBoundsOfLongCampaigns(t *testing.T) {
	for _, failures := range []int{1, 17, 4_000, 10_000_000, 99_999_999} {
		const n = 100_000_000
		low, high := RateBetween(failures, n)
		rate := float64(failures) / n
		if !(0 < low && low < rate && rate < high && high < 1 && RateBelow(failures, n) < high) {
			t.Errorf("%d of %d: [%g, %g]", failures, n, low, high)
		}
	}
}
