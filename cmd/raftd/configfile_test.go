package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"gauntlet/raft/server"
)

// configured parses a file with these lines, and these flags.
func configured(t *testing.T, text string, args ...string) (*Flags, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "raftd.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	flags, _, err := parse(append([]string{"--config", path}, args...), io.Discard, io.Discard)
	if err != nil {
		err = fmt.Errorf("%s", strings.ReplaceAll(err.Error(), path, "FILE"))
	}
	return flags, err
}

const goodConfig = `# one member
name: n2
data: /var/lib/raftd
peers: [ n1=a:1, "n2=b:2" ]
listen-client: localhost:0
election-timeout: 1s
prevote: false
`

// Goal: a file can say all that the command line can, and the command line wins, lists included.
func TestConfigFile(t *testing.T) {
	f, err := configured(t, goodConfig, "--heartbeat=200ms", "--prevote", "--name=n1")
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "n1" || f.Data != "/var/lib/raftd" || len(f.members) != 2 || f.self != 1 ||
		f.ElectionTimeout != time.Second || f.Heartbeat != 200*time.Millisecond ||
		!f.Prevote || !f.CheckQuorum || f.ListenPeer != "127.0.0.1:4401" {
		t.Errorf("%+v", f)
	}
	f, err = configured(t, goodConfig, "--peers=n2=h:1")
	if err != nil || len(f.members) != 1 || f.self != 1 || f.Prevote {
		t.Errorf("%+v, %v", f, err)
	}
}

