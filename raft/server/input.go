package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"unicode/utf8"

	"gauntlet/raft/kv"
)

// badInput is what is wrong with a request, which had and will have no effect.
type badInput struct {
	status int
	reason string
}

func (e *badInput) Error() string { return e.reason }

func malformed(format string, args ...any) error {
	return &badInput{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func tooLarge(format string, args ...any) error {
	return &badInput{http.StatusRequestEntityTooLarge, fmt.Sprintf(format, args...)}
}

func putOf(r *http.Request) (kv.Command, error) {
	key, value, err := keyAndValueOf(r)
	return kv.Command{Op: kv.Put, Key: key, Value: value}, err
}

func appendOf(r *http.Request) (kv.Command, error) {
	key, value, err := keyAndValueOf(r)
	return kv.Command{Op: kv.Append, Key: key, Value: value}, err
}

func deleteOf(r *http.Request) (kv.Command, error) {
	key, err := keyOf(r)
	return kv.Command{Op: kv.Delete, Key: key}, err
}

func casOf(r *http.Request) (kv.Command, error) {
	var body struct {
		Value    *string         `json:"value"`
		Expected json.RawMessage `json:"expected"` // absent and null differ
	}
	key, err := keyAndBodyOf(r, &body)
	if err != nil {
		return kv.Command{}, err
	}
	cmd := kv.Command{Op: kv.CAS, Key: key}
	if cmd.Value, err = checkValue("value", body.Value); err != nil {
		return kv.Command{}, err
	}
	if string(body.Expected) == "null" {
		return cmd, nil
	}
	var expected *string
	if err := json.Unmarshal(body.Expected, &expected); err != nil {
		return kv.Command{}, malformed(`"expected" must be a string, or null for "absent"`)
	}
	cmd.Expected, err = checkValue("expected", expected)
	return cmd, err
}

func addOf(r *http.Request) (kv.Command, error) {
	var body struct {
		Delta *string `json:"delta"`
	}
	key, err := keyAndBodyOf(r, &body)
	if err != nil {
		return kv.Command{}, err
	}
	delta, err := checkDelta(body.Delta)
	return kv.Command{Op: kv.Add, Key: key, Value: delta}, err
}

// stepBody is a step of a transaction. A nil field was not there.
type stepBody struct {
	Op    string  `json:"op"`
	Key   *string `json:"key"`
	Value *string `json:"value"`
	Delta *string `json:"delta"`
}

// stepOps are the steps by name, and the field that each takes besides its key.
var stepOps = map[string]struct {
	op    kv.Op
	takes string
}{
	"get": {kv.Get, ""}, "put": {kv.Put, "value"}, "append": {kv.Append, "value"},
	"add": {kv.Add, "delta"}, "delete": {kv.Delete, ""},
}

func txnOf(r *http.Request) (kv.Command, error) {
	var body struct {
		Steps []stepBody `json:"steps"`
	}
	if err := decode(r, &body); err != nil {
		return kv.Command{}, err
	}
	switch n := len(body.Steps); {
	case n == 0:
		return kv.Command{}, malformed(`"steps" is missing or empty`)
	case n > MaxSteps:
		return kv.Command{}, tooLarge("transaction of %d steps: at most %d", n, MaxSteps)
	}
	cmd := kv.Command{Op: kv.Txn}
	for i, asked := range body.Steps {
		step, err := asked.step()
		if err != nil {
			return kv.Command{}, fmt.Errorf("step %d: %w", i+1, err)
		}
		cmd.Steps = append(cmd.Steps, step)
	}
	return cmd, nil
}

func (b *stepBody) step() (kv.Step, error) {
	known, ok := stepOps[b.Op]
	switch {
	case !ok:
		return kv.Step{}, malformed("op %q: want get, put, append, add or delete", b.Op)
	case b.Key == nil:
		return kv.Step{}, malformed(`"key" is missing`)
	case b.Value != nil && known.takes != "value":
		return kv.Step{}, malformed("%s takes no value", b.Op)
	case b.Delta != nil && known.takes != "delta":
		return kv.Step{}, malformed("%s takes no delta", b.Op)
	}
	step := kv.Step{Op: known.op, Key: *b.Key}
	err := checkKey(step.Key)
	if err == nil && known.takes == "value" {
		step.Value, err = checkValue("value", b.Value)
	}
	if err == nil && known.takes == "delta" {
		step.Value, err = checkDelta(b.Delta)
	}
	return step, err
}

func keyOf(r *http.Request) (string, error) {
	key := r.PathValue("key")
	if !utf8.ValidString(key) {
		return "", malformed("key is not valid UTF-8")
	}
	return key, checkKey(key)
}

func keyAndBodyOf(r *http.Request, body any) (string, error) {
	key, err := keyOf(r)
	if err == nil {
		err = decode(r, body)
	}
	return key, err
}

func keyAndValueOf(r *http.Request) (string, []byte, error) {
	var body struct {
		Value *string `json:"value"`
	}
	key, err := keyAndBodyOf(r, &body)
	if err != nil {
		return "", nil, err
	}
	value, err := checkValue("value", body.Value)
	return key, value, err
}

// decode reads exactly one JSON object with known fields only.
func decode(r *http.Request, into any) error {
	body, err := io.ReadAll(r.Body)
	var limit *http.MaxBytesError
	var bad *badInput
	switch {
	case errors.As(err, &bad):
		return bad
	case errors.As(err, &limit):
		return tooLarge("body: at most %d bytes", limit.Limit)
	case err != nil:
		return malformed("body: %v", err)
	case !utf8.Valid(body): // the decoder would quietly replace what is not
		return malformed("body is not valid UTF-8")
	case countValues(body) > maxValues:
		return tooLarge("body: at most %d JSON values", maxValues)
	}
	if err := strict(body, into); err != nil {
		return malformed("body: %v", err)
	}
	return nil
}

// maxValues in one body is more than a transaction needs. A decoded value takes many times the few
// bytes of its text.
const maxValues = 1024

// countValues returns at least how many members and elements a JSON text has: its commas and one.
func countValues(b []byte) int {
	n, quoted := 1, false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case b[i] == ',' && !quoted:
			n++
		}
	}
	return n
}

func checkKey(key string) error {
	switch {
	case key == "":
		return malformed("empty key")
	case len(key) > MaxKeyBytes:
		return tooLarge("key of %d bytes: at most %d", len(key), MaxKeyBytes)
	}
	return nil
}

func checkValue(name string, value *string) ([]byte, error) {
	switch {
	case value == nil:
		return nil, malformed("%q is missing", name)
	case len(*value) > MaxValueBytes:
		return nil, tooLarge("%s of %d bytes: at most %d", name, len(*value), MaxValueBytes)
	}
	return []byte(*value), nil
}

func checkDelta(delta *string) ([]byte, error) {
	value, err := checkValue("delta", delta)
	if err != nil {
		return nil, err
	}
	if _, err := strconv.ParseInt(*delta, 10, 64); err != nil {
		return nil, malformed(`"delta" must be a decimal 64-bit integer, as a string`)
	}
	return value, nil
}
