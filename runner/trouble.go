package runner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

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

// fullError is a run directory on a file system that is full.
type fullError struct{ err error }

func (e *fullError) Error() string {
	err := e.err
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		err = at // whoever met it has nothing to add
	}
	return fmt.Sprintf("the file system of the run directory is full: %v", err)
}

func (e *fullError) Unwrap() error { return e.err }

// full tells an error of this machine's file system that has no room left. What a host says of its
// own comes as text.
func full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// root is the trouble that an error comes from, if more such follow from it: a host that is lost,
// or a full disk; and the name to know it by, or else "".
func (r *run) root(err error) (name string, trouble error) {
	if full(err) {
		return "full", &fullError{err}
	}
	if named, ok := errors.AsType[*target.HostError](err); ok {
		if lost := r.vigil.why(named.Host); lost != nil {
			return "lost " + named.Host, lost
		}
	}
	return "", err
}

// examine settles of each host that an error names whether it is lost, where that may be why.
func (r *run) examine(ctx context.Context, err error) {
	for _, part := range parts(err) {
		named, ok := errors.AsType[*target.HostError](part)
		if ok && (errors.Is(part, target.ErrUnreachable) || errors.Is(part, target.ErrConnectionLost) ||
			errors.Is(part, context.DeadlineExceeded)) {
			r.vigil.examine(ctx, named.Host)
		}
	}
}

// tell notes what went wrong in a phase and says it. What follows from a trouble that was told
// is not told again.
func (r *run) tell(ctx context.Context, phase string, err error) {
	r.examine(ctx, err)
	var news []error
	for _, part := range parts(err) {
		name, trouble := r.root(part)
		if name == "" || !r.told[name] {
			news = append(news, trouble)
		}
		if name != "" {
			if r.told == nil {
				r.told = map[string]bool{}
			}
			r.told[name] = true
		}
	}
	if len(news) == 0 {
		return
	}
	all := errors.Join(news...)
	r.blame(phase, all)
	r.Progress.Event("error", "%s: %v", phase, all)
}

// known reports whether the trouble that an error comes from was told already.
func (r *run) known(err error) bool {
	name, _ := r.root(err)
	return r.told[name]
}

// withoutLost leaves out what is only because a host is lost.
func (r *run) withoutLost(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	r.examine(ctx, err)
	var others []error
	for _, part := range parts(err) {
		named, ok := errors.AsType[*target.HostError](part)
		if !ok || r.vigil.why(named.Host) == nil {
			others = append(others, part)
		}
	}
	return errors.Join(others...)
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
