package raft

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// drawConfiguration returns any valid configuration of members 1 to 9.
func drawConfiguration(t *rapid.T) Configuration {
	var c Configuration
	for id := NodeID(1); id <= 9; id++ {
		m := Member{ID: id, Address: rapid.StringN(0, 5, 20).Draw(t, "address")}
		if rapid.Bool().Draw(t, "named") {
			m.Name = "n" + string('0'+rune(id))
		}
		switch rapid.IntRange(0, 5).Draw(t, "part") {
		case 0:
			c.Learners = append(c.Learners, m)
		case 1, 2:
			c.Voters = append(c.Voters, m)
		case 3:
			c.Voters, c.Outgoing = append(c.Voters, m), append(c.Outgoing, m)
		case 4:
			c.Outgoing = append(c.Outgoing, m)
		}
	}
	c.Highest = 9 + NodeID(rapid.IntRange(0, 1000).Draw(t, "highest"))
	if len(c.Voters) == 0 {
		return Configuration{}
	}
	return c
}

// Goal: a configuration survives its encoding, and one that is cut short or has something behind
// it is refused. Method: any valid ones, and each of their prefixes.
func TestConfigurationRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfiguration(t)
		b := c.Encode()
		back, err := DecodeConfiguration(b)
		if diff := cmp.Diff(c, back); err != nil || diff != "" {
			t.Fatalf("%v, %s", err, diff)
		}
		for n := range b {
			if _, err := DecodeConfiguration(b[:n]); err == nil {
				t.Fatalf("%d bytes of %d accepted", n, len(b))
			}
		}
		if _, err := DecodeConfiguration(append(b, 0)); err == nil {
			t.Fatal("a byte too many accepted")
		}
	})
}

// Goal: what breaks an invariant is refused, in words. Method: a table.
func TestConfigurationInvariants(t *testing.T) {
	for _, c := range []struct {
		words string
		bad   Configuration
	}{
		{"id 0", Configuration{Voters: Members(0, 1), Highest: 1}},
		{"listed twice", Configuration{Voters: Members(1, 1), Highest: 1}},
		{"listed after", Configuration{Voters: Members(2, 1), Highest: 2}},
		{"above the highest", Configuration{Voters: Members(1, 2), Highest: 1}},
		{"voter and a learner", Configuration{
			Voters: Members(1), Outgoing: Members(1, 2), Learners: Members(2), Highest: 2}},
		{"without a voter", Configuration{Learners: Members(1), Highest: 1}},
		{"is {ID:1", Configuration{
			Voters: []Member{{1, "a", ""}}, Outgoing: []Member{{1, "b", ""}}, Highest: 1}},
		{"both called", Configuration{
			Voters: []Member{{1, "a", ""}}, Learners: []Member{{2, "a", ""}}, Highest: 2}},
	} {
		if err := c.bad.valid(); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%+v: %v, want %q", c.bad, err, c.words)
		}
		if _, err := DecodeConfiguration(c.bad.Encode()); err == nil {
			t.Errorf("%+v was decoded", c.bad)
		}
	}
}

// Goal: no bytes make the decoder panic or cost much, and there is one way to write what it takes.
func FuzzDecodeConfiguration(f *testing.F) {
	f.Add(NewConfiguration(Member{1, "n1", "h:1"}, Member{2, "n2", "h:2"}).Encode())
	f.Add(Configuration{}.Encode())
	f.Add(Configuration{
		Voters: Members(1, 3), Outgoing: Members(1, 2), Learners: Members(4), Highest: 7,
	}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeConfiguration(b)
		if err == nil && !bytes.Equal(c.Encode(), b) {
			t.Fatalf("%x was decoded as %+v, which is written %x", b, c, c.Encode())
		}
	})
}
