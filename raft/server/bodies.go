package server

import (
	"io"
	"net/http"
	"sync/atomic"
)

// Bounds of what clients send.
const (
	maxBodyBytes    = 4 << 20   // of one request: JSON may write one byte as six
	smallBodyBytes  = 4 << 10   // as much of each is always taken
	largeBodiesRoom = 128 << 20 // what is beyond, of all that are being served
)

// bodies counts the bytes of large requests from their arrival to their answer, so that no number
// of clients fills the memory, and none keeps small requests from being served.
type bodies struct {
	room atomic.Int64 // below 0: more has been read than may be kept, and is being refused
}

func newBodies() *bodies {
	b := &bodies{}
	b.room.Store(largeBodiesRoom)
	return b
}

// bound lets a handler read as much as it may keep. The request is a copy: net/http looks into its
// own to know whether a client still waits to be asked for its body.
func (b *bodies) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &boundBody{
			ReadCloser: http.MaxBytesReader(w, r.Body, maxBodyBytes), all: b, free: smallBodyBytes,
		}
		defer func() { b.room.Add(body.taken) }()
		r = r.WithContext(r.Context())
		r.Body = body
		next.ServeHTTP(w, r)
	})
}

// boundBody takes its bytes from the room for all.
type boundBody struct {
	io.ReadCloser
	all   *bodies
	free  int64 // bytes yet to come that take no room
	taken int64
}

func (b *boundBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	free := min(b.free, int64(n))
	takes := int64(n) - free
	b.free -= free
	b.taken += takes
	if takes > 0 && b.all.room.Add(-takes) < 0 && (err == nil || err == io.EOF) {
		err = &badInput{http.StatusServiceUnavailable, "too many large bodies at a time"}
	}
	return n, err
}
