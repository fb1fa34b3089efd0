package campaign

import "math"

// Statistics over seeds: each is one independent draw of the swarm, so the number of failures is
// binomial. Every bound here is exact (C. Clopper, E. Pearson, "The Use of Confidence or Fiducial
// Limits Illustrated in the Case of the Binomial", Biometrika 26, 1934): it is wrong in at most
// 5 % of campaigns, whatever the true rate. No failure in n seeds gives the rule of three: the
// rate is below 3/n.

// Confidence is that of every bound.
const Confidence = 0.95

// RateBelow is the rate that the true one does not exceed, after so many failures in n seeds.
func RateBelow(failures, n int) float64 { return upper(failures, n, 1-Confidence) }

// RateBetween is the interval that holds the true rate, after so many failures in n seeds.
func RateBetween(failures, n int) (low, high float64) {
	const tail = (1 - Confidence) / 2
	return lower(failures, n, tail), upper(failures, n, tail)
}

// upper is the rate at which so few failures would have been seen with probability tail only.
func upper(failures, n int, tail float64) float64 {
	switch {
	case failures >= n:
		return 1
	case failures == 0:
		return -math.Expm1(math.Log(tail) / float64(n))
	}
	k := float64(failures)
	return solve(func(rate float64) float64 { return 1 - beta(rate, k+1, float64(n)-k) }, tail)
}

// lower is the rate at which so many failures would have been seen with probability tail only.
func lower(failures, n int, tail float64) float64 {
	if failures == 0 {
		return 0
	}
	k := float64(failures)
	return solve(func(rate float64) float64 { return 1 - beta(rate, k, float64(n)-k+1) }, 1-tail)
}

// solve finds where a function that falls from 1 to 0 over [0, 1] has the value, by halving.
func solve(f func(float64) float64, value float64) float64 {
	low, high := 0.0, 1.0
	for high-low > 1e-12*high {
		middle := (low + high) / 2
		if f(middle) > value {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// beta is the regularised incomplete beta function I_x(a, b): the probability of at least a
// failures in a+b-1 seeds at rate x. By its continued fraction, which converges fast on the near
// side of the mean (M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions", 26.5.8).
func beta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - beta(1-x, b, a)
	}
	gammaAB, _ := math.Lgamma(a + b)
	gammaA, _ := math.Lgamma(a)
	gammaB, _ := math.Lgamma(b)
	front := math.Exp(gammaAB - gammaA - gammaB + a*math.Log(x) + b*math.Log1p(-x))
	return front * fraction(x, a, b) / a
}

// fraction evaluates the continued fraction of beta from the front (W. Lentz, "Generating Bessel
// functions in Mie scattering calculations using continued fractions", 1976).
func fraction(x, a, b float64) float64 {
	const tiny, precision = 1e-300, 1e-15
	guard := func(v float64) float64 {
		if math.Abs(v) < tiny {
			return tiny
		}
		return v
	}
	c, d := 1.0, 1/guard(1-(a+b)*x/(a+1))
	sum := d
	for i := range 100_000 {
		m := float64(i + 1)
		for _, step := range [2]float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			d = 1 / guard(1+step*d)
			c = guard(1 + step/c)
			sum *= c * d
		}
		if math.Abs(c*d-1) < precision {
			break
		}
	}
	return sum
}
