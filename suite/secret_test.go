package suite

import (
	"strings"
	"testing"
)

// Goal: no secret of a command reaches the run directory, and what reaches it is still a suite.
// Method: secrets wherever a command has texts, also where redacting breaks a template.
func TestRedactedSuite(t *testing.T) {
	const text = `
name: x
target:
  command:
    nodes: 3
    files:
      - {path: a.conf, template: "password={{if .Index}}hunter2{{end}}"}
      - {path: b.conf, template: "port {{.ClientPort}}"}
    start: exec store --password hunter2
    ready: curl http://me:hunter2@localhost/
    client-port: 6379
    client: [python3, client.py, --password, hunter2]
workload: {register: {}}
`
	s, err := Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	resolved, err := s.Redacted().Resolved()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(resolved), "hunter2") {
		t.Errorf("a secret is kept:\n%s", resolved)
	}
	again, err := Parse("resolved.yaml", resolved)
	if err != nil {
		t.Fatalf("%v\n%s", err, resolved)
	}
	got, is := again.Target.Command, s.Target.Command
	if len(got.Client) != 4 || got.Files[1] != is.Files[1] {
		t.Errorf("more than secrets is gone:\n%s", resolved)
	}
	if is.Client[3] != "hunter2" || !strings.Contains(is.Start, "hunter2") {
		t.Error("the suite that runs has lost its secrets")
	}
}
