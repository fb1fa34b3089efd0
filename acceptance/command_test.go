//go:build lab

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gauntlet/checker"
)

// The programs that the example needs on this machine, whose file system the lab's hosts share.
func demandRedis(t *testing.T) {
	t.Helper()
	for _, program := range []string{"redis-server", "redis-cli", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: install Debian's redis-server and python3", err)
		}
	}
}

var (
	clientOfRedis = regexp.MustCompile(`(?m)^    client: .*$`)
	faultsOfRedis = regexp.MustCompile(`(?ms)^faults:.*?^phases:.*?$`)
)

// redisSuite is the example's suite with another client and other faults and phases: "" keeps those
// that it has.
func redisSuite(t *testing.T, client, faults string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "examples/redis/redis.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if client == "" {
		script, err := filepath.Abs(filepath.Join(root, "examples/redis/client.py"))
		if err != nil {
			t.Fatal(err)
		}
		client = "[python3, " + script + "]"
	}
	suite := clientOfRedis.ReplaceAllLiteralString(string(text), "    client: "+client)
	if faults != "" {
		suite = faultsOfRedis.ReplaceAllLiteralString(suite, faults)
		suite = strings.Replace(suite, "min-faults: {partition: 1}, ", "", 1)
	}
	path := filepath.Join(t.TempDir(), "redis.yaml")
	if err := os.WriteFile(path, []byte(suite), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Goal: a system without consensus turns red under the partition that splits it, by evidence; and
// not without one: so it is the split that is blamed, not Redis, the commands or the client.
// Method: the example's suite, then the same without its faults.
func TestRedis(t *testing.T) {
	demandRedis(t)
	e := launch(t, redisSuite(t, "", ""))
	if code := e.wait(); code != checker.ExitViolation {
		t.Errorf("split: exit %d", code)
	} else {
		results := e.results(t)
		if !showsEvidence(results) || len(results.Summary.Leaders) < 2 {
			t.Errorf("split: evidence %v, leaders %v", showsEvidence(results), results.Summary.Leaders)
		}
		atLeast(t, "ok operations", results.Summary.OK, 300)
		atLeast(t, "proven partitions", proven(results, "partition"), 1)
	}
	e = launch(t, redisSuite(t, "", "phases: {warm-up: 2s, load: 6s, recovery: 5s}"))
	if code := e.wait(); code != checker.ExitValid {
		t.Errorf("whole: exit %d", code)
	}
}

// Goal: a client program that crashes, hangs or lies is the harness's failure, is called by what it
// does, and neither ends the run in a panic nor keeps it from ending and cleaning up.
// Method: the example without faults, with each such program.
func TestRedisClients(t *testing.T) {
	demandRedis(t)
	const answer = `while read -r line; do id=${line#*:}; echo "{\"id\":${id%%,*},`
	for name, test := range map[string]struct{ program, said string }{
		"crashes": {`read -r line; echo out of luck >&2; exit 3`,
			"ended by itself: exit status 3: out of luck (clause live)"},
		"hangs": {`sleep 1000`, "gave no answer within "},
		"lies": {answer + `\"outcome\":\"ok\",\"output\":{\"value\":null,\"swapped\":true}}"; done`,
			"but has sent the node nothing (clause truth)"},
		"babbles": {`while read -r line; do echo hello; done`,
			`says what is no JSON object of an answer: "hello" (clause line)`},
	} {
		t.Run(name, func(t *testing.T) {
			script := filepath.Join(t.TempDir(), name+".sh")
			if err := os.WriteFile(script, []byte(test.program+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			e := launch(t, redisSuite(t, "[sh, "+script+"]",
				"phases: {warm-up: 1s, load: 2s, recovery: 5s}"))
			if code := e.wait(); code != checker.ExitHarness {
				t.Errorf("exit %d", code)
			}
			results := e.results(t)
			said := strings.Join(results.Harness, "\n")
			if !strings.Contains(said, `client program "sh `+name+`.sh"`) ||
				!strings.Contains(said, test.said) {
				t.Errorf("the harness says\n%s\nwant %s", said, test.said)
			}
			if len(results.Cleanup) > 0 {
				t.Errorf("left behind: %v", results.Cleanup)
			}
		})
	}
}

// Goal: the example's client keeps the contract, against a real server.
func TestRedisClientTest(t *testing.T) {
	demandRedis(t)
	test := exec.Command(binary(t, "verify"), "client-test", "--start",
		`exec redis-server --port $PORT --bind 127.0.0.1 --save "" >/dev/null`,
		"--", "python3", filepath.Join(root, "examples/redis/client.py"))
	out, err := test.CombinedOutput()
	if err != nil || strings.Count(string(out), " kept ") != 11 {
		t.Errorf("%v\n%s", err, out)
	}
}
