package report

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// asked is the timeline of a suite as its file has it, with names, conditions and modes: one line
// for the cast, if there is one, and one for each event. It is empty for a suite without a
// timeline, and for a text that is none.
func asked(suite string) []string {
	var document struct {
		Cast     yaml.Node
		Timeline []yaml.Node
	}
	if yaml.Unmarshal([]byte(suite), &document) != nil || len(document.Timeline) == 0 {
		return nil
	}
	var lines []string
	if document.Cast.Kind != 0 {
		lines = append(lines, "cast "+onOneLine(&document.Cast))
	}
	for i := range document.Timeline {
		lines = append(lines, onOneLine(&document.Timeline[i]))
	}
	return lines
}

// onOneLine writes a part of a document without a break.
func onOneLine(node *yaml.Node) string {
	flat := *node
	flatten(&flat)
	text, err := yaml.Marshal(&flat)
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

func flatten(node *yaml.Node) {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	if node.Kind != yaml.ScalarNode {
		node.Style = yaml.FlowStyle
	}
	for _, part := range node.Content {
		flatten(part)
	}
}
