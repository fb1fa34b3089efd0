package server

import (
	"bytes"
	"strconv"
)

// plainRequest is a read or a put in the shape that nearly all have: see parsePlain.
type plainRequest struct {
	put   bool
	key   string
	value []byte // of a put
	bytes int    // that the request takes
}

// parsePlain reads the request at the start of b, if the whole of it is there and it is plain:
//
//	GET /v1/kv/KEY HTTP/1.1       PUT /v1/kv/KEY HTTP/1.1
//	header lines                  header lines
//	                              (empty line)
//	                              {"value":"VALUE"}
//
// KEY is made of letters, digits, '-', '_' and '~', VALUE of printable ASCII without '"' and '\'.
// The headers are Host, once; Content-Length, once with a put and never with a read; User-Agent,
// Accept, Accept-Encoding and Content-Type, which mean nothing here. Whatever differs by a byte is
// not plain: it is left to net/http, which alone judges what is wrong. So this function never
// refuses, and what it accepts net/http and the handlers would take for the same request.
func parsePlain(b []byte) (plainRequest, bool) {
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		return plainRequest{}, false
	}
	line, rest, _ := bytes.Cut(b[:head+2], []byte("\r\n"))
	var r plainRequest
	var ok bool
	if r.put, r.key, ok = plainLine(line); !ok {
		return plainRequest{}, false
	}
	length, ok := plainHeaders(rest, r.put)
	r.bytes = head + 4 + length
	if !ok || r.bytes > len(b) {
		return plainRequest{}, false
	}
	if r.put {
		r.value, ok = plainBody(b[head+4 : r.bytes])
	}
	return r, ok
}

func plainLine(line []byte) (put bool, key string, ok bool) {
	path, ok := bytes.CutPrefix(line, []byte("GET /v1/kv/"))
	if !ok {
		if path, put = bytes.CutPrefix(line, []byte("PUT /v1/kv/")); !put {
			return false, "", false
		}
	}
	path, ok = bytes.CutSuffix(path, []byte(" HTTP/1.1"))
	if !ok || len(path) == 0 || len(path) > MaxKeyBytes {
		return false, "", false
	}
	for _, c := range path {
		if !isLetterOrDigit(c) && c != '-' && c != '_' && c != '~' {
			return false, "", false
		}
	}
	return put, string(path), true
}

func isLetterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// plainHeaders reads header lines, each with its end, and returns the length of the body.
func plainHeaders(lines []byte, put bool) (length int, ok bool) {
	hosts, lengths := 0, 0
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(": "))
		if !ok || !isPrintable(value) {
			return 0, false
		}
		switch {
		case isName(name, "host"):
			hosts++
			ok = isHost(value)
		case isName(name, "content-length"):
			lengths++
			length, ok = plainLength(value)
		default:
			ok = isName(name, "user-agent") || isName(name, "accept") ||
				isName(name, "accept-encoding") || isName(name, "content-type")
		}
		if !ok {
			return 0, false
		}
	}
	wanted := 0
	if put {
		wanted = 1
	}
	return length, hosts == 1 && lengths == wanted
}

// isName tells whether a header's name is the one given in small letters.
func isName(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if c != lower[i] && (c|0x20 != lower[i] || !isLetterOrDigit(c)) {
			return false
		}
	}
	return true
}

func isHost(value []byte) bool {
	for _, c := range value {
		if !isLetterOrDigit(c) && c != '.' && c != '-' && c != ':' {
			return false
		}
	}
	return len(value) > 0
}

func isPrintable(value []byte) bool {
	for _, c := range value {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// plainLength reads a length of at most four digits: more does not fit into a buffer.
func plainLength(value []byte) (int, bool) {
	if len(value) == 0 || len(value) > 4 || value[0] < '0' || value[0] > '9' {
		return 0, false
	}
	n, err := strconv.Atoi(string(value))
	return n, err == nil
}

// plainBody returns the value in {"value":"VALUE"}, in memory of its own.
func plainBody(body []byte) ([]byte, bool) {
	value, ok := bytes.CutPrefix(body, []byte(`{"value":"`))
	if !ok {
		return nil, false
	}
	if value, ok = bytes.CutSuffix(value, []byte(`"}`)); !ok || !isPlainText(value) {
		return nil, false
	}
	return append(make([]byte, 0, len(value)), value...), true
}

// isPlainText tells whether JSON writes text as it is between its quotation marks.
func isPlainText(text []byte) bool {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
