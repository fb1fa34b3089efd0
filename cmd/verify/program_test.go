package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gauntlet/suite"
)

const (
	ofRaftd = `
name: x
target: {raftd: {nodes: 3}}
workload: {register: {}}
`
	ofTwoBuilds = `
name: x
target: {raftd: {nodes: 3, binaries: [raftd, raftd-next]}}
workload: {register: {}}
`
	ofEtcd = `
name: x
target: {etcd: {nodes: 3, build: targets/etcd}}
workload: {register: {}}
`
	ofCommand = `
name: x
target:
  command: {start: exec store, client-port: 6379, client: [no-such-client-program]}
workload: {register: {}}
`
)

// bench is a folder with the programs that a suite could deploy, and "self" among them.
func bench(t *testing.T) (self string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"verify", "raftd", "raftd-next", "etcd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "verify")
}

func parse(t *testing.T, text string) *suite.Suite {
	t.Helper()
	s, err := suite.Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Goal: what will be deployed is what the command line says, else the suite, else what lies beside
// verify; and the suite as it is kept says so too.
// Method: each kind of target, with and without --binary.
func TestProgramsToDeploy(t *testing.T) {
	self := bench(t)
	in := func(name string) string { return filepath.Join(filepath.Dir(self), name) }
	for _, test := range []struct {
		suite string
		given []string
		want  []string
	}{
		{ofRaftd, nil, []string{in("raftd")}},
		{ofRaftd, []string{in("raftd-next")}, []string{in("raftd-next")}},
		{ofTwoBuilds, nil, []string{in("raftd"), in("raftd-next")}},
		{ofTwoBuilds, []string{in("raftd-next"), in("raftd")},
			[]string{in("raftd-next"), in("raftd")}},
		{ofEtcd, []string{in("etcd")}, []string{in("etcd")}},
	} {
		s := parse(t, test.suite)
		if built, err := setProgram(t.Context(), s, test.given, self); err != nil || built != "" {
			t.Errorf("%s%v: %q, %v", test.suite, test.given, built, err)
			continue
		}
		text, err := s.Resolved()
		if err != nil {
			t.Fatal(err)
		}
		again := parse(t, string(text))
		var got []string
		for _, path := range programs(&again.Target) {
			got = append(got, *path)
		}
		if strings.Join(got, " ") != strings.Join(test.want, " ") {
			t.Errorf("%s%v: %v, want %v", test.suite, test.given, got, test.want)
		}
	}
}

// Goal: a program that cannot be deployed is named before anything is made or started, exit 64.
func TestProgramsRefused(t *testing.T) {
	self := bench(t)
	for _, test := range []struct {
		suite string
		given []string
		want  string
	}{
		{ofRaftd, []string{"no/such/raftd"},
			"no raftd to deploy: stat no/such/raftd: no such file or directory"},
		{ofRaftd, []string{"a", "b"},
			"--binary is given 2 times, not 1: once for each build of raftd in the suite"},
		{ofTwoBuilds, []string{"a"},
			"--binary is given 1 times, not 2: once for each build of raftd in the suite"},
		{ofEtcd, []string{"no/such/etcd"},
			"no etcd to deploy: stat no/such/etcd: no such file or directory"},
		{ofCommand, []string{"redis"},
			"--binary redis: target command deploys no binary of ours"},
		{ofCommand, nil, "no-such-client-program"},
		{ofEtcd, nil, "build targets/etcd: no go.mod in it"},
		{strings.Replace(ofCommand, "no-such-client-program", "sh, no/such.sh", 1), nil,
			`client program "sh": stat no/such.sh: no such file or directory`},
		{strings.Replace(ofCommand, "[no-such-client-program]",
			"[sh, -c, exec no/such.sh], files: [{path: x, from: no/x}]", 1), nil,
			"file x: stat no/x: no such file or directory"},
	} {
		_, err := setProgram(t.Context(), parse(t, test.suite), test.given, self)
		var exit *exitError
		if !errors.As(err, &exit) || exit.code != exitUsage || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: error %v, want exit 64 and %s", test.given, err, test.want)
		}
		relative := strings.Contains(test.want, "no/") || strings.Contains(test.want, "targets/etcd")
		hint := strings.Join(hints(err), "")
		if strings.Contains(hint, "working directory") != relative {
			t.Errorf("%v: hints %q", err, hint)
		}
	}
}
