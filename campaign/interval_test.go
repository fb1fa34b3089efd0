package campaign

import (
	"math"
	"testing"

	"gauntlet/chance"
)

// Goal: Wilson's interval is the textbook's. Method: published values (R's prop.test without
// continuity correction), and its definition: each end is a rate from which the one that was seen
// lies 1.96 standard deviations away.
func TestWilsonIsTheTextbooks(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, 0.2775328}, {1, 10, 0.01787621, 0.4041500}, {9, 10, 0.5958500, 0.9821238},
		{10, 10, 0.7224672, 1}, {50, 100, 0.4038315, 0.5961685},
	} {
		got := Wilson(c.k, c.n)
		if math.Abs(got.Low-c.low) > 1e-6 || math.Abs(got.High-c.high) > 1e-6 {
			t.Errorf("%d of %d: %v, want [%v, %v]", c.k, c.n, got, c.low, c.high)
		}
	}
	for n := 1; n < 60; n++ {
		for k := 0; k <= n; k++ {
			got, rate := Wilson(k, n), float64(k)/float64(n)
			for _, end := range []float64{got.Low, got.High} {
				away := math.Abs(rate - end)
				deviation := math.Sqrt(end * (1 - end) / float64(n))
				if end != 0 && end != 1 && math.Abs(away-quantile*deviation) > 1e-9 {
					t.Fatalf("%d of %d: %v is %v deviations away", k, n, end, away/deviation)
				}
			}
		}
	}
}

// Goal: Wilson's interval holds 95 % of the time on average. Method: for several n, the exact
// probability that it covers, over evenly spread rates.
func TestWilsonCoversOnAverage(t *testing.T) {
	for _, n := range []int{5, 10, 30, 100} {
		const rates = 400
		total := 0.0
		for step := range rates {
			rate := (float64(step) + 0.5) / rates
			for k := 0; k <= n; k++ {
				if holds(Wilson(k, n), rate) {
					total += math.Exp(logChoose(n, k)) *
						math.Pow(rate, float64(k)) * math.Pow(1-rate, float64(n-k))
				}
			}
		}
		if average := total / rates; average < Confidence-0.005 || average > 0.975 {
			t.Errorf("n %d: covers with probability %.4f", n, average)
		}
	}
}

func holds(i Interval, rate float64) bool { return i.Low <= rate && rate <= i.High }

// Goal: the interval for any time is as defined. Method: the mixture's probability run by
// run, as a product of what it expects next (R. Krichevsky, V. Trofimov 1981), and every rate of a
// grid tried in it.
func TestAnytimeAgainstBruteForce(t *testing.T) {
	const grid = 2_000
	for n := 1; n <= 40; n++ {
		for k := 0; k <= n; k++ {
			got, mixture := Anytime(k, n), 1.0
			for run := range n {
				hits := min(run, k) // the order does not matter: first the hits, then the misses
				expected := (float64(hits) + 0.5) / (float64(run) + 1)
				if run >= k {
					expected = 1 - expected
				}
				mixture *= expected
			}
			for step := 1; step < grid; step++ {
				p := float64(step) / grid
				likelihood := math.Pow(p, float64(k)) * math.Pow(1-p, float64(n-k))
				ratio := mixture / likelihood
				if math.Abs(ratio-20) > 1e-6 && (ratio < 20) != holds(got, p) {
					t.Fatalf("%d of %d: %v, but the ratio at %v is %v", k, n, got, p, ratio)
				}
			}
		}
	}
}

// Goal: whoever may stop at any time, and so waits for the interval that is wrong, finds one with
// probability 5 % at most; with Wilson's far more often, which is why there are two. Method: the
// exact probability to be right all along, run by run over the numbers of hits.
func TestAnytimeHoldsAtAllTimes(t *testing.T) {
	const most = 300
	everWrong := func(rate float64, of func(k, n int) Interval) float64 {
		right := []float64{1} // by hits: the probability to have them, and to have been right so far
		for n := 1; n <= most; n++ {
			next := make([]float64, n+1)
			for k, p := range right {
				next[k] += p * (1 - rate)
				next[k+1] += p * rate
			}
			for k := range next {
				if next[k] > 0 && !holds(of(k, n), rate) {
					next[k] = 0
				}
			}
			right = next
		}
		sum := 0.0
		for _, p := range right {
			sum += p
		}
		return 1 - sum
	}
	for _, rate := range []float64{0.003, 0.01, 0.05, 0.1, 0.27, 0.5, 0.73, 0.9, 0.99} {
		if wrong := everWrong(rate, Anytime); wrong > 1-Confidence {
			t.Errorf("rate %v: is left out at some time with probability %.4f", rate, wrong)
		}
		if wrong := everWrong(rate, Wilson); wrong < 0.15 {
			t.Errorf("rate %v: Wilson's would do, with %.4f: the test shows nothing", rate, wrong)
		}
	}
}

