package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Cluster is the cluster that every host of a lab consents to faults for.
const Cluster = "lab"

// consentFor outlasts any lab: its hosts are there for faults, and for nothing else.
const consentFor = 366 * 24 * time.Hour

// consent writes the marker by which a host's owner allows faults; the lab owns its hosts.
func consent(home string) error {
	dir := filepath.Join(home, ".gauntlet")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("consent: %w", err)
	}
	text := fmt.Sprintf("cluster: %s\nexpires: %s\n", Cluster,
		time.Now().Add(consentFor).UTC().Format(time.RFC3339))
	if err := os.WriteFile(filepath.Join(dir, "consent"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("consent: %w", err)
	}
	return nil
}
