package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// RegisterInput is what a register operation asks. A nil pointer is the absent register, which a
// cas may expect (it then creates the register) but nobody can write.
//
//	read   {}
//	write  {"value":17}
//	cas    {"expected":5,"value":9}
type RegisterInput struct {
	Value    *int64
	Expected *int64
}

// RegisterOutput is what an operation with outcome ok answers. A cas that did not swap is ok as
// well: it is a read of the current value.
//
//	read   {"value":17}, or {"value":null} when the register is absent
//	write  {}
//	cas    {"swapped":true}, or {"swapped":false,"current":7}, where current may be null
//
// Clients that only tell that a cas did not swap answer {"swapped":false}, which is Silent: all it
// says is that the register did not hold the expected value. Ours never are, since that is hard
// to judge.
type RegisterOutput struct {
	Value   *int64
	Current *int64
	Swapped *bool
	Silent  bool
}

// Encode returns the input of an operation of that kind as canonical JSON.
func (in RegisterInput) Encode(kind string) json.RawMessage {
	switch kind {
	case KindWrite:
		return object("value", in.Value)
	case KindCAS:
		return object("expected", in.Expected, "value", in.Value)
	}
	return json.RawMessage("{}")
}

// Encode returns the output of an operation of that kind as canonical JSON.
func (out RegisterOutput) Encode(kind string) json.RawMessage {
	switch {
	case kind == KindRead:
		return object("value", out.Value)
	case kind == KindCAS && out.Swapped != nil && *out.Swapped:
		return json.RawMessage(`{"swapped":true}`)
	case kind == KindCAS && out.Silent:
		return json.RawMessage(`{"swapped":false}`)
	case kind == KindCAS:
		return append(json.RawMessage(`{"swapped":false,`), object("current", out.Current)[1:]...)
	}
	return json.RawMessage("{}")
}

// DecodeRegisterInput is Encode's inverse. A missing key is an error, never an absent register.
func DecodeRegisterInput(kind string, raw json.RawMessage) (RegisterInput, error) {
	c := canonical{rest: raw}
	switch kind {
	case KindRead:
		if string(raw) == "{}" {
			return RegisterInput{}, nil
		}
	case KindWrite:
		if c.text(`{"value":`) {
			value := c.number()
			if c.text("}") && c.done() {
				return RegisterInput{Value: &value}, nil
			}
		}
	case KindCAS:
		if c.text(`{"expected":`) {
			both := new(struct{ expected, value int64 })
			in := RegisterInput{Value: &both.value, Expected: c.orNull(&both.expected)}
			c.text(`,"value":`)
			both.value = c.number()
			if c.text("}") && c.done() {
				return in, nil
			}
		}
	}
	return slowRegisterInput(kind, raw)
}

// slowRegisterInput decodes any JSON that means an input.
func slowRegisterInput(kind string, raw json.RawMessage) (RegisterInput, error) {
	var j struct{ Value, Expected register }
	if err := json.Unmarshal(raw, &j); err != nil {
		return RegisterInput{}, fmt.Errorf("%s input: %w", kind, err)
	}
	switch kind {
	case KindRead:
		return RegisterInput{}, nil
	case KindWrite, KindCAS:
		if j.Value.value == nil {
			return RegisterInput{}, fmt.Errorf("%s input: no value in %s", kind, raw)
		}
		if kind == KindCAS && !j.Expected.given {
			return RegisterInput{}, fmt.Errorf("cas input: no expected value in %s", raw)
		}
		in := RegisterInput{Value: j.Value.value}
		if kind == KindCAS {
			in.Expected = j.Expected.value
		}
		return in, nil
	}
	return RegisterInput{}, fmt.Errorf("kind %q: a register knows read, write and cas", kind)
}

// DecodeRegisterOutput is Encode's inverse. A missing key is an error, never an absent register.
func DecodeRegisterOutput(kind string, raw json.RawMessage) (RegisterOutput, error) {
	c := canonical{rest: raw}
	switch kind {
	case KindWrite:
		if string(raw) == "{}" {
			return RegisterOutput{}, nil
		}
	case KindRead:
		if c.text(`{"value":`) {
			value := c.orNull(new(int64))
			if c.text("}") && c.done() {
				return RegisterOutput{Value: value}, nil
			}
		}
	case KindCAS:
		both := new(struct {
			swapped bool
			current int64
		})
		out := RegisterOutput{Swapped: &both.swapped}
		if both.swapped = c.next(`{"swapped":true`); !both.swapped {
			c.text(`{"swapped":false`)
			if out.Silent = !c.next(`,"current":`); !out.Silent {
				out.Current = c.orNull(&both.current)
			}
		}
		if c.text("}") && c.done() {
			return out, nil
		}
	}
	return slowRegisterOutput(kind, raw)
}

// orNull reads a number into a place and returns it, or nil for null.
func (c *canonical) orNull(into *int64) *int64 {
	if c.next("null") {
		return nil
	}
	*into = c.number()
	return into
}

// slowRegisterOutput decodes any JSON that means an output.
func slowRegisterOutput(kind string, raw json.RawMessage) (RegisterOutput, error) {
	var j struct {
		Value, Current register
		Swapped        *bool
	}
	if err := json.Unmarshal(raw, &j); err != nil {
		return RegisterOutput{}, fmt.Errorf("%s output: %w", kind, err)
	}
	switch kind {
	case KindRead:
		if !j.Value.given {
			return RegisterOutput{}, fmt.Errorf("read output: no value in %s", raw)
		}
		return RegisterOutput{Value: j.Value.value}, nil
	case KindWrite:
		return RegisterOutput{}, nil
	case KindCAS:
		if j.Swapped == nil {
			return RegisterOutput{}, fmt.Errorf("cas output: want swapped in %s", raw)
		}
		if *j.Swapped {
			j.Current.value = nil // says nothing beside a swap
		}
		return RegisterOutput{Swapped: j.Swapped, Current: j.Current.value,
			Silent: !*j.Swapped && !j.Current.given}, nil
	}
	return RegisterOutput{}, fmt.Errorf("kind %q: a register knows read, write and cas", kind)
}

// register tells a null, which is the absent register, from a missing key.
type register struct {
	given bool
	value *int64
}

func (r *register) UnmarshalJSON(raw []byte) error {
	r.given, r.value = true, nil
	if string(raw) == "null" {
		return nil
	}
	v, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return errors.New("not a register's value: " + string(raw))
	}
	r.value = &v
	return nil
}

// object writes {"key":value,...} from pairs of a string and a *int64. Written by hand because it
// runs twice for every operation.
func object(pairs ...any) json.RawMessage {
	b := []byte{'{'}
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, '"'), pairs[i].(string)...), `":`...)
		if v := pairs[i+1].(*int64); v != nil {
			b = strconv.AppendInt(b, *v, 10)
		} else {
			b = append(b, "null"...)
		}
	}
	return append(b, '}')
}
