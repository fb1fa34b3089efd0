package server

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gauntlet/raft/wire"
)

const testToken = "a-token-for-tests-only"

// authority signs certificates for members on loopback.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	made int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, made: 1}
	a.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return a
}

// issue writes the files of a member, each replaced at once.
func (a *authority) issue(dir string) *TLSFiles {
	a.t.Helper()
	a.made++
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(a.made), Subject: pkix.Name{CommonName: "member"},
		NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	self, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	files := &TLSFiles{filepath.Join(dir, "c"), filepath.Join(dir, "k"), filepath.Join(dir, "a")}
	a.write(files.CA, "CERTIFICATE", self)
	a.write(files.Key, "EC PRIVATE KEY", private)
	a.write(files.Cert, "CERTIFICATE", der)
	return files
}

func (a *authority) write(path, kind string, der []byte) {
	a.t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// secureClient is an HTTP client that trusts what the authority signed, and its certificate's
// serial number as last seen.
func secureClient(files *TLSFiles, version uint16) (*http.Client, *int64) {
	serial := new(int64)
	text, _ := os.ReadFile(files.CA)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: version,
			VerifyConnection: func(state tls.ConnectionState) error {
				*serial = state.PeerCertificates[0].SerialNumber.Int64()
				return nil
			}},
	}}, serial
}

// ask sends a request with an Authorization header, or without if it is empty.
func ask(client *http.Client, method, url, authorization, body string) (int, string) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// Goal: with TLS and a token a cluster works as ever, for those who speak TLS 1.3 and show the
// token, and for nobody else.
// Method: three members with certificates of their own; each kind of client; each kind of stranger
// at a peer port. Nothing that is written down may hold the token.
func TestTLSAndToken(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	files := ours.issue(t.TempDir())
	c := newCluster(t, 3, func(cfg *Config) {
		cfg.TLS, cfg.Token = ours.issue(t.TempDir()), testToken
	})
	c.leader()
	good, _ := secureClient(files, 0)
	old, _ := secureClient(files, tls.VersionTLS12)
	foreign, _ := secureClient(theirs.issue(t.TempDir()), 0)
	for i, bad := range []struct {
		client                *http.Client
		scheme, authorization string
		code                  int
		says                  string
	}{
		{good, "https", "Bearer " + testToken, 200, "{}"},
		{good, "https", "bearer " + testToken, 200, "{}"},
		{good, "https", "", 401, `"outcome":"fail"`},
		{good, "https", "Bearer " + testToken + "x", 401, "token missing or wrong"},
		{good, "https", "Basic " + testToken, 401, "token missing or wrong"},
		{http.DefaultClient, "http", "Bearer " + testToken, 400, "HTTPS server"},
		{old, "https", "Bearer " + testToken, 0, "protocol version"},
		{foreign, "https", "Bearer " + testToken, 0, "unknown authority"},
	} {
		url := bad.scheme + "://" + c.clients[i%3] + "/v1/kv/k"
		code, body := ask(bad.client, "PUT", url, bad.authorization, `{"value":"1"}`)
		if code != bad.code || !strings.Contains(body, bad.says) {
			t.Errorf("%d: %d %s, want %d %s", i, code, body, bad.code, bad.says)
		}
	}
	code, body := ask(good, "GET", "https://"+c.clients[0]+"/healthz", "", "")
	if code != 200 || !strings.Contains(body, "true") {
		t.Errorf("healthz: %d %s", code, body)
	}

	hello := wire.AppendHello(nil, wire.Hello{Cluster: 42, From: 2, To: 1, Stream: wire.Control})
	for _, stranger := range []struct {
		files *TLSFiles
		line  string
	}{
		{theirs.issue(t.TempDir()), "signed by unknown authority"},
		{files, "proof of the token missing"},
	} {
		knock := knocker(t, stranger.files, c.members[0].Address, hello)
		await(t, stranger.line, func() bool {
			knock()
			return strings.Contains(c.logs[0].String(), stranger.line)
		})
	}
	before := c.servers[0].metrics.peersRefused.Load()
	dialAll(t, c.members[0].Address, 1, string(hello)) // without TLS
	await(t, "a refusal", func() bool { return c.servers[0].metrics.peersRefused.Load() > before })
	for i, log := range c.logs {
		if strings.Contains(log.String(), testToken) {
			t.Errorf("n%d wrote the token down", i+1)
		}
	}
}

