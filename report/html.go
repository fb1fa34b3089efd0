package report

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"slices"
	"strings"
	"time"

	"gauntlet/checker"
	"gauntlet/history"
	"gauntlet/workload"
)

//go:embed page.gohtml timeline.gohtml contradiction.gohtml counterexample.gohtml style.css
var files embed.FS

var pageTemplate = template.Must(template.New("page.gohtml").Funcs(template.FuncMap{
	"seconds":   seconds,
	"thousands": thousands,
	"plural":    plural,
	"gateWord":  gateWord,
	"faultName": faultName,
	"join":      strings.Join,
	"list":      list,

	"figure":         figure,
	"began":          began,
	"faultDetails":   faultDetails,
	"splitText":      splitText,
	"reproducedWord": reproducedWord,
	"latencyOf":      latencyOf,
	"rateOf":         rateOf,
}).ParseFS(files, "*.gohtml"))

// view is all that the page shows. Without a readable history it has Trouble and no drawings.
type view struct {
	Style          template.CSS
	Results        *checker.Results
	Headline       string
	Tone           string // class of the verdict: "good", "bad", "doubt", "broken"
	Lead           string
	More           []string // further reasons
	Header         history.Header
	Tiles          []tile
	Injected       []injected
	Contradictions []*contradiction
	Timeline       timeline
	Drawn          bool
	Faults         []faultRow
	Keys           []checker.KeyResult
	MoreKeys       int      // valid ones that are not listed
	Nodes          []string // directories with logs
	Suite          string
	Asked          []string // the suite's timeline
	Trouble        string
	Warnings       []string

	history *history.History
	model   workload.Model // of the operations
	words   func(history.Operation) (asked, answered string)
	nodes   []string
}

type tile struct{ Value, Name, Detail string }

// injected is one sort of fault: how often, and whether all of them are proven.
type injected struct {
	Name          string
	Kind          string
	Count, Proven int
	Hosts         []string // that it fell upon, each once
}

type faultRow struct {
	history.Fault
	Proven bool
	Heal   *checker.Heal
}

// The page stays readable after a long run: so many contradictions are drawn, and so many keys
// listed unless more of them are not valid.
const (
	mostContradictions = 3
	mostKeys           = 200
)

// HTML renders a run directory as one self-contained page, without script and without a link to
// anywhere outside the directory. It fails only if results.json cannot be read; a history that
// cannot is said so.
func HTML(dir fs.FS) ([]byte, error) {
	data, err := fs.ReadFile(dir, ResultsFile)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	v := &view{Results: new(checker.Results), history: new(history.History)}
	if err := json.Unmarshal(data, v.Results); err != nil {
		return nil, fmt.Errorf("report: %s: %w", ResultsFile, err)
	}
	// A model of a later version is not known: its operations are shown as they stand.
	v.model, _ = workload.Find(cmp.Or(v.Results.Model, workload.ModelRegister))
	v.words = v.model.Describe
	v.load(dir)
	v.warnings()
	v.verdict()
	v.tiles()
	v.injected()
	v.faults()
	v.contradictions()
	v.keys()
	if v.Drawn {
		v.Timeline = newTimeline(v)
	}
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, v); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return page.Bytes(), nil
}

// load reads what else the directory holds, each as far as it is there.
func (v *view) load(dir fs.FS) {
	style, _ := files.ReadFile("style.css") // embedded: cannot be missing
	v.Style = template.CSS(style)
	if suite, err := fs.ReadFile(dir, SuiteFile); err == nil {
		v.Suite, v.Asked = string(suite), asked(string(suite))
	}
	if entries, err := fs.ReadDir(dir, NodesDir); err == nil {
		for _, entry := range entries {
			v.Nodes = append(v.Nodes, NodesDir+"/"+entry.Name())
		}
	}
	file, err := dir.Open(HistoryFile)
	if err != nil {
		v.Trouble = err.Error()
		return
	}
	defer file.Close()
	h, err := history.Read(file)
	if err != nil {
		v.Trouble = err.Error()
		return
	}
	v.history, v.Header, v.Warnings, v.Drawn = h, h.Header, h.Warnings, true
	v.nodes = slices.Clone(h.Header.Nodes)
	for _, op := range h.Operations {
		if !slices.Contains(v.nodes, op.Node) {
			v.nodes = append(v.nodes, op.Node)
		}
	}
}

// warnings adds those of the run to those of its history.
func (v *view) warnings() {
	for _, warning := range v.Results.Warnings {
		if !slices.Contains(v.Warnings, warning) {
			v.Warnings = append(v.Warnings, warning)
		}
	}
}

// nodeColour is the place of a node in the palette, from 0 to 7.
func (v *view) nodeColour(node string) int { return max(slices.Index(v.nodes, node), 0) % 8 }

func (v *view) verdict() {
	r := v.Results
	v.Headline = title(r)
	switch r.Exit {
	case checker.ExitValid:
		v.Tone = "good"
	case checker.ExitViolation, checker.ExitGate:
		v.Tone = "bad"
	case checker.ExitInconclusive:
		v.Tone = "doubt"
	default:
		v.Tone = "broken"
	}
	for _, check := range r.Checks {
		if check.Verdict == checker.Invalid && check.Violation != nil && v.Lead == "" {
			v.Lead = check.Violation.Text
		}
	}
	if r.Exit == checker.ExitValid {
		v.Lead = "Every checked promise was kept, and every fault is proven to have bitten."
		if len(r.Summary.Faults) == 0 {
			v.Lead = "Every checked promise was kept; no fault was injected."
		}
	} else if v.Lead == "" && len(r.Reasons) > 0 {
		v.Lead = r.Reasons[0]
	}
	for _, reason := range r.Reasons {
		if !strings.Contains(reason, v.Lead) {
			v.More = append(v.More, reason)
		}
	}
	if n := len(v.found()); n > 1 {
		v.More = append(v.More, fmt.Sprintf("%d contradictions in all; the first %d are drawn below",
			n, min(n, mostContradictions)))
	}
}

