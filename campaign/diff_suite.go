package campaign

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// suiteChanges compares two resolved suites line by line.
func suiteChanges(then, now string) []SuiteChange {
	before, after := suiteLines(then), suiteLines(now)
	var changes []SuiteChange
	add := func(line suiteLine, to func(*SuiteChange) *[]string) {
		if n := len(changes); n == 0 || changes[n-1].Path != line.path {
			changes = append(changes, SuiteChange{Path: line.path})
		}
		lines := to(&changes[len(changes)-1])
		*lines = append(*lines, line.text)
	}
	i, j := 0, 0
	for _, pair := range append(commonLines(before, after), [2]int{len(before), len(after)}) {
		for ; i < pair[0]; i++ {
			add(before[i], func(c *SuiteChange) *[]string { return &c.Then })
		}
		for ; j < pair[1]; j++ {
			add(after[j], func(c *SuiteChange) *[]string { return &c.Now })
		}
		i, j = i+1, j+1
	}
	return changes
}

// suiteLine is one line of YAML without its indent, and the path of what it belongs to.
type suiteLine struct{ path, text string }

// suiteLines takes a suite apart. What is no YAML has lines all the same.
func suiteLines(text string) []suiteLine {
	paths := map[int]string{}
	var root yaml.Node
	if yaml.Unmarshal([]byte(text), &root) == nil && len(root.Content) > 0 {
		linePaths(root.Content[0], "", paths)
	}
	var lines []suiteLine
	path := ""
	for i, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if at, begins := paths[i+1]; begins {
			path = at
		}
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			lines = append(lines, suiteLine{path, line})
		}
	}
	return lines
}

// linePaths notes for each line the path of the block whose key or entry begins on it, the
// innermost if there are several.
func linePaths(node *yaml.Node, path string, paths map[int]string) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			paths[key.Line] = path
			if value.Style&yaml.FlowStyle == 0 {
				linePaths(value, strings.TrimPrefix(path+"."+key.Value, "."), paths)
			}
		}
	case yaml.SequenceNode:
		for i, entry := range node.Content {
			inner := fmt.Sprintf("%s[%d]", path, i)
			paths[entry.Line] = inner
			if entry.Style&yaml.FlowStyle == 0 {
				linePaths(entry, inner, paths)
			}
		}
	}
}

// mostCells bounds the table of what two texts have in common.
const mostCells = 4 << 20

// commonLines are the longest sequence of lines that stands in both texts, as pairs of places. A
// line is the same if its text and all that it belongs to are; entries of a list may move up.
func commonLines(a, b []suiteLine) [][2]int {
	same := func(i, j int) bool {
		return a[i].text == b[j].text && withoutPlaces(a[i].path) == withoutPlaces(b[j].path)
	}
	var head, tail [][2]int
	from, lastA, lastB := 0, len(a), len(b)
	for from < min(lastA, lastB) && same(from, from) {
		head = append(head, [2]int{from, from})
		from++
	}
	for min(lastA, lastB) > from && same(lastA-1, lastB-1) {
		lastA, lastB = lastA-1, lastB-1
		tail = append(tail, [2]int{lastA, lastB})
	}
	slices.Reverse(tail)
	n, m := lastA-from, lastB-from
	if n*m > mostCells {
		return append(head, tail...) // a person will not read what differs line by line
	}
	longest := make([][]int, n+1)
	for i := range longest {
		longest[i] = make([]int, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			if same(from+i, from+j) {
				longest[i][j] = longest[i+1][j+1] + 1
			}
		}
	}
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case same(from+i, from+j):
			head = append(head, [2]int{from + i, from + j})
			i, j = i+1, j+1
		case longest[i+1][j] >= longest[i][j+1]:
			i++
		default:
			j++
		}
	}
	return append(head, tail...)
}

// withoutPlaces leaves the numbers of entries out of a path.
func withoutPlaces(path string) string {
	for {
		head, rest, found := strings.Cut(path, "[")
		if !found {
			return path
		}
		_, tail, _ := strings.Cut(rest, "]")
		path = head + tail
	}
}
