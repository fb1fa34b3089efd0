package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"gauntlet/raft/wire"
)

// TLSFiles are the paths of a member's certificate with its chain, its key, and the certificates of
// the authority of all members, in PEM. Clients verify the member by the certificate; peers verify
// each other, so the authority must not sign for anyone but members.
type TLSFiles struct{ Cert, Key, CA string }

// identity is what a member shows and whom it trusts. It follows the files: a handshake after they
// have changed takes the new ones. Files that make no sense leave the old ones in force.
type identity struct {
	files  TLSFiles
	report func(error)

	mu    sync.Mutex
	stamp string // of the files when they were last read, well or not
	cert  tls.Certificate
	roots *x509.CertPool
}

// newIdentity fails if the files make no sense.
func newIdentity(files TLSFiles, report func(error)) (*identity, error) {
	i := &identity{files: files, report: report}
	i.stamp = i.currentStamp()
	return i, i.read()
}

func (i *identity) read() error {
	cert, err := tls.LoadX509KeyPair(i.files.Cert, i.files.Key)
	if err != nil {
		return fmt.Errorf("certificate %s, key %s: %w", i.files.Cert, i.files.Key, err)
	}
	pem, err := os.ReadFile(i.files.CA)
	if err != nil {
		return fmt.Errorf("authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("authority: %s holds no certificate", i.files.CA)
	}
	i.cert, i.roots = cert, roots
	return nil
}

func (i *identity) currentStamp() string {
	var stamp strings.Builder
	for _, path := range []string{i.files.Cert, i.files.Key, i.files.CA} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprint(&stamp, info.ModTime().UnixNano(), " ", info.Size(), ";")
		}
	}
	return stamp.String()
}

// config is for one handshake. TLS 1.3 only, and no tickets: a ticket would be data on a stream
// that carries none that way.
func (i *identity) config() *tls.Config {
	i.mu.Lock()
	defer i.mu.Unlock()
	if stamp := i.currentStamp(); stamp != i.stamp {
		i.stamp = stamp
		if err := i.read(); err != nil {
			i.report(err)
		}
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true,
		Certificates: []tls.Certificate{i.cert}, RootCAs: i.roots, ClientCAs: i.roots,
	}
}

// forClients is the side of the client API.
func (i *identity) forClients() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(
		*tls.ClientHelloInfo) (*tls.Config, error) {
		return i.config(), nil
	}}
}

// accept is the handshake of the peer port, before a deadline.
func (i *identity) accept(conn net.Conn) (net.Conn, error) {
	config := i.config()
	config.ClientAuth = tls.RequireAndVerifyClientCert
	secure := tls.Server(conn, config)
	return abrupt{secure}, secure.Handshake()
}

// dial is the other side of accept. The certificate must be for the host of the address.
func (i *identity) dial(conn net.Conn, address string) (net.Conn, error) {
	config := i.config()
	config.ServerName, _, _ = net.SplitHostPort(address)
	secure := tls.Client(conn, config)
	return abrupt{secure}, secure.Handshake()
}

// abrupt closes without a last word, for which crypto/tls would wait longer than an election lasts.
type abrupt struct{ *tls.Conn }

func (a abrupt) Close() error { return a.NetConn().Close() }

// challengeBytes is the size of the question that a member with a token asks who dials it.
//
// A stream is one-way once it is greeted. A connection is not: to make one takes both ways anyhow,
// so a challenge on it changes nothing about one-way faults, and unlike a time stamp it needs no
// clocks that agree. What it proves is who greets. Only TLS keeps others on the way from reading,
// or from taking the stream over.
const challengeBytes = 32

// challenge asks who has dialled for a proof of the token.
func challenge(conn net.Conn) ([]byte, error) {
	question := make([]byte, challengeBytes)
	rand.Read(question)
	_, err := conn.Write(question)
	return question, err
}

// answerChallenge proves the token in a hello.
func answerChallenge(conn net.Conn, token string, h *wire.Hello) error {
	question := make([]byte, challengeBytes)
	if _, err := io.ReadFull(conn, question); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = errors.New("the peer asks for no token, and this member has one")
		}
		return err
	}
	h.Proof = string(proof(token, question, *h))
	return nil
}

// proof binds the token to the question and to what the hello says.
func proof(token string, question []byte, h wire.Hello) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("raftd peer 3"))
	mac.Write(question)
	for _, v := range []uint64{h.Cluster, uint64(h.From), uint64(h.To), uint64(h.Stream),
		h.Founders} {
		binary.Write(mac, binary.LittleEndian, v)
	}
	for _, text := range []string{h.Name, h.Address} {
		binary.Write(mac, binary.LittleEndian, uint64(len(text)))
		mac.Write([]byte(text))
	}
	return mac.Sum(nil)
}

// authenticate lets only those in who show the token; how the process is, everybody may know.
func authenticate(token string, next http.Handler) http.Handler {
	if token == "" {
		return next
	}
	want := sha256.Sum256([]byte(token)) // so that the comparison does not tell the length
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(shown))
		if r.URL.Path != "/healthz" && (!strings.EqualFold(scheme, "Bearer") ||
			subtle.ConstantTimeCompare(got[:], want[:]) != 1) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, http.StatusUnauthorized, "token missing or wrong")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// untilGreeted is when both sides give up on what comes before a stream.
func (s *Server) untilGreeted() time.Time { return time.Now().Add(2 * s.cfg.ElectionTimeout) }
