package checker

import "time"

// Measures is what clients saw of a target in a stretch of time.
type Measures struct {
	Window     time.Duration `json:"window"`
	LongestGap time.Duration `json:"longestGap"` // without an acknowledged return
	OK         int           `json:"ok"`
	Throughput float64       `json:"throughput"` // acknowledged operations a second
	Available  int           `json:"available"`  // permille of the slices with an acknowledged return
	Latency    []Latency     `json:"latency"`    // of each kind that was acknowledged
	Terms      int           `json:"terms"`      // begun within the window
	Leaders    int           `json:"leaders"`    // that led within it
}

// Latency is how long the acknowledged operations of one kind took.
type Latency struct {
	Kind string        `json:"kind"`
	P50  time.Duration `json:"p50"`
	P99  time.Duration `json:"p99"`
	Max  time.Duration `json:"max"`
}
