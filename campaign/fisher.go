package campaign

import "math"

// Fisher is the probability that two builds with one and the same rate differ at least as much as
// these do, k1 of n1 runs against k2 of n2: Fisher's exact test, two-sided (R. Fisher, "Statistical
// Methods for Research Workers", 1934). Among all the ways to deal the k1+k2 hits out to the n1+n2
// runs it adds up those that are no likelier than what was seen. The numbers of runs must not hang
// on what they showed.
func Fisher(k1, n1, k2, n2 int) float64 {
	hits, runs := k1+k2, n1+n2
	all := logChoose(runs, hits)
	likelihood := func(first int) float64 {
		return math.Exp(logChoose(n1, first) + logChoose(n2, hits-first) - all)
	}
	// What is as likely by the formula differs in its last digits by the logarithms.
	const rounding = 1e-7
	seen, p := likelihood(k1), 0.0
	for first := max(0, hits-n2); first <= min(n1, hits); first++ {
		if other := likelihood(first); other <= seen*(1+rounding) {
			p += other
		}
	}
	return min(p, 1)
}

// logChoose is the logarithm of the number of ways to choose k of n.
func logChoose(n, k int) float64 {
	all, _ := math.Lgamma(float64(n) + 1)
	chosen, _ := math.Lgamma(float64(k) + 1)
	left, _ := math.Lgamma(float64(n-k) + 1)
	return all - chosen - left
}
