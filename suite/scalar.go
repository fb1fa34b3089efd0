package suite

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// unit is a duration that others are written in.
type unit time.Duration

// between bounds a value, both ends included.
type between[T any] struct{ Low, High T }

// scalar returns the text of a single value with one of the tags.
func (b block) scalar(key, wanted, hint string, tags ...string) (string, bool) {
	node, path := b.get(key)
	if node == nil {
		return "", false
	}
	if node.Kind != yaml.ScalarNode || !slices.Contains(tags, node.Tag) {
		b.d.spoil(path, node.Line, hint, "must be %s, not %s", wanted, describe(node))
		return "", false
	}
	return node.Value, true
}

func (b block) text(key string, into *string) {
	if text, ok := b.scalar(key, "a word", "", "!!str"); ok {
		*into = text
	}
}

// word reads one of the known words.
func (b block) word(key string, into *string, known ...string) {
	text, ok := b.scalar(key, "a word", oneOf(known), "!!str")
	if !ok {
		return
	}
	if !slices.Contains(known, text) {
		b.d.spoil(b.at(key), b.d.line(b.at(key)), oneOf(known), "%q is not known", text)
		return
	}
	*into = text
}

func (b block) boolean(key string, into *bool) {
	if text, ok := b.scalar(key, "true or false", "", "!!bool"); ok {
		*into = strings.EqualFold(text, "true")
	}
}

func (b block) integer(key string, into *int, bounds between[int]) {
	text, ok := b.scalar(key, "a whole number", "", "!!int")
	if !ok {
		return
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		b.d.spoil(b.at(key), b.d.line(b.at(key)), "", "%q is not a whole number", text)
		return
	}
	*into = value
	within(b, key, value, bounds)
}

func (b block) number(key string, into *float64, bounds between[float64]) {
	text, ok := b.scalar(key, "a number", "", "!!int", "!!float")
	if !ok {
		return
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value != value {
		b.d.spoil(b.at(key), b.d.line(b.at(key)), "", "%q is not a number", text)
		return
	}
	*into = value
	within(b, key, value, bounds)
}

// seed reads an unsigned 64-bit number; yaml.v3 calls the upper half of them floats.
func (b block) seed(key string, into **uint64) {
	text, ok := b.scalar(key, "a whole number", "", "!!int", "!!float")
	if !ok {
		return
	}
	value, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		b.d.spoil(b.at(key), b.d.line(b.at(key)), "from 0 to 18446744073709551615, or leave it out",
			"%q is not a seed", text)
		return
	}
	*into = &value
}

// durationHint is what to write when a duration has no unit, or a wrong one.
const durationHint = "write a number and a unit: 300ms, 8s, 2m, or 20ET (ET = the election timeout)"

func (b block) duration(key string, into *time.Duration, bounds between[time.Duration]) {
	text, ok := b.scalar(key, "a duration", durationHint, "!!str", "!!int", "!!float")
	if !ok {
		return
	}
	value, err := parseDuration(text, b.d.election)
	if err != nil {
		b.d.spoil(b.at(key), b.d.line(b.at(key)), durationHint, "%v", err)
		return
	}
	*into = value
	within(b, key, value, bounds)
}

// maxElections keeps a multiple of ET far from overflow: at ET = 1 min it is over a year.
const maxElections = 1_000_000

// parseDuration reads Go's notation, and "1.5ET". The factor is kept in thousandths: no rounding
// surprises.
func parseDuration(text string, election unit) (time.Duration, error) {
	factor, isElections := strings.CutSuffix(text, "ET")
	if !isElections {
		value, err := time.ParseDuration(text)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration", text)
		}
		return value, nil
	}
	if election == 0 {
		return 0, fmt.Errorf("%q: ET has no meaning here", text)
	}
	count, err := time.ParseDuration(factor + "s")
	if err != nil || factor == "" || strings.Trim(factor, "0123456789.") != "" {
		return 0, fmt.Errorf("%q is not a duration", text)
	}
	if count > maxElections*time.Second {
		return 0, fmt.Errorf("%q is over %d election timeouts", text, maxElections)
	}
	return time.Duration(count.Milliseconds()) * time.Duration(election) / 1000, nil
}