// Goal: the README's file is one that raftd starts with.
func TestReadmeConfig(t *testing.T) {
	readme, err := os.ReadFile("../../raft/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(readme), "```yaml\n")
	text, _, _ = strings.Cut(text, "```")
	f, err := configured(t, text)
	if err != nil || len(f.file.settings) < 5 || len(f.members) != 3 {
		t.Errorf("%+v, %v", f, err)
	}
}

// Goal: all that is wrong with a file and its settings is told at once, each with its line and how
// to mend it, and nothing that comes only of a setting which was not understood.
func TestBadConfigFile(t *testing.T) {
	for _, bad := range []struct{ text, want string }{
		{"", "missing flags: --data=STRING, --name=STRING"},
		{"- name", "FILE:1: not a mapping\n  hint: write one setting a line, such as name: n1"},
		{"name: [", "FILE:1: did not find expected node content"},
		{goodConfig + "---\nname: n1\n", "FILE:8: a second document: there may be one only"},
		{"nmae: n1\nname: n1\nname: n2\nprevote: yes please\nheartbeat: soon\npeers: n1=h:1\n" +
			"data:\nconfig: x\nlog: {}\n", `FILE:1: "nmae" is no setting
  hint: settings have the names of the flags, see raftd --help
FILE:3: name stands already in line 2
FILE:4: prevote is "yes please"
  hint: want true or false
FILE:5: heartbeat is "soon"
  hint: want a time, such as 300ms or 5s
FILE:6: peers is "n1=h:1"
  hint: want a list, such as [a, b]
FILE:7: data has no value
FILE:8: "config" is no setting
  hint: settings have the names of the flags, see raftd --help
FILE:9: log is a mapping
  hint: want text`},
		{goodConfig + "heartbeat: 2s\nrequest-timeout: -1s\nlisten-peer: :4401\n",
			`FILE:8: heartbeat 2s: above 0, at most half of --election-timeout 1s
FILE:9: request-timeout -1s: above 0
FILE:10: listen-peer :4401 is reached from beyond this machine: anyone there could vote and append
  hint: use --tls-cert or --token-file; --insecure allows it`},
		{"prevote: maybe\nnmae: n1\nheartbeat: 10s\ntoken-file: /nowhere\n" + goodConfig[13:] +
			"tls-cert: /nowhere/either\n", `FILE:1: prevote is "maybe"
  hint: want true or false
FILE:2: "nmae" is no setting
  hint: settings have the names of the flags, see raftd --help
FILE:10: prevote stands already in line 1
FILE:3: heartbeat 10s: above 0, at most half of --election-timeout 1s
FILE:11: tls-cert open /nowhere/either: no such file or directory
FILE:11: tls-cert goes with --tls-key and --tls-ca: all three or none
FILE:4: token-file open /nowhere: no such file or directory`},
		{"election-timeout: soon\nheartbeat: 200ms\npeers: n1=h:1\nname: n1\ndata: d\n" +
			"request-timeout: -1s\n", `FILE:1: election-timeout is "soon"
  hint: want a time, such as 300ms or 5s
FILE:3: peers is "n1=h:1"
  hint: want a list, such as [a, b]
FILE:6: request-timeout -1s: above 0`},
		{"nmae: n1\n", `FILE:1: "nmae" is no setting
  hint: settings have the names of the flags, see raftd --help
missing flags: --data=STRING, --name=STRING`},
	} {
		_, err := configured(t, bad.text)
		if err == nil || err.Error() != bad.want {
			t.Errorf("%s\ngave\n%v\nwant\n%s", bad.text, err, bad.want)
		}
	}
	_, err := configured(t, goodConfig+"heartbeat: 2s\n", "--heartbeat=0.6s")
	if err == nil || !strings.HasPrefix(err.Error(), "--heartbeat 600ms: ") {
		t.Errorf("a flag that the file has too: %v", err)
	}
	_, err = configured(t, goodConfig+"heartbeat: soon\n", "--heartbeat=0.6s")
	if err == nil || !strings.Contains(err.Error(), "\n--heartbeat 600ms: ") {
		t.Errorf("a flag that the file has too, and wrong: %v", err)
	}
}

// Goal: nobody opens a member to a network by an oversight.
func TestListenBeyondLoopback(t *testing.T) {
	for _, c := range []struct {
		address string
		ok      bool
	}{
		{"127.0.0.1:1", true}, {"127.8.8.8:1", true}, {"[::1]:1", true}, {"localhost:1", true},
		{"0.0.0.0:1", false}, {":1", false}, {"[::]:1", false}, {"192.0.2.1:1", false},
		{"example.net:1", false},
	} {
		for _, flag := range []string{"listen-client", "listen-peer"} {
			_, err := configured(t, goodConfig, "--"+flag+"="+c.address)
			if (err == nil) != c.ok {
				t.Errorf("--%s %s: %v", flag, c.address, err)
			}
			if _, err = configured(t, goodConfig, "--insecure", "--"+flag+"="+c.address); err != nil {
				t.Errorf("--insecure --%s %s: %v", flag, c.address, err)
			}
		}
	}
	t.Setenv("RAFTD_INSECURE", "true")
	if _, err := configured(t, goodConfig, "--listen-peer=:1"); err != nil {
		t.Error(err)
	}
}

// Goal: what is secret or half given is refused in a line that does not hold it; what is complete
// reaches the server and opens the listeners.
func TestSecurityFlags(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ token, want string }{
		{"short", "want one word of at least 16 printable characters"},
		{"two words, long enough though", "want one word"},
		{"a-good-token-of-many-letters\n", ""},
	} {
		path := filepath.Join(dir, "token")
		if err := os.WriteFile(path, []byte(c.token), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := configured(t, goodConfig+"listen-peer: :1\n", "--token-file="+path)
		switch {
		case c.want == "" && (err != nil || f.config().Token != strings.TrimSpace(c.token)):
			t.Errorf("%q: %v", c.token, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), c.token)):
			t.Errorf("%q: %v", c.token, err)
		}
	}
	if _, err := configured(t, goodConfig, "--token-file=/nowhere"); err == nil {
		t.Error("a token file that is not there")
	}
	t.Chdir(dir)
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := configured(t, goodConfig+"tls-cert: a\ntls-ca: b\n")
	if err == nil || !strings.HasPrefix(err.Error(), "FILE:8: tls-cert goes with --tls-key and") {
		t.Error(err)
	}
	_, err = configured(t, goodConfig+"tls-cert: a\ntls-ca: d\n", "--tls-key=e")
	if want := "--tls-key open e: no such file or directory\n" +
		"FILE:9: tls-ca open d: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	secure := []string{"--tls-cert=a", "--tls-key=b", "--tls-ca=c"}
	_, err = configured(t, goodConfig, append(secure, "--listen-client=:1")...)
	if err == nil || !strings.Contains(err.Error(), "hint: use --token-file; --insecure allows it") {
		t.Errorf("TLS, which lets any client in, opened the client port: %v", err)
	}
	f, err := configured(t, goodConfig, append(secure, "--listen-peer=:1")...)
	if err != nil || *f.config().TLS != (server.TLSFiles{Cert: "a", Key: "b", CA: "c"}) {
		t.Error(err)
	}
}

// Goal: the help shows every flag under the heading of its group, within 100 columns.
func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"--help"}, &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Errorf("exit %d, %s", code, stderr.String())
	}
	help := stdout.String()
	last := -1
	for _, heading := range []string{"\nMember\n", "\nNetwork\n", "\nSecurity\n", "\nRaft\n"} {
		at := strings.Index(help, heading)
		if at <= last {
			t.Errorf("heading %q stands at %d", heading, at)
		}
		last = at
	}
	for line := range strings.Lines(help) {
		if len(line) > 101 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

// Goal: no file, whatever it holds, does more than be refused with its place; and what is taken
// is a setting that exists, once.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(goodConfig))
	f.Add([]byte("name: &a x\ndata: *a\n"))
	f.Add([]byte("{name: n1, name: n2}"))
	f.Add([]byte("a: [b\n---\n!!binary x: y"))
	parser, err := kong.New(&Flags{}, kong.Vars{"version": ""}, groups)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := parseConfig("FILE", text, parser.Model.Flags)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "FILE:") {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		for name, s := range file.settings {
			if s.line == 0 || s.value == nil || !slices.ContainsFunc(parser.Model.Flags,
				func(flag *kong.Flag) bool { return flag.Name == name }) {
				t.Errorf("%q: %s: %+v", text, name, s)
			}
		}
	})
}
