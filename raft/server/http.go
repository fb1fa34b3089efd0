package server

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// Limits of the client API. Beyond them a request is refused with 400 or 413 and had no effect.
const (
	MaxKeyBytes    = 1 << 10
	MaxValueBytes  = kv.MaxValueBytes
	MaxSteps       = 64 // of a transaction
	maxHeaderBytes = 16 << 10
	maxHeaders     = 64
)

func (s *Server) newHTTP() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/kv/{key}", s.get)
	mux.HandleFunc("PUT /v1/kv/{key}", s.change(putOf, nothing))
	mux.HandleFunc("DELETE /v1/kv/{key}", s.change(deleteOf, nothing))
	mux.HandleFunc("POST /v1/kv/{key}/cas", s.change(casOf, casAnswerOf))
	mux.HandleFunc("POST /v1/kv/{key}/append", s.change(appendOf, nothing))
	mux.HandleFunc("POST /v1/kv/{key}/add", s.change(addOf, sumAnswerOf))
	mux.HandleFunc("POST /v1/txn", s.change(txnOf, txnAnswerOf))
	mux.HandleFunc("POST /v1/sessions", s.change(openOf, sessionAnswerOf))
	mux.HandleFunc("POST /v1/sessions/{id}/keepalive", s.change(keepAliveOf, nothing))
	mux.HandleFunc("POST /v1/transfer", s.transfer)
	mux.HandleFunc("POST /v1/snapshot", s.takeSnapshot)
	mux.HandleFunc("GET /v1/members", s.getMembers)
	mux.HandleFunc("POST /v1/members", s.addMember)
	mux.HandleFunc("POST /v1/members/{name}/promote", s.promoteMember)
	mux.HandleFunc("DELETE /v1/members/{name}", s.removeMember)
	mux.HandleFunc("GET /v1/status", s.getStatus)
	mux.HandleFunc("GET /healthz", s.health)
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.HandleFunc("/v1/kv/{key}", notAllowed("GET, PUT, DELETE"))
	for _, path := range []string{"kv/{key}/cas", "kv/{key}/append", "kv/{key}/add", "txn",
		"transfer", "snapshot", "sessions", "sessions/{id}/keepalive", "members/{name}/promote"} {
		mux.HandleFunc("/v1/"+path, notAllowed("POST"))
	}
	mux.HandleFunc("/v1/members", notAllowed("GET, POST"))
	mux.HandleFunc("/v1/members/{name}", notAllowed("DELETE"))
	mux.HandleFunc("/v1/status", notAllowed("GET"))
	mux.HandleFunc("/healthz", notAllowed("GET"))
	mux.HandleFunc("/metrics", notAllowed("GET"))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "no such path")
	})
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           authenticate(s.cfg.Token, guard(s.bodies.bound(mux))),
		Protocols:         &protocols,
		ConnState:         s.clients.track,
		ErrorLog:          s.httpLog(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      s.cfg.RequestTimeout + 10*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes - 4096, // net/http allows that much more
	}
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	key, err := keyOf(r)
	if err != nil {
		refuseInput(w, err)
		return
	}
	mode := r.URL.Query().Get("read")
	if !slices.Contains([]string{"", "linearizable", "lease", "stale"}, mode) {
		refuse(w, http.StatusBadRequest,
			fmt.Sprintf("read=%q: want linearizable, lease or stale", mode))
		return
	}
	answer := s.do(r.Context(),
		&request{key: key, stale: mode == "stale", lease: mode == "lease"})
	if answer.Refusal != nil {
		s.refused(w, answer.Refusal)
		return
	}
	reply(w, http.StatusOK, readAnswerOf(answer.Result))
}

// change makes the handler of one kind of command out of how to read it off a request, and how to
// tell its result.
func (s *Server) change(
	read func(*http.Request) (kv.Command, error), answerOf func(kv.Command, kv.Result) any,
) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		cmd, err := read(r)
		if err == nil {
			err = placeInSession(r, &cmd)
		}
		if err != nil {
			refuseInput(w, err)
			return
		}
		answer := s.do(r.Context(), &request{write: &cmd})
		switch {
		case answer.Refusal != nil:
			s.refused(w, answer.Refusal)
		case answer.Result.Rejection != kv.NotRejected:
			rejected := rejections[answer.Result.Rejection]
			refuse(w, rejected.status, rejected.reason)
		case answer.Result.Conflict:
			refuse(w, http.StatusConflict, reasonConflict)
		default:
			reply(w, http.StatusOK, answerOf(cmd, answer.Result))
		}
	}
}

func (s *Server) getStatus(w http.ResponseWriter, r *http.Request) {
	v, ok := s.view(r.Context())
	if !ok {
		refuse(w, http.StatusServiceUnavailable, reasonTimeout)
		return
	}
	reply(w, http.StatusOK, s.statusAnswer(v))
}

func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.status(r.Context()); !ok {
		refuse(w, http.StatusServiceUnavailable, reasonTimeout)
		return
	}
	reply(w, http.StatusOK, struct {
		OK bool `json:"ok"`
	}{true})
}

func notAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("method %s: want %s", r.Method, allow))
	}
}

// statusBody is GET /v1/status.
type statusBody struct {
	ID        raft.NodeID  `json:"id"`
	Name      string       `json:"name"`
	Term      uint64       `json:"term"`
	Role      string       `json:"role"`
	Leader    string       `json:"leader"`
	Vote      string       `json:"vote"`
	Commit    uint64       `json:"commit"`
	Applied   uint64       `json:"applied"`
	LastIndex uint64       `json:"lastIndex"`
	First     uint64       `json:"firstIndex"`
	Snapshot  uint64       `json:"snapshotIndex"`
	Build     string       `json:"build"`
	Options   *options     `json:"options"`
	Members   []memberBody `json:"members"`
}

func (s *Server) statusAnswer(v view) statusBody {
	status := v.status
	return statusBody{
		ID: status.ID, Name: s.name(), Term: status.Term, Role: status.Role.String(),
		Leader: s.directory.name(status.Leader), Vote: s.directory.name(status.Vote),
		Commit:  status.Commit,
		Applied: status.Applied, LastIndex: status.LastIndex, Build: s.cfg.Build,
		First: status.FirstIndex, Snapshot: status.SnapshotIndex,
		Options: s.options(), Members: membersOf(v.config),
	}
}
