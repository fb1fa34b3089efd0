package main

import (
	"fmt"
	"testing"
)

// Goal: whatever is typed as a range is that range or an error of usage, never another range.
// Method: fuzz; what is taken must read back from the numbers that it became, but for zeros in
// front.
func FuzzSeedRange(f *testing.F) {
	for _, text := range []string{"1..1000", "7..7", "5..1", "..", "1..", "-1..2", "01..2", "1...2",
		"0..18446744073709551615", "0..18446744073709551616", "1..2..3", "+1..2", "1_0..20"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r, again seedRange
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		if !r.given || r.first > r.last {
			t.Errorf("%q became %+v", text, r)
		}
		plain := fmt.Sprintf("%d..%d", r.first, r.last)
		if err := again.UnmarshalText([]byte(plain)); err != nil || again != r || len(text) < len(plain) {
			t.Errorf("%q became %+v, and %q %+v, %v", text, r, plain, again, err)
		}
	})
}
