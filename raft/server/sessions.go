package server

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"gauntlet/raft/kv"
)

// How long a session may be unused before it expires, by cluster time.
const (
	DefaultSessionTimeout = time.Minute
	MinSessionTimeout     = time.Second
	MaxSessionTimeout     = 24 * time.Hour
)

// The headers that make a write one that is carried out once, however often it comes.
const (
	headerSession    = "Session"
	headerSequence   = "Sequence"
	headerAckedBelow = "Acked-Below"
)

// rejections are what a client is told whose command was rejected. That "fail" is of this try: see
// kv.Rejection.
var rejections = map[kv.Rejection]struct {
	status int
	reason string
}{
	kv.UnknownSession: {http.StatusGone, "unknown session: it expired, or never was"},
	kv.AnswerDropped: {http.StatusConflict,
		"sequence below what the client has acknowledged: its answer is gone"},
	kv.OtherCommand: {http.StatusConflict, "this sequence was another command"},
	kv.TooManyAnswers: {http.StatusTooManyRequests, fmt.Sprintf(
		"session holds %d answers or %d bytes of them: acknowledge some with %s",
		kv.MaxAnswers, kv.MaxAnswerBytes, headerAckedBelow)},
}

// sessionAnswer is the success of opening a session.
type sessionAnswer struct {
	Session uint64 `json:"session"`
}

func sessionAnswerOf(_ kv.Command, r kv.Result) any { return sessionAnswer{r.Session} }

// openOf reads the opening of a session. It needs no body.
func openOf(r *http.Request) (kv.Command, error) {
	var body struct {
		Timeout *string `json:"timeout"`
	}
	cmd := kv.Command{Op: kv.OpenSession, Timeout: DefaultSessionTimeout}
	if r.ContentLength == 0 {
		return cmd, nil
	}
	if err := decode(r, &body); err != nil || body.Timeout == nil {
		return cmd, err
	}
	timeout, err := time.ParseDuration(*body.Timeout)
	if err != nil || timeout < MinSessionTimeout || timeout > MaxSessionTimeout {
		return kv.Command{}, malformed("timeout %q: want %v to %v, as in \"90s\"",
			*body.Timeout, MinSessionTimeout, MaxSessionTimeout)
	}
	cmd.Timeout = timeout
	return cmd, nil
}

func keepAliveOf(r *http.Request) (kv.Command, error) {
	id, err := number("session", r.PathValue("id"))
	return kv.Command{Op: kv.KeepAlive, Session: id}, err
}

// placeInSession reads the headers that say which session a write belongs to, if any.
func placeInSession(r *http.Request, cmd *kv.Command) error {
	numbers := map[string]uint64{}
	for _, name := range [...]string{headerSession, headerSequence, headerAckedBelow} {
		values := r.Header.Values(name)
		if len(values) == 0 {
			continue
		}
		if len(values) > 1 {
			return malformed("header %s: given %d times", name, len(values))
		}
		var err error
		if numbers[name], err = number("header "+name, values[0]); err != nil {
			return err
		}
	}
	session, sequence := numbers[headerSession], numbers[headerSequence]
	switch {
	case len(numbers) == 0:
		return nil
	case cmd.Op == kv.OpenSession || cmd.Op == kv.KeepAlive:
		return malformed("headers of a session: only writes take them")
	case session == 0 || sequence == 0:
		return malformed("headers %s and %s go together, and begin at 1",
			headerSession, headerSequence)
	case numbers[headerAckedBelow] > sequence:
		return malformed("header %s: %d is above sequence %d, whose answer is yet to come",
			headerAckedBelow, numbers[headerAckedBelow], sequence)
	}
	cmd.Session, cmd.Sequence, cmd.AckedBelow = session, sequence, numbers[headerAckedBelow]
	return nil
}

func number(what, text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, malformed("%s: %.40q is no number from 1 on", what, text)
	}
	return n, nil
}
