package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"gauntlet/history"
	"gauntlet/workload"
)

// Reads says how a client asks for a register's value, where its target offers a choice.
type Reads string

// The read modes of etcd. Serializable reads are answered by the node asked from what it has: they
// may be stale, and are not linearizable.
const (
	ReadsLinearizable Reads = "linearizable" // the default
	ReadsSerializable Reads = "serializable"
)

// etcd is the client of one etcd node.
//
// The table of its errors. Whatever it does not list is info.
//
//	what happened                                           write, cas  read
//	no connection: refused, unreachable, dial timed out     fail        fail
//	request could not be built (unknown kind, bad input)    fail        fail
//	4xx, 5xx with a message of etcdRefusals                 fail        fail
//	4xx, 5xx with any other message, or none                info        fail
//	any other status                                        info        fail
//	200 whose body is garbage, incomplete or too long       info        fail
//	timed out, reset or closed once a connection was had    info        fail
//
// So "etcdserver: request timed out", "server stopped" and "leader changed" are info: the request
// may have been proposed.
type etcd struct {
	exchange
	base  string
	reads Reads
}

// etcdRefusals are the messages by which etcd says that it did not propose the request, or that it
// was dropped before any log had it. They are told by their text, since their codes differ between
// versions. Source: etcd's rpctypes/error.go and v3_server.go, and ErrProposalDropped of its raft.
var etcdRefusals = []string{
	"etcdserver: key is not provided",
	"etcdserver: too many operations in txn request",
	"etcdserver: duplicate key given in txn request",
	"etcdserver: request is too large",
	"etcdserver: too many requests",
	"etcdserver: mvcc: database space exceeded",
	"etcdserver: no leader",
	"etcdserver: not capable",
	"etcdserver: rpc not supported for learner",
	"raft proposal dropped",
}

// NewEtcd returns a client of the etcd node at addr, "host:port", over its HTTP/JSON gateway. A nil
// dial is net.Dialer's, a timeout of 0 DefaultTimeout, empty reads are linearizable. It keeps
// connections alive, follows no redirect, and sends nothing a second time.
//
// Each ok output has one key more than its model's: "revision", that of the whole store when etcd
// answered.
func NewEtcd(
	node, addr string, dial DialFunc, timeout time.Duration, reads Reads,
) Client {
	return &etcd{newExchange(node, dial, timeout), "http://" + addr + "/v3/kv/", reads}
}

// Do implements Client.
func (c *etcd) Do(ctx context.Context, inv workload.Invocation) Answer {
	build := func(ctx context.Context) (*http.Request, error) { return c.request(ctx, inv) }
	answer := c.do(ctx, build, func(status int, body []byte) Answer {
		return interpretEtcd(inv, status, body)
	})
	return answer.asked(inv.Kind)
}

// The requests of the gateway, protobuf's JSON: bytes are base64, as encoding/json has them too.
// Field names: etcd's rpc.proto.
type (
	etcdRange struct {
		Key          []byte `json:"key"`
		Serializable bool   `json:"serializable,omitempty"`
	}
	etcdPut struct {
		Key   []byte `json:"key"`
		Value []byte `json:"value"`
	}
	etcdCompare struct {
		Key            []byte `json:"key"`
		Target         string `json:"target"`
		Result         string `json:"result"`
		Value          []byte `json:"value,omitempty"`
		CreateRevision string `json:"create_revision,omitempty"`
	}
	etcdOperation struct {
		Put   *etcdPut   `json:"request_put,omitempty"`
		Range *etcdRange `json:"request_range,omitempty"`
	}
	etcdTransaction struct {
		Compare []etcdCompare   `json:"compare"`
		Success []etcdOperation `json:"success"`
		Failure []etcdOperation `json:"failure"`
	}
)

// request builds the request of an invocation. A cas is one transaction: it compares the value, or
// that the key was never created, and either puts or reads.
func (c *etcd) request(ctx context.Context, inv workload.Invocation) (*http.Request, error) {
	in, err := workload.DecodeRegisterInput(inv.Kind, inv.Input)
	if err != nil {
		return nil, err
	}
	key := []byte(inv.Key)
	var call string
	var message any
	switch inv.Kind {
	case workload.KindRead:
		call, message = "range", etcdRange{Key: key, Serializable: c.reads == ReadsSerializable}
	case workload.KindWrite:
		call, message = "put", etcdPut{key, decimal(*in.Value)}
	case workload.KindCAS:
		compare := etcdCompare{Key: key, Target: "CREATE", Result: "EQUAL", CreateRevision: "0"}
		if in.Expected != nil {
			compare = etcdCompare{
				Key: key, Target: "VALUE", Result: "EQUAL", Value: decimal(*in.Expected),
			}
		}
		call, message = "txn", etcdTransaction{
			Compare: []etcdCompare{compare},
			Success: []etcdOperation{{Put: &etcdPut{key, decimal(*in.Value)}}},
			Failure: []etcdOperation{{Range: &etcdRange{Key: key}}},
		}
	}
	body, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	return once(ctx, http.MethodPost, c.base+call, body)
}

