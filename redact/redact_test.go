package redact

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\nAAAA\n" +
	"-----END OPENSSH PRIVATE KEY-----"

// Goal: each kind of secret goes, and what stands around it stays.
func TestString(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"n1: connect: refused\n", "n1: connect: refused\n"},
		{"dial http://me:hunter2@10.0.0.1:80/x?y", "dial http://me:[redacted]@10.0.0.1:80/x?y"},
		{"redis://:hunter2@n1", "redis://:[redacted]@n1"},
		{`ssh "me:hunter2@n1"`, `ssh "me:[redacted]@n1"`},
		{"ssh me@n1 and n2:22", "ssh me@n1 and n2:22"},
		{"at 12:30 mail me@n1", "at 12:30 mail me@n1"},
		{"PGPASSWORD=hunter2 psql", "PGPASSWORD=[redacted] psql"},
		{`{"token": "hun\"ter2", "n": 1}`, `{"token": "[redacted]", "n": 1}`},
		{`{"a": "{\"token\": \"hunter2\", \"n\": 1}"}`,
			`{"a": "{\"token\": \"[redacted]\", \"n\": 1}"}`},
		{"secret: 'hunter 2' x", "secret: '[redacted]' x"},
		{"db_secret: hunter2\nx: y", "db_secret: [redacted]\nx: y"},
		{"?api_key=hunter2&x=1", "?api_key=[redacted]&x=1"},
		{"redis --password hunter2 --port 1", "redis --password [redacted] --port 1"},
		{"x --auth-token=hunter2 y", "x --auth-token=[redacted] y"},
		{`["--password", "hunter2"]`, `["--password", "[redacted]"]`},
		{`--secret 'hunter 2' x`, `--secret '[redacted]' x`},
		{"Authorization: Basic aHVudGVyMg==\n", "Authorization: [redacted]\n"},
		{"passwd=hunter2 db_passwd=hunter2", "passwd=[redacted] db_passwd=[redacted]"},
		{"me ALL=(root) NOPASSWD: ALL", "me ALL=(root) NOPASSWD: ALL"},
		{"sent Bearer abcdefghijkl", "sent Bearer [redacted]"},
		{"key:\n" + key + "\nend", "key:\n[redacted]\nend"},
		{"one " + key + " two " + key, "one [redacted] two [redacted]"},
		{"cut " + key[:60], "cut [redacted]"},
		{"SHA256:abcdef/gh+ key file /home/me/.ssh/id", "SHA256:abcdef/gh+ key file /home/me/.ssh/id"},
	} {
		if got := String(test.text); got != test.want {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

// Goal: a secret is found wherever the stream was cut into writes. Method: cut it everywhere.
func TestWriter(t *testing.T) {
	text := "a=1\npassword=hunter2\n" + key + "\nhttp://me:hunter2@n1\nlast token=hunter2"
	want := String(text)
	if strings.Contains(want, "hunter2") || strings.Contains(want, "AAAA") {
		t.Fatal(want)
	}
	for cut := range len(text) {
		var out bytes.Buffer
		w := NewWriter(&out)
		for _, part := range []string{text[:cut], text[cut:]} {
			if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := w.Flush(); err != nil || out.String() != want {
			t.Fatalf("cut at %d: %q, %v", cut, out.String(), err)
		}
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

// Goal: a failing destination is reported, and an endless line costs bounded memory.
func TestWriterLimits(t *testing.T) {
	w := NewWriter(full{})
	if _, err := w.Write([]byte("x\n")); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if err := w.Flush(); !errors.Is(err, errFull) {
		t.Error(err)
	}
	var out bytes.Buffer
	w = NewWriter(&out)
	part := bytes.Repeat([]byte("x"), 32<<10)
	for range 100 {
		_, _ = w.Write(part)
		if len(w.line) > maxLine+len(part) {
			t.Fatalf("%d bytes held back", len(w.line))
		}
	}
	if err := w.Flush(); err != nil || out.Len() != 100*len(part) {
		t.Error(out.Len(), err)
	}
}

// Goal: no text makes it panic or touches the lines before it.
func FuzzString(f *testing.F) {
	f.Add("x --password y http://a:b@c " + key)
	f.Add("password=\"a'b\ntoken: 'x'@")
	f.Fuzz(func(t *testing.T, text string) {
		if plain := "only words here\n"; String(plain + text)[:len(plain)] != plain {
			t.Error("a line before it was touched")
		}
	})
}
