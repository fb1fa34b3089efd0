package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// unread is the error of usage of a file or folder that a person has named and that cannot be read
// as what it was to be. Where there is none of that name it hints at those of similar names.
func unread(path string, err error) error {
	if _, statErr := os.Stat(path); !errors.Is(statErr, fs.ErrNotExist) {
		return &exitError{exitUsage, err}
	}
	if names := similar(path); len(names) > 0 {
		return misused("there is "+strings.Join(names, ", "), "%v", err)
	}
	return &exitError{exitUsage, err}
}

// noRun is unread, of run directories.
func noRun(path string, err error) error {
	if _, statErr := os.Stat(path); errors.Is(statErr, fs.ErrNotExist) && len(similar(path)) == 0 {
		return misused("runs are kept in runs, unless --out says otherwise: the last is runs/latest",
			"%v", err)
	}
	return unread(path, err)
}

// mostTypos is how many letters a name may be off to be taken for another that was meant.
const mostTypos = 3

// similar lists what lies beside a path and is called almost like it, the most alike first.
func similar(path string) []string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil
	}
	wanted := filepath.Base(path)
	alike := make([][]string, mostTypos+1) // by the number of typos
	for _, e := range entries {
		n := typos(wanted, e.Name())
		if n <= mostTypos && 2*n < len(wanted) {
			alike[n] = append(alike[n], shortPath(filepath.Join(filepath.Dir(path), e.Name())))
		}
	}
	return slices.Concat(alike...)
}

// typos is the least number of letters to insert, leave out or change that makes b of a
// (Levenshtein's distance).
func typos(a, b string) int {
	row := make([]int, len(b)+1) // of the beginning of a, to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			changed := diagonal
			if a[i] != b[j] {
				changed++
			}
			diagonal = row[j+1]
			row[j+1] = min(changed, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
