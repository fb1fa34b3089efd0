package campaign

import "math"

// Confidence is that of every interval and every bound.
const Confidence = 0.95

// quantile is the 97.5 % quantile of the standard normal distribution.
const quantile = 1.959963984540054

// Interval is where a rate lies, both ends included.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Wilson is the interval of the rate after k of n runs, n being fixed before the first (E. Wilson,
// "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927). It holds
// 95 % of the time on average over the rates. Whoever looks at it after each run, and stops when it
// pleases, is wrong far more often: see Anytime.
func Wilson(k, n int) Interval {
	if n == 0 {
		return Interval{0, 1}
	}
	runs, rate := float64(n), float64(k)/float64(n)
	square := quantile * quantile
	middle := rate + square/(2*runs)
	half := quantile * math.Sqrt(rate*(1-rate)/runs+square/(4*runs*runs))
	interval := Interval{
		Low: (middle - half) / (1 + square/runs), High: (middle + half) / (1 + square/runs),
	}
	if k == 0 {
		interval.Low = 0 // not a rounding error above
	}
	if k == n {
		interval.High = 1
	}
	return interval
}

// Anytime is the interval of the rate after k of n runs, whenever and for whatever reason they were
// stopped: with probability 95 % the true rate lies in all the intervals of all n at once.
//
// A rate p is left out once runs that are drawn from a mixture of all rates, weighed by a
// beta(1/2, 1/2), would have shown what was seen 20 times as likely as p does. That ratio is a
// martingale if p is the true rate, so it ever reaches 20 with probability 1/20 at most (J. Ville
// 1939; H. Robbins, "Statistical Methods Related to the Law of the Iterated Logarithm", Annals of
// Mathematical Statistics 41, 1970; S. Howard et al., "Time-uniform, Nonparametric, Nonasymptotic
// Confidence Sequences", Annals of Statistics 49, 2021). Its logarithm is convex in p with its
// least value, below 0, at k/n: each end is found by halving.
func Anytime(k, n int) Interval {
	if n == 0 {
		return Interval{0, 1}
	}
	hits, misses := float64(k), float64(n-k)
	mixture := logBeta(hits+0.5, misses+0.5) - logBeta(0.5, 0.5)
	outside := func(p float64) bool {
		return mixture-hits*math.Log(p)-misses*math.Log1p(-p) >= -math.Log(1-Confidence)
	}
	rate, interval := hits/float64(n), Interval{0, 1}
	if k > 0 {
		interval.Low = border(0, rate, outside)
	}
	if k < n {
		interval.High = border(1, rate, outside)
	}
	return interval
}

// border halves the way between a rate that is out and one that is in, until nothing is left of it.
func border(out, in float64, outside func(float64) bool) float64 {
	for {
		middle := out + (in-out)/2
		switch {
		case middle == out || middle == in:
			return out
		case outside(middle):
			out = middle
		default:
			in = middle
		}
	}
}

// logBeta is the logarithm of the beta function.
func logBeta(a, b float64) float64 {
	gammaA, _ := math.Lgamma(a)
	gammaB, _ := math.Lgamma(b)
	gammaAB, _ := math.Lgamma(a + b)
	return gammaA + gammaB - gammaAB
}

// RateBelow is the rate that the true one does not exceed, with such a confidence, if none of n
// runs has shown anything: at 95 % a little less than 3/n, the rule of three. It is exact, and also
// holds if somebody chose the n at which to stop: a larger true rate shows nothing in any number of
// runs beyond this n with probability 5 % at most, and it must have done so to be excluded later.
func RateBelow(n int, confidence float64) float64 {
	if n == 0 {
		return 1
	}
	return -math.Expm1(math.Log(1-confidence) / float64(n))
}

// RunsToSee is how many runs show at least once, with a probability of 95 %, what happens at such a
// rate. 0: no number of runs does.
func RunsToSee(rate float64) int {
	switch {
	case rate <= 0:
		return 0
	case rate >= 1:
		return 1
	}
	return int(math.Ceil(math.Log(1-Confidence) / math.Log1p(-rate)))
}
