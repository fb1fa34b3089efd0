package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// configFlag names a file with settings, which are taken where the command line has no such flag.
type configFlag string

// BeforeResolve is called by kong once it knows the command line.
func (configFlag) BeforeResolve(
	app *kong.Kong, ctx *kong.Context, trace *kong.Path, flags *Flags,
) error {
	path := string(ctx.FlagValue(trace.Flag).(configFlag))
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	file, err := parseConfig(path, text, app.Model.Flags)
	if file == nil {
		return err
	}
	file.wrong = err // told together with what is wrong with the flags
	flags.file = file
	ctx.AddResolver(file)
	return nil
}

// configFile is the settings of a file.
type configFile struct {
	path     string
	settings map[string]setting // by the name of the flag
	wrong    error              // what could not be understood, a line each; nil: nothing
}

// setting is a value as kong takes it, and where it stands.
type setting struct {
	line  int
	value any
	bad   bool // it could not be understood
}

var _ kong.Resolver = (*configFile)(nil)

// Validate has nothing left to do.
func (*configFile) Validate(*kong.Application) error { return nil }

// Resolve returns the value that the file has for a flag; nil: none.
func (c *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	return c.settings[flag.Name].value, nil
}

// where says how a person finds the setting of a flag.
func (c *configFile) where(flag string, given map[string]bool) string {
	if c == nil || given[flag] || c.settings[flag].line == 0 {
		return "--" + flag
	}
	return fmt.Sprintf("%s:%d: %s", c.path, c.settings[flag].line, flag)
}

// mistakes returns what could not be understood.
func (c *configFile) mistakes() error {
	if c == nil {
		return nil
	}
	return c.wrong
}

// causes reports whether a problem may come of a setting that could not be understood, which is
// told anyhow, and in whose place there is now a default.
func (c *configFile) causes(p problem, given map[string]bool) bool {
	if c == nil {
		return false
	}
	for name, s := range c.settings {
		if s.bad && !given[name] && (p.flag == name || strings.Contains(p.text, "--"+name)) {
			return true
		}
	}
	return false
}

// parseConfig reads the text of a file: one YAML document, a mapping from names of flags to their
// values. The error tells all that is wrong, each on a line with the place; without a file, nothing
// of it could be read.
func parseConfig(path string, text []byte, flags []*kong.Flag) (*configFile, error) {
	known := map[string]*kong.Flag{}
	for _, flag := range flags {
		known[flag.Name] = flag
	}
	for _, other := range []string{"config", "help", "version"} {
		delete(known, other)
	}
	top, err := document(path, text)
	if err != nil {
		return nil, err
	}
	c := &configFile{path: path, settings: map[string]setting{}}
	var wrong []error
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, node := top.Content[i], top.Content[i+1]
		flag, ok := known[key.Value]
		before, twice := c.settings[key.Value]
		switch {
		case !ok:
			err = fmt.Errorf("%q is no setting\n"+
				"  hint: settings have the names of the flags, see raftd --help", key.Value)
		case twice:
			err = fmt.Errorf("%s stands already in line %d", key.Value, before.line)
		default:
			var value any
			value, err = settingOf(flag, node)
			if err != nil && flag.Required {
				value = "" // it is there: nobody is to be told that it is missing
			}
			c.settings[key.Value] = setting{line: key.Line, value: value, bad: err != nil}
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", path, key.Line, err))
		}
	}
	return c, errors.Join(wrong...)
}

// document returns the only document of a file, which must be a mapping. An empty file is one.
func document(path string, text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, more yaml.Node
	if err := decoder.Decode(&root); errors.Is(err, io.EOF) {
		return &yaml.Node{}, nil
	} else if err != nil {
		return nil, syntaxError(path, err)
	}
	if top := root.Content[0]; top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: not a mapping\n"+
			"  hint: write one setting a line, such as name: n1", path, top.Line)
	}
	switch err := decoder.Decode(&more); {
	case errors.Is(err, io.EOF):
		return root.Content[0], nil
	case err != nil:
		return nil, syntaxError(path, err)
	}
	return nil, fmt.Errorf("%s:%d: a second document: there may be one only", path, more.Line)
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

func syntaxError(path string, err error) error {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%s:%s: %s", path, m[1], err.Error()[len(m[0]):])
	}
	return fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
}

// settingOf decodes a value into the type of its flag, and returns it as kong takes it.
func settingOf(flag *kong.Flag, node *yaml.Node) (any, error) {
	kind := flag.Target.Type()
	isList := kind.Kind() == reflect.Slice
	typed := reflect.New(kind)
	switch {
	case node.Tag == "!!null":
		return nil, fmt.Errorf("%s has no value", flag.Name)
	case isList != (node.Kind == yaml.SequenceNode) || node.Kind == yaml.MappingNode:
		return nil, mismatch(flag, node)
	case node.Decode(typed.Interface()) != nil:
		return nil, mismatch(flag, node)
	case isList:
		var items []any
		for _, item := range node.Content {
			items = append(items, item.Value)
		}
		return items, nil
	case kind.Kind() == reflect.Bool:
		return typed.Elem().Bool(), nil
	}
	return node.Value, nil
}

func mismatch(flag *kong.Flag, node *yaml.Node) error {
	want := "text"
	switch kind := flag.Target.Type(); {
	case kind.Kind() == reflect.Slice:
		want = "a list, such as [a, b]"
	case kind.Kind() == reflect.Bool:
		want = "true or false"
	case kind.String() == "time.Duration":
		want = "a time, such as 300ms or 5s"
	case kind.Kind() != reflect.String:
		want = "a number"
	}
	got := fmt.Sprintf("%q", node.Value)
	switch node.Kind {
	case yaml.SequenceNode:
		got = "a list"
	case yaml.MappingNode:
		got = "a mapping"
	}
	return fmt.Errorf("%s is %s\n  hint: want %s", flag.Name, got, want)
}