func decimal(value int64) []byte { return strconv.AppendInt(nil, value, 10) }

// interpretEtcd classifies a whole answer.
func interpretEtcd(inv workload.Invocation, status int, body []byte) Answer {
	if status == http.StatusOK {
		output, err := outputEtcd(inv, body)
		if err != nil {
			return Answer{Outcome: history.OutcomeInfo, Error: oneLine("200: " + err.Error())}
		}
		return Answer{Outcome: history.OutcomeOK, Output: output}
	}
	var refusal struct{ Message, Error string } // gateways before etcd 3.6 send both, alike
	err := json.Unmarshal(body, &refusal)
	answer := Answer{Outcome: history.OutcomeInfo}
	answer.Error = oneLine(fmt.Sprintf("%d: %s", status, refusal.Message))
	if err == nil && status >= 400 && slices.Contains(etcdRefusals, refusal.Message) {
		answer.Outcome = history.OutcomeFail
	}
	return answer
}

// The answers of the gateway. What is zero, false or empty is left out there.
type (
	etcdKey struct {
		Key, Value string // base64
	}
	etcdFound struct {
		Kvs   []etcdKey
		Count string
	}
	etcdDone struct {
		Put   *struct{}  `json:"response_put"`
		Range *etcdFound `json:"response_range"`
	}
	etcdAnswer struct {
		Header    struct{ Revision string }
		Succeeded bool
		Responses []etcdDone
		etcdFound
	}
)

// outputEtcd decodes the body of a 200. An absent register looks much like an answer cut short, so
// every answer must have the revision that etcd always gives, and all its parts must agree.
func outputEtcd(inv workload.Invocation, body []byte) (json.RawMessage, error) {
	var j etcdAnswer
	if err := json.Unmarshal(body, &j); err != nil {
		return nil, err
	}
	revision, err := strconv.ParseInt(j.Header.Revision, 10, 64)
	if err != nil || revision <= 0 {
		return nil, fmt.Errorf("revision %q in the answer's header", j.Header.Revision)
	}
	var out workload.RegisterOutput
	switch inv.Kind {
	case workload.KindRead:
		out.Value, err = j.register(inv.Key)
	case workload.KindCAS:
		out.Swapped = &j.Succeeded
		switch {
		case len(j.Responses) != 1:
			err = fmt.Errorf("%d responses in a transaction's answer", len(j.Responses))
		case j.Succeeded && j.Responses[0].Put == nil:
			err = errors.New("a transaction that succeeded without a put")
		case !j.Succeeded && j.Responses[0].Range == nil:
			err = errors.New("a transaction that failed without a range")
		case !j.Succeeded:
			out.Current, err = j.Responses[0].Range.register(inv.Key)
		}
	}
	if err != nil {
		return nil, err
	}
	return withRevision(out.Encode(inv.Kind), revision), nil
}

// register decodes what a range of one key found: nil when it found nothing.
func (f etcdFound) register(key string) (*int64, error) {
	if len(f.Kvs) == 0 && f.Count == "" {
		return nil, nil
	}
	if len(f.Kvs) != 1 || f.Count != "1" {
		return nil, fmt.Errorf("%d keys and a count of %q for one key", len(f.Kvs), f.Count)
	}
	found := f.Kvs[0]
	if found.Key != base64.StdEncoding.EncodeToString([]byte(key)) {
		return nil, fmt.Errorf("key %q for %q", found.Key, key)
	}
	text, err := base64.StdEncoding.Strict().DecodeString(found.Value)
	if err != nil {
		return nil, fmt.Errorf("value %q is not base64", found.Value)
	}
	value, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || string(decimal(value)) != string(text) {
		return nil, fmt.Errorf("not a register's value: %q", text)
	}
	return &value, nil
}

// withRevision adds a key to a JSON object.
func withRevision(object json.RawMessage, revision int64) json.RawMessage {
	rest := object[:len(object)-1]
	if len(rest) > 1 {
		rest = append(rest, ',')
	}
	return fmt.Appendf(rest, `"revision":%d}`, revision)
}
