package target

// Cluster is whose consent marker the host must show, as its inventory says; "" if it says nothing.
func (h *Host) Cluster() string { return h.config.Cluster }
