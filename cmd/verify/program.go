package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gauntlet/suite"
	"gauntlet/target"
	"gauntlet/workload/client"
)

// setProgram finds the programs to deploy: given, in the suite, or beside this program. It returns
// the path of one that the suite has built, which takes as long as a build takes, else "".
func setProgram(
	ctx context.Context, s *suite.Suite, given []string, self string,
) (built string, err error) {
	if err := override(&s.Target, given); err != nil {
		return "", &exitError{exitUsage, err}
	}
	if raftd := s.Target.Raftd; raftd != nil && raftd.Binary == "" && len(raftd.Binaries) == 0 {
		raftd.Binary = "raftd"
	}
	for _, path := range programs(&s.Target) {
		if s.Target.Raftd != nil {
			*path = beside(self, *path)
		}
		if _, err := os.Stat(*path); err != nil {
			return "", misplaced(*path, "no %s to deploy: %v", s.Target.Kind(), err)
		}
	}
	if command := s.Target.Command; command != nil {
		if err := ownFiles(command); err != nil {
			return "", err
		}
	}
	if etcd := s.Target.Etcd; etcd != nil && etcd.Build != "" {
		if _, err := os.Stat(filepath.Join(etcd.Build, "go.mod")); err != nil {
			return "", misplaced(etcd.Build, "build %s: no go.mod in it", etcd.Build)
		}
		return target.Build(ctx, etcd.Build)
	}
	return "", nil
}

// ownFiles finds the files of this machine that a command target needs: its client program, the
// script that this is to run, and what is uploaded.
func ownFiles(command *target.CommandSpec) error {
	if err := (client.Program{Command: command.Client}).Check(); err != nil {
		return misplaced(command.Client[0], "%v", err)
	}
	if len(command.Client) > 1 && namesScript(command.Client[1]) {
		if _, err := os.Stat(command.Client[1]); err != nil {
			return misplaced(command.Client[1], "client program %q: %v", command.Client[0], err)
		}
	}
	for _, file := range command.Files {
		if file.From == "" {
			continue
		}
		if _, err := os.Stat(file.From); err != nil {
			return misplaced(file.From, "file %s: %v", file.Path, err)
		}
	}
	return nil
}

// namesScript tells a path to a script, as interpreters take it, from an option or a word.
func namesScript(argument string) bool {
	return !strings.HasPrefix(argument, "-") && !strings.ContainsAny(argument, " :=") &&
		strings.ContainsRune(argument, filepath.Separator) && filepath.Ext(argument) != ""
}

// misplaced is the error of usage that a path leads nowhere.
func misplaced(path, format string, args ...any) error {
	if filepath.IsAbs(path) || !strings.ContainsRune(path, filepath.Separator) {
		return &exitError{exitUsage, fmt.Errorf(format, args...)}
	}
	return misused("paths in a suite are relative to the working directory: those of the shipped "+
		"suites to the root of the repository", format, args...)
}

// override puts the programs of the command line into the place of the suite's.
func override(t *suite.Target, given []string) error {
	if len(given) == 0 {
		return nil
	}
	wanted := 1
	if t.Raftd != nil && len(t.Raftd.Binaries) > 0 {
		wanted = len(t.Raftd.Binaries)
	}
	binary := t.Binary()
	switch {
	case binary == nil:
		return fmt.Errorf("--binary %s: target %s deploys no binary of ours", given[0], t.Kind())
	case len(given) != wanted:
		return fmt.Errorf("--binary is given %d times, not %d: once for each build of %s in the suite",
			len(given), wanted, t.Kind())
	case wanted > 1:
		t.Raftd.Binaries = given
	default:
		*binary = given[0]
	}
	if t.Etcd != nil {
		t.Etcd.Build = ""
	}
	return nil
}

// programs are where a target names the files to deploy.
func programs(t *suite.Target) []*string {
	if t.Raftd != nil && len(t.Raftd.Binaries) > 0 {
		paths := make([]*string, len(t.Raftd.Binaries))
		for i := range paths {
			paths[i] = &t.Raftd.Binaries[i]
		}
		return paths
	}
	binary := t.Binary()
	if binary == nil || *binary == "" {
		return nil
	}
	return []*string{binary}
}

// beside finds a program that is named without any folder in the folder of this program.
func beside(self, path string) string {
	if strings.ContainsRune(path, filepath.Separator) {
		return path
	}
	return filepath.Join(filepath.Dir(self), path)
}
