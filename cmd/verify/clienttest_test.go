package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// refuser is a client program that keeps the contract by never doing anything.
const refuser = `while read -r line; do
	id=${line#*:}
	echo "{\"id\":${id%%,*},\"outcome\":\"fail\"}"
done`

// Goal: client-test says of each clause what became of it, and of each mistake in one line.
// Method: the command line with programs of a line of shell, and servers that do not serve.
func TestClientTest(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	for name, test := range map[string]struct {
		args []string
		code int
		out  string // part of stdout
		err  string // all of stderr
	}{
		"kept": {[]string{"--", "sh", "-c", refuser}, 0,
			"truth    untested  ok means that the node at the request's address said so, " +
				"to this request\ncertain  untested", ""},
		"broken": {[]string{"--", "sh", "-c", "read -r line; exit 3"}, exitHarness,
			"live     BROKEN    it runs until its input ends, whatever a node does\n" +
				"                   it ended by itself: exit status 3, asked a read with a node that refuses\n",
			"verify: the client program breaks the contract: live\n"},
		"no program": {nil, exitUsage, "",
			"verify: expected \"<program> ...\"\nhint: see verify client-test --help\n"},
		"not found": {[]string{none}, exitUsage, "",
			`verify: client program "` + none + `": no such file or directory` + "\n"},
		"two servers": {[]string{"--server", "x:1", "--start", "x", "sh"}, exitUsage, "",
			"verify: --server and --start can't be used together\n" +
				"hint: see verify client-test --help\n"},
		"no server": {[]string{"--server", "127.0.0.1:1", "sh"}, exitUsage, "",
			"verify: --server 127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused\n"},
		"server ends": {[]string{"--start", "exit 7", "sh"}, exitHarness, "",
			"verify: --start: the server ended at once: exit status 7\n"},
		"server is deaf": {[]string{"--start", "sleep 100", "sh"}, exitHarness, "",
			"verify: --start: nothing listens on $PORT (#) after 300ms\n"},
	} {
		t.Run(name, func(t *testing.T) {
			startWithin = 300 * time.Millisecond
			var out, err bytes.Buffer
			code := execute(append([]string{"client-test"}, test.args...), &out, &err)
			said := regexp.MustCompile(`\(\d+\)`).ReplaceAllString(err.String(), "(#)")
			if code != test.code || !strings.Contains(out.String(), test.out) || said != test.err {
				t.Errorf("exit %d, want %d\n%s\nstderr %s\n  want %s", code, test.code, &out, said, test.err)
			}
		})
	}
}