func (v *view) tiles() {
	s := &v.Results.Summary
	var fail, info, proven, faults int
	for _, kind := range s.Kinds {
		fail, info = fail+kind.Fail, info+kind.Info
	}
	for _, f := range s.Faults {
		proven, faults = proven+f.Proven, faults+f.Injected
	}
	leaders := make(map[string]bool)
	terms := make(map[uint64]bool)
	for _, l := range s.Leaders {
		leaders[l.Node], terms[l.Term] = true, true
	}
	v.Tiles = []tile{
		{thousands(s.OK), "operations ok", fmt.Sprintf("of %s; %s failed, %s unknown",
			thousands(s.Operations), thousands(fail), thousands(info))},
		{fmt.Sprintf("%d of %d", proven, faults), "faults proven", "evidence at start and end"},
		{fmt.Sprint(len(leaders)), "leaders seen", "over " + plural(len(terms), "term")},
		{seconds(s.LongestGap.Length().Round(time.Millisecond)), "longest unavailability",
			"from " + seconds(s.LongestGap.From) + ", " + v.during(s.LongestGap)},
	}
	if load := s.Load; load.Window > 0 {
		v.Tiles = append(v.Tiles, tile{share(load.Available), "of the load available",
			fmt.Sprintf("%s; longest gap %s", aSecond(load.Throughput),
				seconds(load.LongestGap.Round(time.Millisecond)))})
	}
	if heal := slowest(s.Heals); heal != nil {
		t := tile{"not seen", "slowest recovery", fmt.Sprintf("after fault %d", heal.Fault)}
		if heal.Available {
			t.Value = figure(heal.After)
		}
		if split := splitText(heal); split != "" {
			t.Detail += "; " + split
		}
		v.Tiles = append(v.Tiles, t)
	}
}

// during names the faults that overlap a gap.
func (v *view) during(gap checker.Gap) string {
	var names []string
	for _, f := range v.history.Faults {
		if slices.Contains(gap.Faults, f.ID) {
			names = append(names, faultName(f)+" "+strings.Join(f.Hosts, "+"))
		}
	}
	if len(names) == 0 {
		return "outside any fault"
	}
	return "during " + strings.Join(names, ", ")
}

func (v *view) injected() {
	for _, f := range v.history.Faults {
		name := faultName(f)
		i := slices.IndexFunc(v.Injected, func(in injected) bool { return in.Name == name })
		if i < 0 {
			i = len(v.Injected)
			v.Injected = append(v.Injected, injected{Name: name, Kind: f.Kind})
		}
		in := &v.Injected[i]
		in.Count++
		if f.Bit() {
			in.Proven++
		}
		if hosts := strings.Join(f.Hosts, "+"); !slices.Contains(in.Hosts, hosts) {
			in.Hosts = append(in.Hosts, hosts)
		}
	}
}

func (v *view) faults() {
	for _, f := range v.history.Faults {
		row := faultRow{Fault: f, Proven: f.Bit()}
		for i := range v.Results.Summary.Heals {
			if heal := &v.Results.Summary.Heals[i]; heal.Fault == f.ID {
				row.Heal = heal
			}
		}
		v.Faults = append(v.Faults, row)
	}
}

func (v *view) contradictions() {
	for _, violation := range v.found() {
		if len(v.Contradictions) < mostContradictions {
			v.Contradictions = append(v.Contradictions, newContradiction(v, violation))
		}
	}
}

// found lists every violation: of checks as a whole, and of keys.
func (v *view) found() []*checker.Violation {
	var list []*checker.Violation
	for i := range v.Results.Checks {
		check := &v.Results.Checks[i]
		if check.Violation != nil && len(check.Keys) == 0 {
			list = append(list, check.Violation)
		}
		for j := range check.Keys {
			if violation := check.Keys[j].Violation; violation != nil {
				list = append(list, violation)
			}
		}
	}
	return list
}

// violations are the instants at which contradictions became certain.
func (v *view) violations() []time.Duration {
	var instants []time.Duration
	for _, violation := range v.found() {
		var at time.Duration
		for _, op := range v.history.Operations {
			if slices.Contains(violation.Operations, op.ID) && answered(op) {
				at = max(at, op.Return)
			}
		}
		for _, leader := range violation.Leaders {
			at = max(at, leader.At)
		}
		instants = append(instants, at)
	}
	return instants
}

// keys lists the keys that are not valid first.
func (v *view) keys() {
	for _, check := range v.Results.Checks {
		v.Keys = append(v.Keys, check.Keys...)
	}
	rank := map[checker.Verdict]int{checker.Invalid: 0, checker.Unknown: 1, checker.Valid: 2}
	slices.SortStableFunc(v.Keys, func(a, b checker.KeyResult) int {
		return rank[a.Verdict] - rank[b.Verdict]
	})
	for len(v.Keys) > mostKeys && v.Keys[len(v.Keys)-1].Verdict == checker.Valid {
		v.Keys, v.MoreKeys = v.Keys[:len(v.Keys)-1], v.MoreKeys+1
	}
}