// knocker returns a function that sends a hello to a peer port, but only once in a while: the event
// log has one line in ten seconds for all who fail to greet, and on a loaded machine members do.
func knocker(t *testing.T, as *TLSFiles, address string, hello []byte) func() {
	i, err := newIdentity(*as, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	config := i.config()
	config.InsecureSkipVerify = true
	var last time.Time
	return func() {
		if time.Since(last) < linePeriod/8 {
			return
		}
		last = time.Now()
		if conn, err := tls.Dial("tcp", address, config); err == nil {
			conn.Write(hello)
			t.Cleanup(func() { conn.Close() })
		}
	}
}

// Goal: without TLS a peer proves the token all the same, and never sends it; a member without it,
// or with another, is no peer.
// Method: a member among two that have another token, or none; then bytes on the wire.
func TestTokenOfPeers(t *testing.T) {
	for name, other := range map[string]string{"none": "", "another": testToken + "x"} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2, func(cfg *Config) {
				if cfg.Token = testToken; cfg.ID == 2 {
					cfg.Token = other
				}
			})
			await(t, "a refusal", func() bool {
				return strings.Contains(c.logs[0].String(), "proof of the token missing or wrong")
			})
			if status, _ := c.servers[0].status(context.Background()); status.Leader != 0 {
				t.Errorf("they elected %d", status.Leader)
			}
		})
	}
	near, far := net.Pipe()
	defer near.Close()
	h := wire.Hello{Cluster: 1, From: 2, To: 3, Stream: wire.Bulk}
	question := make(chan []byte, 1)
	go func() {
		q, _ := challenge(far)
		question <- q
	}()
	if err := answerChallenge(near, testToken, &h); err != nil {
		t.Fatal(err)
	}
	asked := <-question
	right := h.Proof
	if frame := wire.AppendHello(nil, h); bytes.Contains(frame, []byte(testToken)) ||
		right != string(proof(testToken, asked, h)) {
		t.Error("the proof is not one, or holds the token")
	}
	for _, change := range []func(){
		func() { h.Cluster++ }, func() { h.From++ }, func() { h.To++ }, func() { h.Stream-- },
		func() { h.Founders++ }, func() { asked[0]++ },
	} {
		h0, asked0 := h, asked[0]
		change()
		if string(proof(testToken, asked, h)) == right {
			t.Errorf("the proof is good for %+v too", h)
		}
		h, asked[0] = h0, asked0
	}
}

// Goal: new certificates are taken without a restart, and files that make no sense are told of and
// leave the old ones in force.
func TestCertificatesAreReread(t *testing.T) {
	ours := newAuthority(t)
	dir := t.TempDir()
	files := ours.issue(dir)
	c := newCluster(t, 1, func(cfg *Config) { cfg.TLS = files })
	c.leader()
	client, serial := secureClient(files, 0)
	url := "https://" + c.clients[0] + "/healthz"
	seen := func(want int64) {
		t.Helper()
		if code, body := ask(client, "GET", url, "", ""); code != 200 || *serial != want {
			t.Errorf("%d %s: certificate %d, want %d", code, body, *serial, want)
		}
	}
	seen(2)
	ours.issue(dir)
	seen(3)
	if err := os.WriteFile(files.Key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen(3)
	if !strings.Contains(c.logs[0].String(), `"event":"tls","node":"n1","error":"certificate `) {
		t.Error("no line in the log")
	}
	ours.issue(dir)
	seen(4)
	if _, err := newIdentity(TLSFiles{files.Cert, files.Key, files.Key}, nil); err == nil {
		t.Error("a key for an authority")
	}
}
