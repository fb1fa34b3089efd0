package target

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gauntlet/history"
)

// store is a target of shell scripts: it counts its starts in its data, has a child, and is ready
// when it says so in a file.
func store() CommandSpec {
	return CommandSpec{
		Nodes: 1, ClientPort: 7000, PeerPort: 7001, Client: []string{"client"},
		Files: []CommandFile{
			{Path: "etc/store.conf", Template: "name {{.Name}} at {{.Host}}:{{.ClientPort}}\n" +
				"peers{{range .Others}} {{.Name}}{{end}}\n"},
		},
		Start: `echo x >>{{.Data}}/starts
			echo "starting $(cat etc/store.conf)"
			sleep 600 &
			echo $! >child
			echo $$ >ready
			exec sleep 601`,
		Ready:   `[ "$(cat ready)" = "$(cut -d" " -f1 pids/command)" ]`,
		Observe: `printf '{"term":%d,"role":"leader","leader":"{{.Name}}"}' "$(wc -l <{{.Data}}/starts)"`,
		Logs:    []string{"etc/store.conf", "none.log", "{{.Data}}/starts"},
	}
}

// newStore is a store on a site.
func newStore(t *testing.T, change func(*CommandSpec, *site)) (*command, *Host, *site) {
	t.Helper()
	s := newSite(t)
	s.config.Name = "n1"
	s.config.Address = net.IPv4(
		127, byte(1+rand.IntN(250)), byte(rand.IntN(250)), byte(1+rand.IntN(250))).String()
	spec := store()
	if change != nil {
		change(&spec, s)
	}
	h := s.host(t)
	// A run of its own: all nodes of these tests are of one machine.
	c := NewCommand(spec, fmt.Sprintf("%08x", rand.Uint32()), []*Host{h}).(*command)
	t.Cleanup(func() {
		c.spec.Stop, c.wanted = "", 1
		if err := c.Kill(context.Background(), h); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return c, h, s
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// Goal: a node's whole life under commands: its files are as the templates say, its data lies where
// it should, it is observed, killed with all that it has started, restarted on its data; its logs
// are fetched and nothing stays behind.
// Method: a store of shell scripts, over SSH; steps are done twice where twice should be as good as
// once.
func TestCommandLife(t *testing.T) {
	t.Parallel()
	disk := filepath.Join(t.TempDir(), "disk of {{mine}}")
	upload := filepath.Join(t.TempDir(), "tool")
	if err := errors.Join(os.Mkdir(disk, 0o700),
		os.WriteFile(upload, []byte("#!/bin/sh\necho tooled\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	c, h, s := newStore(t, func(spec *CommandSpec, _ *site) {
		spec.DataDir = strings.ReplaceAll(disk, "{{", `{{"{{"}}`)
		spec.Files = append(spec.Files, CommandFile{Path: "bin/tool", From: upload})
		spec.Start = strings.ReplaceAll("bin/tool\n"+spec.Start, "{{.Data}}", `"{{.Data}}"`)
		spec.Observe = strings.ReplaceAll(spec.Observe, "{{.Data}}", `"{{.Data}}"`)
	})
	ctx, root := t.Context(), filepath.Join(s.home, ".gauntlet", c.run)
	data := filepath.Join(disk, "gauntlet-"+c.run+"-n1")
	for range 2 {
		if err := c.Deploy(ctx, h); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf("name n1 at %s:7000\npeers\n", h.Address())
	if got := read(t, filepath.Join(root, "etc/store.conf")); got != want {
		t.Errorf("store.conf is %q, want %q", got, want)
	}
	first, err := c.Start(ctx, h)
	if err != nil {
		t.Fatal(err, Hints(err))
	}
	if again, err := c.Start(ctx, h); err != nil || again != first {
		t.Errorf("started again: %v, %v, was %v", again, err, first)
	}
	got, err := c.Observe(ctx, h)
	if diff := cmp.Diff(history.Observation{
		Node: "n1", Term: 1, Role: "leader", Leader: "n1", Source: "status"}, got); diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	if err := c.Remove(ctx, h); err == nil || !exists(data) {
		t.Errorf("removed under a running node: %v", err)
	}
	restartStore(t, c, h, root, first)

	dir := filepath.Join(t.TempDir(), "n1")
	if err := errors.Join(c.Kill(ctx, h), c.Kill(ctx, h), c.Logs(ctx, h, dir)); err != nil {
		t.Fatal(err)
	}
	log := read(t, filepath.Join(dir, "command.log"))
	if !strings.HasPrefix(log, "tooled\nstarting name") {
		t.Errorf("the log is %q", log)
	}
	starts := filepath.Join(dir, flat(data)+"-starts")
	if read(t, starts) != "x\nx\n" || read(t, filepath.Join(dir, "etc-store.conf")) != want {
		t.Error("logs or configuration were not fetched")
	}
	if claims, err := c.Claims(dir); len(claims) > 0 || err != nil {
		t.Error(claims, err)
	}
	if err := c.Wipe(ctx, h); err != nil || exists(data+"/starts") || !exists(data) {
		t.Errorf("wipe: %v", err)
	}
	for range 2 {
		if err := c.Remove(ctx, h); err != nil || exists(root) || exists(data) || !exists(disk) {
			t.Errorf("remove: %v", err)
		}
	}
}

// restartStore kills the process alone, as a fault does, and starts the node again: nothing that
// the first life has started may live on.
func restartStore(t *testing.T, c *command, h *Host, root string, first Process) {
	t.Helper()
	child := strings.TrimSpace(read(t, filepath.Join(root, "child")))
	if err := stopProcess(first.PID); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := c.Process(t.Context(), h); errors.Is(err, ErrNotRunning) {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !lives(child) {
		t.Fatal("the child ended by itself: nothing is tested")
	}
	second, err := c.Start(t.Context(), h)
	if err != nil || second == first {
		t.Fatal(second, err, Hints(err))
	}
	if lives(child) {
		t.Error("a child of the first life lives on")
	}
	if o, err := c.Observe(t.Context(), h); err != nil || o.Term != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	child = strings.TrimSpace(read(t, filepath.Join(root, "child")))
	if err := c.Kill(t.Context(), h); err != nil || lives(child) {
		t.Errorf("kill left a child: %v", err)
	}
}

// lives reports whether a process runs; one that nobody has buried yet does not.
func lives(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// Goal: without a ready command, a node is ready when its client port can be reached from its host.
func TestCommandReadyByPort(t *testing.T) {
	t.Parallel()
	c, h, _ := newStore(t, func(spec *CommandSpec, s *site) { spec.Ready = ""; s.forwarding = true })
	if err := c.Deploy(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(300 * time.Millisecond)
		listener, err := net.Listen("tcp", c.ClientAddress(h))
		if err != nil {
			t.Error(err)
			return
		}
		time.AfterFunc(5*time.Second, func() { listener.Close() })
	}()
	start := time.Now()
	if _, err := c.Start(t.Context(), h); err != nil || time.Since(start) < 250*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

// Goal: each mistake of a command's author is one line that names the host, the command and what is
// wrong.
func TestCommandErrors(t *testing.T) {
	t.Parallel()
	none := filepath.Join(t.TempDir(), "none")
	deploy := func(c *command, h *Host) error { return c.Deploy(t.Context(), h) }
	start := func(c *command, h *Host) error {
		_, err := c.Start(t.Context(), h)
		return errors.Join(c.Deploy(t.Context(), h), err)
	}
	for name, test := range map[string]struct {
		change func(*CommandSpec)
		do     func(*command, *Host) error
		want   string
		hint   string
	}{
		"no nodes": {func(s *CommandSpec) { s.Nodes = 3 }, deploy,
			"n1: deploy: 3 nodes of command, but 1 hosts", ""},
		"template": {func(s *CommandSpec) { s.Start = "exec {{.Nmae}}" }, deploy, "n1: deploy: start: " +
			"line 1: there is no .Nmae, but " + strings.Join(fieldNames, " "), ""},
		"upload": {func(s *CommandSpec) { s.Files = []CommandFile{{Path: "x", From: none}} }, deploy,
			"n1: deploy: file x: open " + none + ": no such file or directory", ""},
		"data-dir": {func(s *CommandSpec) { s.DataDir = none }, deploy,
			"n1: data-dir: exit status 1: " + none + " is no directory", ""},
		"dies": {func(s *CommandSpec) { s.Start = "echo no licence >&2; exit 3" }, start,
			"n1: start command: it ended at once; its log ends: no licence",
			"its last log lines:\nno licence"},
		"dies silently": {func(s *CommandSpec) { s.Start = "exit 3" }, start,
			"n1: start command: it ended at once", "its log is empty"},
		"no status": {func(s *CommandSpec) { s.Observe = "echo leader" }, start, "n1: start command: " +
			"the observe command printed no status: invalid character 'l' looking for beginning of value: " +
			`"leader\n"`, ""},
		"stop": {func(s *CommandSpec) { s.Stop = "echo cannot stop >&2; exit 7" },
			func(c *command, h *Host) error {
				return errors.Join(start(c, h), c.Kill(t.Context(), h), alive(c, h))
			}, "n1: stop command: exit status 7: cannot stop", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, h, _ := newStore(t, func(spec *CommandSpec, _ *site) { test.change(spec) })
			if name != "upload" && name != "no nodes" && name != "template" && name != "data-dir" {
				if err := c.Deploy(t.Context(), h); err != nil {
					t.Fatal(err)
				}
			}
			err := test.do(c, h)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if hint := strings.Join(Hints(err), ""); !strings.Contains(hint, test.hint) {
				t.Errorf("hint %q, want %q", hint, test.hint)
			}
		})
	}
}

// alive is an error if the node runs.
func alive(c *command, h *Host) error {
	if p, err := c.Process(context.Background(), h); !errors.Is(err, ErrNotRunning) {
		return fmt.Errorf("still %v, %w", p, err)
	}
	return nil
}

// Goal: a stop command that does its work is given the chance to, and nothing is left to kill.
func TestCommandStop(t *testing.T) {
	t.Parallel()
	c, h, s := newStore(t, func(spec *CommandSpec, _ *site) {
		spec.Stop = `echo stopped >>{{.Root}}/../stopped; kill "$(cut -d" " -f1 pids/command)"`
	})
	if err := c.Kill(t.Context(), h); err != nil {
		t.Error("before deploy:", err)
	}
	if err := c.Deploy(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Start(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Kill(t.Context(), h), alive(c, h)); err != nil {
		t.Error(err)
	}
	if got := read(t, filepath.Join(s.home, ".gauntlet/stopped")); got != "stopped\n" {
		t.Errorf("%q", got)
	}
}

// Goal: what is wrong with a spec is said when it is read, all of it, each after the key that a
// suite has for it.
func TestCommandValid(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*CommandSpec)
		want   []string
	}{
		"nothing wrong": {func(*CommandSpec) {}, nil},
		"empty": {func(s *CommandSpec) { *s = CommandSpec{} }, []string{
			"nodes: 0, want 1 or more", "start: there is no command", "client-port: 0 is no port",
			"peer-port: 0 is no port", "client: there is no program"}},
		"files": {func(s *CommandSpec) {
			s.Files = []CommandFile{
				{Path: "../x", Template: "x"}, {Path: "/x", Template: "x"}, {Path: "", Template: "x"},
				{Path: "pids/command", Template: "x"}, {Path: "a/..", Template: "x"},
				{Path: "a", Template: "x", From: "y"}, {Path: "b"},
				{Path: "c", Template: "x"}, {Path: "./c", Template: "x"}, {Path: "d/", From: "x"},
			}
		}, []string{
			`files[0].path: "../x" does not lead to a place of its own in the run root`,
			`files[1].path: "/x" does not lead to a place of its own in the run root`,
			`files[2].path: "" does not lead to a place of its own in the run root`,
			`files[3].path: "pids/command" does not lead to a place of its own in the run root`,
			`files[4].path: "a/.." does not lead to a place of its own in the run root`,
			`files[4].path: "a/.." stands twice`,
			"files[5]: write one of template and from", "files[6]: write one of template and from",
			`files[8].path: "./c" stands twice`,
			`files[9].path: "d/" does not lead to a place of its own in the run root`,
		}},
		"templates": {func(s *CommandSpec) {
			s.Start, s.Ready, s.Stop, s.Observe = "{{", "{{.Data.X}}", "{{nothing}}", "{{index .Nodes 9}}"
			s.Logs = []string{"ok", "\n{{.Foo}}"}
			s.DataDir = "{{.Name}}"
			s.Files = []CommandFile{{Path: "a", Template: "{{if eq .Name \"n3\"}}{{.Typo}}{{end}}"}}
			s.Nodes = 3
		}, []string{
			`data-dir: "n1" is no absolute path of a directory`,
			"start: line 1: unclosed action",
			"ready: line 1: there is no .X in a string",
			`stop: line 1: function "nothing" not defined`,
			"observe: line 1: at <index .Nodes 9>: error calling index: index out of range: 9",
			"logs[1]: line 2: there is no .Foo, but " + strings.Join(fieldNames, " "),
			"files[0].template: line 1: there is no .Typo, but " + strings.Join(fieldNames, " "),
		}},
		"data-dir": {func(s *CommandSpec) { s.DataDir = "/x/.." },
			[]string{`data-dir: "/x/.." is no absolute path of a directory`}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := store()
			test.change(&spec)
			var got []string
			if err := spec.Valid(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Goal: templates see the nodes as they are, also those with addresses of IPv6.
func TestCommandTemplate(t *testing.T) {
	t.Parallel()
	hosts := []*Host{
		{config: HostConfig{Name: "a", Address: "198.18.0.11"}, home: "/home/x"},
		{config: HostConfig{Name: "b", Address: "fd00::2"}, home: "/home/x"},
	}
	spec := store()
	spec.Nodes = 2
	spec.Start = "{{.Index}} {{.Name}} {{.Address}} {{.Host}}:{{.PeerPort}} " +
		"{{.Root}} {{.Data}} {{.Log}}" +
		"{{range .Nodes}} {{.Name}}={{.Host}}:{{.ClientPort}}{{end}}{{range .Others}} {{.Index}}{{end}}"
	c := NewCommand(spec, "0123abcd", hosts).(*command)
	plan, err := c.plan(hosts[1])
	want := "1 b fd00::2 [fd00::2]:7001 /home/x/.gauntlet/0123abcd /home/x/.gauntlet/0123abcd/data " +
		"/home/x/.gauntlet/0123abcd/log/command.log a=198.18.0.11:7000 b=[fd00::2]:7000 0"
	if err != nil || plan.start != want {
		t.Errorf("%v\n%s\n%s", err, plan.start, want)
	}
	if _, err := c.plan(&Host{}); err == nil {
		t.Error("a stranger has a plan")
	}
}

// Goal: what the observe command prints is evidence about its node or an error that says why not.
func TestCommandStatus(t *testing.T) {
	t.Parallel()
	c := &command{nodes: nodes{hosts: []*Host{{config: HostConfig{Name: "n1"}}}}}
	for text, want := range map[string]string{
		`{"role":"follower"}`: "",
		`{"term":3,"role":"leader","leader":"n1","commit":5,"applied":4} ` + "\n": "",
		"": `the observe command printed no status: EOF: ""`,
		`{"role":"follower","trem":3}`: `the observe command printed no status: ` +
			`json: unknown field "trem": "{\"role\":\"follower\",\"trem\":3}"`,
		`{"role":"follower"}{}`: `the observe command printed more than one object: ` +
			`"{\"role\":\"follower\"}{}"`,
		`{"role":"boss"}`: `the observe command printed role "boss", ` +
			`want follower, pre-candidate, candidate or leader`,
		`{"role":"leader","leader":"n7"}`: `the observe command printed leader "n7", which is no node`,
	} {
		_, err := c.parse([]byte(text))
		if got := fmt.Sprint(err); err == nil && want != "" || err != nil && got != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
	spec := store()
	spec.Observe = ""
	h := &Host{config: HostConfig{Name: "n1"}}
	_, err := NewCommand(spec, "0123abcd", []*Host{h}).Observe(t.Context(), h)
	if err == nil || err.Error() != "n1: observe: the suite gives no observe command" {
		t.Error(err)
	}
}

// Goal: no output of an observe command, however broken, becomes evidence of a role or leader that
// does not exist.
func FuzzCommandStatus(f *testing.F) {
	f.Add([]byte(`{"term":3,"role":"leader","leader":"n1","commit":5,"applied":4}`))
	f.Add([]byte(`{"role":"follower"} x`))
	f.Add([]byte(`[]`))
	c := &command{nodes: nodes{hosts: []*Host{{config: HostConfig{Name: "n1"}}}}}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := c.parse(text)
		if err != nil {
			if strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("an error of several lines: %q", err)
			}
			return
		}
		known := map[history.Role]bool{"follower": true, "pre-candidate": true, "candidate": true,
			"leader": true}
		if !known[s.Role] || s.Leader != "" && s.Leader != "n1" {
			t.Errorf("%q gave %+v", text, s)
		}
	})
}
