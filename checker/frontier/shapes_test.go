package frontier

// shaped is a table that tells the shapes of its actions, as far as a mask lets it.
type shaped struct {
	table
	told uint
}

func (s shaped) Shape(action int32) Shape {
	if s.told>>action&1 == 0 {
		return Any
	}
	reads, overwrites := true, true
	for state := range s.table {
		next := s.table[state][action]
		reads = reads && (next < 0 || next == int32(state))
		overwrites = overwrites && next >= 0 && next == s.table[0][action]
	}
	switch {
	case overwrites:
		return Overwrites
	case reads:
		return Reads
	}
	return Any
}
