package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gauntlet/checker"
)

const manifestName = "MANIFEST.tsv"

// entry is a line of a manifest.
type entry struct {
	file     string // below the manifest's directory, with slashes
	model    checker.Foreign
	expected string
}

// readManifest reads a manifest. Errors name file and line.
func readManifest(path string) ([]entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var columns []string
	var entries []entry
	lines := bufio.NewScanner(f)
	for line := 1; lines.Scan(); line++ {
		cells := strings.Split(lines.Text(), "\t")
		if columns == nil {
			columns = cells
			continue
		}
		e, err := readEntry(columns, cells)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		entries = append(entries, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("%s: no history is listed", path)
	}
	return entries, nil
}

// readEntry reads one line. Trailing cells may be missing.
func readEntry(columns, cells []string) (entry, error) {
	cell := func(name string) string {
		if i := slices.Index(columns, name); i >= 0 && i < len(cells) {
			return strings.TrimSpace(cells[i])
		}
		return ""
	}
	e := entry{file: cell("file"), expected: cell("expected")}
	e.model.Model = cell("model")
	for _, need := range []struct{ name, value string }{
		{"file", e.file}, {"model", e.model.Model}, {"expected", e.expected},
	} {
		if need.value == "" {
			return e, fmt.Errorf("no %s", need.name)
		}
	}
	if !filepath.IsLocal(filepath.FromSlash(e.file)) {
		return e, fmt.Errorf("file %q is not below the manifest", e.file)
	}
	return e, options(strings.Fields(cell("note")), &e.model)
}

// options reads what a note says in the words of a command line: ours, or elle-cli's.
func options(words []string, model *checker.Foreign) error {
	for i, word := range words {
		switch word {
		case "--negative-balances", "--allow-negative-balances":
			model.Negative = true
		case "--linearizable":
			model.Linearizable = true
		case "--total", "--total-amount":
			if i+1 == len(words) {
				return fmt.Errorf("%s of nothing", word)
			}
			total, err := strconv.ParseInt(words[i+1], 10, 64)
			if err != nil {
				return fmt.Errorf("%s %s, want a whole number", word, words[i+1])
			}
			model.Total = &total
		}
	}
	return nil
}
