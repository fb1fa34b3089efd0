package campaign

import (
	"math"
	"math/big"
	"testing"
)

// Goal: Fisher's test is exact. Method: every table of up to 14 runs a build, and some larger ones,
// against the same sum in fractions of whole numbers, where equal is equal.
func TestFisherAgainstFractions(t *testing.T) {
	check := func(k1, n1, k2, n2 int) {
		t.Helper()
		want, _ := fisherInFractions(k1, n1, k2, n2).Float64()
		if got := Fisher(k1, n1, k2, n2); math.Abs(got-want) > 1e-9*want {
			t.Fatalf("%d of %d against %d of %d: %v, want %v", k1, n1, k2, n2, got, want)
		}
	}
	for n1 := 0; n1 <= 14; n1++ {
		for n2 := 0; n2 <= 14; n2++ {
			for k1 := 0; k1 <= n1; k1++ {
				for k2 := 0; k2 <= n2; k2++ {
					check(k1, n1, k2, n2)
				}
			}
		}
	}
	check(0, 100, 17, 100)
	check(3, 150, 40, 90)
	check(0, 6, 6, 6)
}

func fisherInFractions(k1, n1, k2, n2 int) *big.Rat {
	choose := func(n, k int) *big.Int { return new(big.Int).Binomial(int64(n), int64(k)) }
	hits := k1 + k2
	ways := func(first int) *big.Int {
		return new(big.Int).Mul(choose(n1, first), choose(n2, hits-first))
	}
	seen, sum := ways(k1), new(big.Int)
	for first := max(0, hits-n2); first <= min(n1, hits); first++ {
		if other := ways(first); other.Cmp(seen) <= 0 {
			sum.Add(sum, other)
		}
	}
	return new(big.Rat).SetFrac(sum, choose(n1+n2, hits))
}

// Goal: the textbook's examples. Method: the lady tasting tea, and six runs a build that could not
// differ more.
func TestFisherOfTextbooks(t *testing.T) {
	for _, c := range []struct {
		k1, n1, k2, n2 int
		want           float64
	}{{3, 4, 1, 4, 0.4857142857}, {0, 6, 6, 6, 0.0021645022}, {1, 10, 11, 14, 0.0027594562}} {
		if got := Fisher(c.k1, c.n1, c.k2, c.n2); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%d of %d against %d of %d: %.10f, want %.10f",
				c.k1, c.n1, c.k2, c.n2, got, c.want)
		}
	}
}
