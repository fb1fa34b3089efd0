// Package suite reads everything that is written in YAML. A suite is one run as data: a topology,
// a workload, a fault plan, the checks and what the run must show before "valid" may be said.
//
// Reading is strict. Unknown and duplicate keys, wrong units, values out of bounds and relations
// between values that cannot hold are problems, and all problems of a file are reported at once,
// each with file and line.
package suite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"gopkg.in/yaml.v3"

	"gauntlet/checker"
	"gauntlet/nemesis"
	"gauntlet/target"
	"gauntlet/workload"
)

// The places a run can happen at.
const (
	PlaceLab   = "lab"   // hosts made of namespaces on this machine
	PlaceHosts = "hosts" // machines of an inventory, reached over SSH
	PlaceSim   = "sim"   // one process: simulated network, disks and clocks, virtual time
)

// Suite is one run as data.
//
// Invariants, held by Load:
//  1. Exactly one target and exactly one workload are set.
//  2. Every fault can be: its shapes exist for the number of nodes, and one at least fits the load.
//  3. What Require demands can be reached: in operations by the rate, in time by the recovery.
//  4. Every event of the timeline can be, with the cast, and ends within the load if it begins in
//     time. Its chance does not depend on the others.
//  5. An incident's expectations name options that differ, and are suites with these invariants.
type Suite struct {
	Name     string
	Place    string
	Seed     *uint64 // nil: the runner draws one and prints it
	Target   Target
	Workload Workload
	Faults   []nemesis.Spec
	Cast     nemesis.Cast    // whom the timeline speaks of by name
	Timeline []nemesis.Event // from the start of the load on, scaled
	Scale    float64         // by which the file's times were multiplied
	Incident *Incident       // nil: the suite tells of none
	Capture  string          // "", or what packets to record around each partition: CapturePeers
	StopOn   string          // "", or what ends the load before its time: StopOnViolation
	Phases   Phases
	Checks   []string // names of safety checks, as in package checker
	Require  checker.Require
	Budget   Budget
	Warnings []string // what the run should be told of
}

// Target is what is under test: the one field that is set.
type Target struct {
	Raftd   *target.RaftdSpec
	Etcd    *target.EtcdSpec
	Command *target.CommandSpec
}

// CapturePeers records what nodes send each other, on hosts that have tcpdump.
const CapturePeers = "peers"

// StopOnViolation ends the load as soon as an answer cannot be linearized.
const StopOnViolation = "violation"

// How clients read. Serializable reads are answered by the node asked from what it has; they may
// be stale, and are not linearizable.
const (
	ReadsLinearizable = "linearizable"
	ReadsSerializable = "serializable"
)

// Workload is what clients do: the one workload that is named, how they read, and how long they
// wait for each answer.
type Workload struct {
	Model   string // its name in the table of package workload
	Spec    workload.Spec
	Reads   string
	Timeout time.Duration
}

// Phases are the lengths of the phases in which clients work.
type Phases struct {
	WarmUp   time.Duration // before the first scheduled fault
	Load     time.Duration // with faults
	Recovery time.Duration // after everything was healed
}

// Budget bounds the checking; beyond it the verdict is unknown.
type Budget struct {
	Time   time.Duration // for all keys together
	Memory int64         // bytes
}

// Load reads a suite. An error about its content is Problems; one about the file itself names it.
func Load(path string) (*Suite, error) { return LoadAt(path, "") }

// LoadAt reads a suite for a place that replaces the one it names, unless it is "". What the place
// does not have is a problem of the suite.
func LoadAt(path, place string) (*Suite, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("suite %s does not exist", path)
	} else if err != nil {
		return nil, fmt.Errorf("suite %s cannot be read: %w", path, err)
	}
	return newDecoder(path, place).parse(text)
}

// Parse reads a suite from memory. The file is named in problems only.
func Parse(file string, text []byte) (*Suite, error) {
	return newDecoder(file, "").parse(text)
}

// ParseTree reads a suite from a YAML tree that was put together of several: its nodes still know
// the lines of the file. For place see LoadAt.
func ParseTree(file string, root *yaml.Node, place string) (*Suite, error) {
	d := newDecoder(file, place)
	switch {
	case root == nil:
		d.complain(1, "", "the suite is empty")
	case root.Kind == yaml.DocumentNode:
		root = root.Content[0]
	}
	return d.read(root)
}
