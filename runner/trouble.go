package runner

import (
	"errors"
	"slices"
	"strings"

	"gauntlet/checker"
	"gauntlet/nemesis/inject"
	"gauntlet/target"
)

// blame notes what went wrong in a phase: what a guard refused apart from what failed.
func (t *troubles) blame(phase string, err error) {
	var refused, failed []error
	for _, part := range parts(err) {
		if inject.Refused(part) {
			refused = append(refused, part)
		} else {
			failed = append(failed, part)
		}
	}
	t.refused = append(t.refused, describe(phase, refused)...)
	t.harness = append(t.harness, describe(phase, failed)...)
}

// describe gives one line per error, and one per hint of theirs.
func describe(phase string, errs []error) []string {
	var lines []string
	for _, err := range errs {
		lines = append(lines, phase+": "+strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	for _, hint := range target.Hints(errors.Join(errs...)) {
		lines = append(lines, "hint: "+hint)
	}
	return lines
}

// parts takes joined errors apart. An error that merely wraps several keeps its words.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var apart []error
	var lines []string
	for _, part := range joined.Unwrap() {
		apart = append(apart, parts(part)...)
		lines = append(lines, part.Error())
	}
	if err.Error() != strings.Join(lines, "\n") {
		return []error{err}
	}
	return apart
}

// warn tells what the run can do without, and keeps it for the results.
func (r *run) warn(lines ...string) {
	for _, line := range lines {
		if !slices.Contains(r.warnings, line) {
			r.warnings = append(r.warnings, line)
			r.Progress.Event("warning", "%s", line)
		}
	}
}

// noted puts the troubles of the run into its results.
func (r *run) noted(results *checker.Results) {
	results.Harness, results.Cleanup, results.Refused = r.harness, r.cleanup, r.refused
	results.Warnings = union(r.warnings, results.Warnings)
}

// union is the lines of both lists, each once.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, line := range b {
		if !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	return all
}