// bytes reads a size such as 512MiB.
func (b block) bytes(key string, into *int64, bounds between[int64]) {
	const hint = "write a number and a unit: 512MiB, 2GiB"
	text, ok := b.scalar(key, "a size", hint, "!!str", "!!int", "!!float")
	if !ok {
		return
	}
	value, err := parseBytes(text)
	if err != nil {
		b.d.spoil(b.at(key), b.d.line(b.at(key)), hint, "%v", err)
		return
	}
	*into = value
	within(b, key, value, bounds)
}

func parseBytes(text string) (int64, error) {
	for suffix, shift := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30} {
		if digits, ok := strings.CutSuffix(text, suffix); ok {
			count, err := strconv.ParseInt(digits, 10, 32)
			if err != nil {
				break
			}
			return count << shift, nil
		}
	}
	return 0, fmt.Errorf("%q is not a size", text)
}

func formatBytes(size int64) string {
	if size%(1<<30) == 0 {
		return fmt.Sprintf("%dGiB", size>>30)
	}
	if size%(1<<20) == 0 {
		return fmt.Sprintf("%dMiB", size>>20)
	}
	return fmt.Sprintf("%dKiB", size>>10)
}

// asList lets a single word stand for a list of one.
func (b block) asList(key string) {
	node := b.values[key]
	if node == nil || follow(node).Kind != yaml.ScalarNode || follow(node).Tag == "!!null" {
		return
	}
	b.values[key] = &yaml.Node{Kind: yaml.SequenceNode, Line: node.Line, Content: []*yaml.Node{node}}
}

// words reads a list of words, each at most once. Without known ones, whoever the words belong to
// judges them.
func words[W ~string](b block, key string, into *[]W, known ...W) {
	node, path := b.get(key)
	if node == nil {
		return
	}
	if node.Kind != yaml.SequenceNode {
		b.d.spoil(path, node.Line, "write a list: [one, two]", "must be a list of words, not %s",
			describe(node))
		return
	}
	if len(node.Content) == 0 {
		b.d.spoil(path, node.Line, "", "the list is empty")
	}
	var list []W
	for _, entry := range node.Content {
		entry = follow(entry)
		word := W(entry.Value)
		switch {
		case entry.Kind != yaml.ScalarNode:
			b.d.spoil(path, entry.Line, "", "must hold words, not %s", describe(entry))
		case len(known) > 0 && !slices.Contains(known, word):
			b.d.spoil(path, entry.Line, oneOf(known), "%s is not known", describe(entry))
		case slices.Contains(list, word):
			b.d.spoil(path, entry.Line, "", "%q stands in the list twice", word)
		default:
			list = append(list, word)
		}
	}
	*into = list
}

// texts reads a list of texts, which may repeat.
func (b block) texts(key string, into *[]string) {
	node, path := b.get(key)
	if node == nil {
		return
	}
	if node.Kind != yaml.SequenceNode {
		b.d.spoil(path, node.Line, "write a list: [one, two]", "must be a list of words, not %s",
			describe(node))
		return
	}
	for _, entry := range node.Content {
		entry = follow(entry)
		if entry.Kind != yaml.ScalarNode || entry.Tag == "!!null" || entry.Value == "" {
			b.d.spoil(path, entry.Line, "", "must hold words, not %s", describe(entry))
			continue
		}
		*into = append(*into, entry.Value)
	}
}

// within complains of a value outside its bounds, naming the bound that it breaks.
func within[T cmp.Ordered](b block, key string, value T, bounds between[T]) {
	path := b.at(key)
	switch {
	case value < bounds.Low:
		b.d.spoil(path, b.d.line(path), "", "%v is below the least value %v", value, bounds.Low)
	case value > bounds.High:
		b.d.spoil(path, b.d.line(path), "", "%v is above the greatest value %v", value, bounds.High)
	}
}

func oneOf[W ~string](known []W) string { return "one of: " + join(known) }

func join[W ~string](list []W) string {
	texts := make([]string, len(list))
	for i, word := range list {
		texts[i] = string(word)
	}
	return strings.Join(texts, ", ")
}
