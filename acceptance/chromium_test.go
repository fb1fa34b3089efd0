//go:build lab

package acceptance

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// tab is one page in a headless Chromium, led through the DevTools protocol over a pipe: no port
// is opened.
type tab struct {
	t       *testing.T
	in      io.Writer
	session string
	id      int

	mu       sync.Mutex
	answers  map[int]chan json.RawMessage
	loaded   chan struct{} // closed when the page has loaded
	troubles []string      // errors on the console, dialogs, requests to anywhere
}

// patience is for a browser on a busy machine: nothing here takes seconds.
const patience = time.Minute

// browse starts a browser of its own and opens a file in it.
func browse(t *testing.T, file string) *tab {
	t.Helper()
	commands, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, events, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	browser := exec.Command("chromium", "--headless", "--no-sandbox", "--remote-debugging-pipe",
		"--disable-gpu", "--disable-dev-shm-usage", "--window-size=1440,1400",
		"--user-data-dir="+t.TempDir())
	browser.ExtraFiles = []*os.File{commands, events} // it reads 3 and writes 4
	if err := browser.Start(); err != nil {
		t.Fatal(err)
	}
	commands.Close()
	events.Close()
	b := &tab{t: t, in: in, answers: map[int]chan json.RawMessage{}, loaded: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.listen(out)
	}()
	t.Cleanup(func() {
		b.call("Browser.close", nil)
		select {
		case <-read:
		case <-time.After(patience):
			_ = browser.Process.Kill()
		}
		in.Close()
		out.Close()
		_ = browser.Wait() // however it ends
	})
	b.open("file://" + file)
	return b
}

func (b *tab) open(address string) {
	b.t.Helper()
	var target struct{ TargetID string }
	b.ask("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.ask("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true},
		&attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Runtime", "Log", "Network", "Page"} {
		b.ask(domain+".enable", nil, nil)
	}
	b.ask("Page.navigate", map[string]any{"url": address}, nil)
	select {
	case <-b.loaded:
	case <-time.After(patience):
		b.t.Fatalf("%s did not load", address)
	}
}

// listen hands answers to those who wait for them, and keeps what a clean page does not do.
func (b *tab) listen(out io.Reader) {
	reader := bufio.NewReader(out)
	for {
		text, err := reader.ReadBytes(0)
		if err != nil {
			return
		}
		var message struct {
			ID     int
			Method string
			Params json.RawMessage
			Result json.RawMessage
			Error  json.RawMessage
		}
		if json.Unmarshal(text[:len(text)-1], &message) != nil {
			continue
		}
		b.mu.Lock()
		if waiting := b.answers[message.ID]; waiting != nil {
			if message.Error != nil {
				message.Result = message.Error
			}
			waiting <- message.Result
			delete(b.answers, message.ID)
		}
		b.hear(message.Method, string(message.Params))
		b.mu.Unlock()
	}
}

func (b *tab) hear(method, params string) {
	switch method {
	case "Page.loadEventFired":
		close(b.loaded)
	case "Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled",
		"Page.javascriptDialogOpening":
		b.troubles = append(b.troubles, method+" "+params)
	case "Network.requestWillBeSent":
		if !strings.Contains(params, `"type":"Document"`) {
			b.troubles = append(b.troubles, method+" "+params)
		}
	}
}

// call says one command, and returns where its answer will come.
func (b *tab) call(method string, params map[string]any) (chan json.RawMessage, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.id++
	command := map[string]any{"id": b.id, "method": method}
	if params != nil {
		command["params"] = params
	}
	if b.session != "" && !strings.HasPrefix(method, "Browser.") {
		command["sessionId"] = b.session
	}
	text, err := json.Marshal(command)
	if err != nil {
		return nil, err
	}
	waiting := make(chan json.RawMessage, 1)
	b.answers[b.id] = waiting
	_, err = b.in.Write(append(text, 0))
	return waiting, err
}

// ask says one command and reads its answer.
func (b *tab) ask(method string, params map[string]any, into any) {
	b.t.Helper()
	waiting, err := b.call(method, params)
	if err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case answer := <-waiting:
		if into != nil {
			err = json.Unmarshal(answer, into)
		}
		if err != nil {
			b.t.Fatalf("%s: %v: %s", method, err, answer)
		}
	case <-time.After(patience):
		b.t.Fatalf("%s: no answer", method)
	}
}

// eval runs an expression on the page and reads its value.
func (b *tab) eval(expression string, into any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.ask("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true,
		"awaitPromise": true}, &answer)
	err := json.Unmarshal(answer.Result.Value, into)
	if answer.ExceptionDetails != nil {
		err = errors.New(string(answer.ExceptionDetails))
	}
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// number evaluates to a number.
func (b *tab) number(expression string) int {
	b.t.Helper()
	var n int
	b.eval(expression, &n)
	return n
}

// text evaluates to a text.
func (b *tab) text(expression string) string {
	b.t.Helper()
	var text string
	b.eval(expression, &text)
	return text
}

// count is how many elements on the page match.
func (b *tab) count(selector string) int {
	b.t.Helper()
	return b.number(fmt.Sprintf("document.querySelectorAll(%q).length", selector))
}

// click presses and releases the mouse at a place of the window.
func (b *tab) click(x, y float64) {
	b.t.Helper()
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		b.ask("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y,
			"button": "left", "clickCount": 1}, nil)
	}
}

// press types a key that has a name.
func (b *tab) press(key string) {
	b.t.Helper()
	for _, kind := range []string{"keyDown", "keyUp"} {
		b.ask("Input.dispatchKeyEvent", map[string]any{"type": kind, "key": key}, nil)
	}
}

// clean fails the test if the page has done what it must not do.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.troubles {
		b.t.Errorf("the page: %s", trouble)
	}
}
