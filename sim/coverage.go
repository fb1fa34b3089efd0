package sim

// Coverage counts how often each named situation was seen in a run.
type Coverage [1]uint32

// Effects counts how often each kind of fault changed something in a run.
type Effects [1]uint32
