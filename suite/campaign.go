package suite

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Campaign is many runs as data: every combination of the target's options, the number of nodes,
// the workloads and the faults, each under so many seeds, and what is demanded of all of them.
//
// Invariants, held by LoadCampaign:
//  1. There is a combination that can run, and each that can is a suite that Load would accept.
//  2. A combination that cannot run here names the capabilities that the place lacks.
//  3. There is an end: a number of seeds, or a budget of time.
type Campaign struct {
	Name         string
	File         string
	Place        string
	Combinations []Combination // in the order of the file: options, nodes, workloads, faults
	Seeds        int           // for each combination; 0: until the budget is used
	Seed         *uint64       // nil: one is drawn
	Budget       CampaignBudget
	Reruns       int // of a missed gate, on the same seed
	Objectives   Objectives
	Confidence   int // permille
	Store        Retention
	Notify       Notify
	Digest       string // of every file read and of the suites that they make
}

// Combination is one choice of each dimension. A dimension that the file does not have is "" or 0.
type Combination struct {
	Options  string
	Nodes    int
	Workload string
	Faults   string
	Suite    *Suite   // nil if Missing
	Missing  []string // capabilities that the place lacks
	// Unavailable: no availability is expected under these faults; after the last heal it is.
	Unavailable bool
}

// CampaignBudget bounds a campaign; what is 0 is not bounded.
type CampaignBudget struct {
	Time   time.Duration // for all runs together
	Disk   int64         // bytes that the run directories of one night may take
	Memory int64         // bytes that the check of one run may take
}

// Objectives are demanded of each run; what is 0 is not asked.
type Objectives struct {
	Availability int           // permille, while availability is expected
	LongestGap   time.Duration // likewise
	Recovery     time.Duration // from each heal
	P99          time.Duration // of each kind of operation
	Throughput   float64       // acknowledged operations a second
}

// Retention says what is kept of earlier nights.
type Retention struct {
	Keep    int   // nights whose run directories are kept
	Failing int   // nights for which those of failing runs are
	Disk    int64 // bytes for all of them; 0: not bounded
}

// Notify is whom to tell of the end.
type Notify struct {
	Command []string
	Webhook string
}

// Label names a combination for people: "full/n3/register/mixed".
func (c Combination) Label() string { return c.joined("/") }

// joined puts the choices together; a campaign without any dimension has one combination, its base.
func (c Combination) joined(by string) string {
	text := ""
	add := func(part string) {
		if part != "" && text != "" {
			text += by
		}
		text += part
	}
	add(c.Options)
	if c.Nodes > 0 {
		add(fmt.Sprintf("n%d", c.Nodes))
	}
	add(c.Workload)
	add(c.Faults)
	if text == "" {
		return "base"
	}
	return text
}

// LoadCampaign reads a campaign and every suite that it is made of. An error about their content is
// Problems, of all files together. The place replaces the base's, unless it is "".
func LoadCampaign(path, place string) (*Campaign, error) {
	r := &campaignReader{place: place, digest: sha256.New()}
	text, err := r.read(path)
	if err != nil {
		return nil, err
	}
	r.d = newDecoder(path, place)
	root, c := r.d.document(text), (*Campaign)(nil)
	if r.d.isKind(root, kindCampaign) {
		c = r.campaign(root)
	}
	r.problems = append(r.problems, r.d.problems...)
	if len(r.problems) > 0 {
		return nil, r.sorted()
	}
	c.File, c.Digest = path, hex.EncodeToString(r.digest.Sum(nil))[:32]
	return c, nil
}