// Goal: what is claimed holds for campaigns as they happen: stopped at the first hit, or when the
// patience for it ends. Method: many synthetic campaigns of known rate, fixed seeds; each of the
// two claims is wrong in 5 % of them at most, but for chance (three standard deviations).
func TestClaimsOfSyntheticCampaigns(t *testing.T) {
	const campaigns, noise = 20_000, 0.0047
	for i, c := range []struct {
		rate     float64
		patience int
	}{{0.002, 30}, {0.02, 100}, {0.05, 59}, {0.051, 59}, {0.1, 29}, {0.3, 10}, {0.95, 3}} {
		draw := chance.New(11, "campaign.synthetic", uint64(i))
		wrongBelow, wrongInterval := 0, 0
		for range campaigns {
			n, hit := 0, false
			for !hit && n < c.patience {
				n++
				hit = float64(draw.Uint64()>>11)/(1<<53) < c.rate
			}
			switch {
			case hit && !holds(Anytime(1, n), c.rate):
				wrongInterval++
			case !hit && c.rate > RateBelow(n, Confidence):
				wrongBelow++
			}
		}
		if wrong := float64(max(wrongBelow, wrongInterval)) / campaigns; wrong > 0.05+noise {
			t.Errorf("rate %v, at most %d runs: of %d campaigns %d are wrong by the bound, %d by the "+
				"interval", c.rate, c.patience, campaigns, wrongBelow, wrongInterval)
		}
	}
}

// Goal: "rate below" is the rule of three, and right whoever chose the number of runs. Method: its
// definition, and for many rates the n at which it would first leave the true rate out.
func TestRateBelow(t *testing.T) {
	for _, n := range []int{1, 10, 100, 1_000_000} {
		if got := math.Pow(1-RateBelow(n, Confidence), float64(n)); math.Abs(got-0.05) > 1e-9 {
			t.Errorf("none of %d: %v is seen with probability %v", n, RateBelow(n, Confidence), got)
		}
		if got := RateBelow(n, Confidence) * float64(n); got > 3 {
			t.Errorf("none of %d: below %v/n, want less than 3/n", n, got)
		}
	}
	for _, rate := range []float64{0.001, 0.01, 0.2, 0.7} {
		n := 1
		for RateBelow(n, Confidence) >= rate {
			n++
		}
		if p := math.Pow(1-rate, float64(n)); p > 1-Confidence {
			t.Errorf("rate %v is left out after %d runs, which are seen with probability %v", rate, n, p)
		}
	}
	if RateBelow(0, Confidence) != 1 || Wilson(0, 0) != (Interval{0, 1}) ||
		Anytime(0, 0) != (Interval{0, 1}) {
		t.Error("no run bounds something")
	}
}

// Goal: the numbers of runs are those that everybody knows. Method: look.
func TestRunsToSee(t *testing.T) {
	for rate, want := range map[float64]int{0.1: 29, 0.05: 59, 0.01: 299, 1: 1, 0: 0, 0.999: 1} {
		if got := RunsToSee(rate); got != want {
			t.Errorf("rate %v: %d runs, want %d", rate, got, want)
		}
	}
}

// Goal: intervals are in order and narrow as runs are made, also many. Method: look at large
// numbers, where logarithms must carry.
func TestIntervalsOfManyRuns(t *testing.T) {
	for _, n := range []int{1_000, 1_000_000, 100_000_000} {
		for _, k := range []int{0, 1, n / 3, n - 1, n} {
			rate := float64(k) / float64(n)
			fixed, anytime := Wilson(k, n), Anytime(k, n)
			if !holds(fixed, rate) || !holds(anytime, rate) ||
				anytime.High-anytime.Low > 8/math.Sqrt(float64(n)) ||
				anytime.High-anytime.Low < (fixed.High-fixed.Low)*0.9 {
				t.Errorf("%d of %d: %v, at any time %v", k, n, fixed, anytime)
			}
		}
	}
}
