package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"gauntlet/raft"
	"gauntlet/raft/kv"
)

// Limits of the client API. Beyond them a request is refused with 400 or 413 and had no effect.
const (
	MaxKeyBytes    = 1 << 10
	MaxValueBytes  = 512 << 10
	maxBodyBytes   = 4 << 20 // JSON may write one byte as six
	maxHeaderBytes = 16 << 10
)

func (s *Server) newHTTP() *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/kv/{key}", s.get)
	mux.HandleFunc("PUT /v1/kv/{key}", s.put)
	mux.HandleFunc("DELETE /v1/kv/{key}", s.delete)
	mux.HandleFunc("POST /v1/kv/{key}/cas", s.cas)
	mux.HandleFunc("GET /v1/status", s.getStatus)
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("/v1/kv/{key}", notAllowed("GET, PUT, DELETE"))
	mux.HandleFunc("/v1/kv/{key}/cas", notAllowed("POST"))
	mux.HandleFunc("/v1/status", notAllowed("GET"))
	mux.HandleFunc("/healthz", notAllowed("GET"))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, "no such path")
	})
	return &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      s.cfg.RequestTimeout + 10*time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
	}
}

func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	key, ok := keyOf(w, r)
	if !ok {
		return
	}
	mode := r.URL.Query().Get("read")
	if mode != "" && mode != "linearizable" && mode != "stale" {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("read=%q: want linearizable or stale", mode))
		return
	}
	answer := s.do(r.Context(), &request{key: key, stale: mode == "stale"})
	if answer.Refusal != nil {
		s.refused(w, answer.Refusal)
		return
	}
	found := readAnswer{Found: answer.Result.Found}
	if found.Found {
		found.Value = text(answer.Result.Value)
	}
	reply(w, http.StatusOK, found)
}

func (s *Server) put(w http.ResponseWriter, r *http.Request) {
	key, ok := keyOf(w, r)
	if !ok {
		return
	}
	var body struct {
		Value *string `json:"value"`
	}
	if !decode(w, r, &body) || !checkValue(w, "value", body.Value) {
		return
	}
	s.change(w, r, kv.Command{Op: kv.Put, Key: key, Value: []byte(*body.Value)})
}

func (s *Server) delete(w http.ResponseWriter, r *http.Request) {
	if key, ok := keyOf(w, r); ok {
		s.change(w, r, kv.Command{Op: kv.Delete, Key: key})
	}
}

func (s *Server) cas(w http.ResponseWriter, r *http.Request) {
	key, ok := keyOf(w, r)
	if !ok {
		return
	}
	var body struct {
		Value    *string         `json:"value"`
		Expected json.RawMessage `json:"expected"` // absent and null differ
	}
	if !decode(w, r, &body) || !checkValue(w, "value", body.Value) {
		return
	}
	cmd := kv.Command{Op: kv.CAS, Key: key, Value: []byte(*body.Value)}
	if string(body.Expected) != "null" {
		var expected *string
		if err := json.Unmarshal(body.Expected, &expected); err != nil {
			refuse(w, http.StatusBadRequest, `"expected" must be a string, or null for "absent"`)
			return
		}
		if !checkValue(w, "expected", expected) {
			return
		}
		cmd.Expected = []byte(*expected)
	}
	answer := s.do(r.Context(), &request{write: &cmd})
	if answer.Refusal != nil {
		s.refused(w, answer.Refusal)
		return
	}
	result := casAnswer{Swapped: answer.Result.Swapped, Found: answer.Result.Found}
	if result.Found {
		result.Current = text(answer.Result.Value)
	}
	reply(w, http.StatusOK, result)
}

// change runs a command whose success says nothing more.
func (s *Server) change(w http.ResponseWriter, r *http.Request, cmd kv.Command) {
	answer := s.do(r.Context(), &request{write: &cmd})
	if answer.Refusal != nil {
		s.refused(w, answer.Refusal)
		return
	}
	reply(w, http.StatusOK, struct{}{})
}

func (s *Server) getStatus(w http.ResponseWriter, r *http.Request) {
	status, ok := s.status(r.Context())
	if !ok {
		refuse(w, http.StatusServiceUnavailable, reasonTimeout)
		return
	}
	reply(w, http.StatusOK, s.statusAnswer(status))
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

// keyOf returns the key of the path, or answers the client why it is none.
func keyOf(w http.ResponseWriter, r *http.Request) (string, bool) {
	key := r.PathValue("key")
	switch {
	case key == "":
		refuse(w, http.StatusBadRequest, "empty key")
	case len(key) > MaxKeyBytes:
		refuse(w, http.StatusRequestEntityTooLarge,
			fmt.Sprintf("key of %d bytes: at most %d", len(key), MaxKeyBytes))
	case !utf8.ValidString(key):
		refuse(w, http.StatusBadRequest, "key is not valid UTF-8")
	default:
		return key, true
	}
	return "", false
}

// decode reads exactly one JSON object with known fields only, or answers the client what is wrong.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge,
			fmt.Sprintf("body: at most %d bytes", tooLarge.Limit))
		return false
	case err != nil:
		refuse(w, http.StatusBadRequest, "body: "+err.Error())
		return false
	case !utf8.Valid(body): // the decoder would quietly replace what is not
		refuse(w, http.StatusBadRequest, "body is not valid UTF-8")
		return false
	}
	if err := strict(body, into); err != nil {
		refuse(w, http.StatusBadRequest, "body: "+err.Error())
		return false
	}
	return true
}

func checkValue(w http.ResponseWriter, name string, value *string) bool {
	switch {
	case value == nil:
		refuse(w, http.StatusBadRequest, fmt.Sprintf("body: %q is missing", name))
	case len(*value) > MaxValueBytes:
		refuse(w, http.StatusRequestEntityTooLarge,
			fmt.Sprintf("%s of %d bytes: at most %d", name, len(*value), MaxValueBytes))
	default:
		return true
	}
	return false
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
	Build     string       `json:"build"`
	Options   *options     `json:"options"`
	Members   []memberBody `json:"members"`
}

type memberBody struct {
	ID      raft.NodeID `json:"id"`
	Name    string      `json:"name"`
	Address string      `json:"address"`
}

func (s *Server) statusAnswer(status raft.Status) statusBody {
	body := statusBody{
		ID: status.ID, Name: s.names[status.ID], Term: status.Term, Role: status.Role.String(),
		Leader: s.names[status.Leader], Vote: s.names[status.Vote], Commit: status.Commit,
		Applied: status.Applied, LastIndex: status.LastIndex, Build: s.cfg.Build,
		Options: s.options(),
	}
	for _, m := range s.cfg.Members {
		body.Members = append(body.Members, memberBody(m))
	}
	return body
}
