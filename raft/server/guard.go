package server

import (
	"log"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
)

// guard refuses what no honest client sends, before anything is made of it. Shapes that some
// software on the way might read otherwise than we do (a path that is not in its shortest form, two
// values for a parameter) have no effect, and behind a chunked body no second request is looked at
// (RFC 9112, section 6.1).
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		escaped := r.URL.EscapedPath()
		switch {
		case len(r.Header) > maxHeaders:
			w.Header().Set("Connection", "close")
			refuse(w, http.StatusRequestHeaderFieldsTooLarge, "too many headers")
		case len(escaped) > 1 && path.Clean(escaped) != strings.TrimSuffix(escaped, "/"):
			refuse(w, http.StatusNotFound, "no such path")
		default:
			if err := checkQuery(r); err != nil {
				refuseInput(w, err)
				return
			}
			next.ServeHTTP(w, r)
		}
	})
}

// checkQuery knows one parameter: how to read.
func checkQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return malformed("query: %v", err)
	}
	for name, all := range values {
		switch {
		case name != "read" || r.Method != http.MethodGet:
			return malformed("query: no parameter %.40q here", name)
		case len(all) > 1:
			return malformed("query: %q twice", name)
		}
	}
	return nil
}

// linePeriod is how often the event log tells of one kind of what others do wrong.
const linePeriod = 10 * time.Second

// lineLimit keeps others from filling the event log. A kind is one of a few formats in this
// source, never a text that came from outside: so the maps stay small.
type lineLimit struct {
	mu     sync.Mutex
	next   map[string]time.Time
	silent map[string]uint64
}

// allow reports whether a line of this kind is due, and how many were left out since the last.
func (l *lineLimit) allow(kind string, now time.Time) (leftOut uint64, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.next[kind]) {
		l.silent[kind]++
		return 0, false
	}
	if l.next == nil {
		l.next, l.silent = map[string]time.Time{}, map[string]uint64{}
	}
	l.next[kind] = now.Add(linePeriod)
	leftOut = l.silent[kind]
	delete(l.silent, kind)
	return leftOut, true
}

// report writes a line about something that others do wrong, unless there was one of that kind, its
// format, a moment ago.
func (s *Server) report(what, format string, values ...any) {
	s.reportRefusal(what, "", &refusal{format, values})
}

func (s *Server) reportRefusal(what, peer string, r *refusal) {
	leftOut, due := s.lines.allow(what+r.format, time.Now())
	if !due {
		return
	}
	line := event{Event: what, Peer: peer, Error: r.Error(), LeftOut: leftOut}
	if err := s.events.write(line); err != nil {
		s.fail(err)
	}
}

// httpLog takes the lines that net/http writes, such as failed TLS handshakes.
type httpLog struct{ s *Server }

func (s *Server) httpLog() *log.Logger { return log.New(httpLog{s}, "", 0) }

// Write reports a line. Their kind is how they begin.
func (h httpLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	for _, kind := range []string{"http: TLS handshake error", "http: Accept error"} {
		if rest, ok := strings.CutPrefix(text, kind); ok {
			h.s.report("client", kind+"%s", rest)
			return len(line), nil
		}
	}
	h.s.report("client", "%s", text)
	return len(line), nil
}
