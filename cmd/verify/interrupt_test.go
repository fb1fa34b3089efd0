package main

import (
	"bytes"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// spoken is a place to talk to, which tells when something was said.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
	said chan struct{} // holds one token after each word
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.said <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

// Goal: Ctrl-C ends a campaign without an end, and what was found so far is printed.
// Method: an interrupt to this very process, once the campaign has said that it begins.
func TestInterruptedCampaign(t *testing.T) {
	t.Chdir(t.TempDir())
	talk, out := &spoken{said: make(chan struct{}, 1)}, bytes.Buffer{}
	code := make(chan int)
	go func() { code <- execute([]string{"sim", "--for", "1h", "--from", "1"}, &out, talk) }()
	<-talk.said
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != 0 && got != 3 {
		t.Errorf("exit %d\n%s", got, talk.text.String())
	}
	if !strings.HasPrefix(out.String(), "seeds 1..") && !strings.HasPrefix(out.String(), "no seed") {
		t.Errorf("printed %q", out.String())
	}
}
