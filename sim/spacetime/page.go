package spacetime

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"

	"gauntlet/sim/schedule"
)

//go:embed page
var files embed.FS

var pageTemplate = template.Must(template.New("page.gohtml").Funcs(template.FuncMap{
	"milliseconds": milliseconds,
}).ParseFS(files, "page/page.gohtml"))

// scripts are the parts of the page's script, in their order: they are one function, whose inside
// nothing else on the page can reach.
var scripts = []string{
	"model.js", "past.js", "scale.js", "layout.js", "draw.js", "messages.js", "clients.js",
	"overview.js", "detail.js", "filters.js", "main.js",
}

// view is all that the template shows. Whatever came from the run is data to it: the template
// escapes text, JSON escapes the characters of markup, and the page's own policy lets the browser
// run nothing but the script with this hash.
type view struct {
	Style    template.CSS
	Script   template.JS
	Policy   string
	Failed   bool
	Title    string
	Lead     string
	At       string
	About    About
	Seed     string
	Facts    []string // in one line
	Options  []option
	Earlier  int // moments that are not told
	Moments  []told
	LeftOut  string
	Text     string
	Data     template.JS
	Internal bool // clients could not have seen the failure
}

// told is a moment with the record's place on the page.
type told struct {
	moment
	Place int
	When  string
}

type option struct{ Name, Value string }

func render(a *account, w window, about About) []byte {
	script := script()
	sum := sha256.Sum256([]byte(script))
	style, _ := files.ReadFile("page/style.css") // embedded: cannot be missing
	v := &view{
		Style: template.CSS(style), Script: template.JS(script),
		Policy: fmt.Sprintf("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-%s'",
			base64.StdEncoding.EncodeToString(sum[:])),
		Title: "Nothing broke", About: about, Seed: fmt.Sprint(about.Seed),
		Facts: facts(a, about), Options: options(about.Options),
		LeftOut: a.leftOut(w), Text: a.text(about),
	}
	if f := a.failure; f != nil {
		v.Failed, v.Title, v.Lead, v.Internal = true, string(f.Signature), f.Text, f.InternalOnly
		v.At = milliseconds(f.At)
		if w.short {
			v.Lead = shorten(v.Lead, mostLetters)
		}
	}
	v.tell(a, w)
	encoded, _ := json.Marshal(newData(a, w)) // numbers and strings only: cannot fail
	v.Data = template.JS(encoded)
	var page bytes.Buffer
	if err := pageTemplate.Execute(&page, v); err != nil {
		panic(err) // the template does not fit its view: every test would see it
	}
	return page.Bytes()
}

// script joins the parts of the script.
func script() string {
	var all strings.Builder
	all.WriteString("(function () {\n\"use strict\";\n")
	for _, name := range scripts {
		part, err := files.ReadFile("page/" + name)
		if err != nil {
			panic(err) // the list of parts is wrong: every test would see it
		}
		all.Write(part)
	}
	all.WriteString("})();\n")
	return all.String()
}

func (v *view) tell(a *account, w window) {
	places := make(map[int]int, len(w.keep))
	for place, record := range w.keep {
		places[record] = place
	}
	for _, m := range a.story() {
		place, kept := places[m.Record]
		if !kept {
			v.Earlier++
			continue
		}
		if w.short {
			m.Text = shorten(m.Text, mostLetters)
		}
		v.Moments = append(v.Moments, told{moment: m, Place: place, When: milliseconds(m.At)})
	}
}

// leftOut says what of the run the page does not show; "" if it shows all.
func (a *account) leftOut(w window) string {
	missing := len(a.records) - len(w.keep)
	if missing == 0 && len(w.operations) == len(a.operations) {
		return ""
	}
	text := fmt.Sprintf("The run has %d events, of which this page holds %d.",
		len(a.records), len(w.keep))
	if w.full < len(a.records) && w.to > 0 {
		text += fmt.Sprintf(" From %s to %s it holds every event", milliseconds(a.records[w.full].At),
			milliseconds(a.records[w.to-1].At))
		if w.first < w.full {
			text += fmt.Sprintf("; from %s on, all that could have influenced the failure, and "+
				"every change of a role, a process or a fault", milliseconds(a.records[w.first].At))
		}
		text += "."
	}
	if n := len(a.operations) - len(w.operations); n > 0 {
		text += fmt.Sprintf(" It leaves out %d of %d operations.", n, len(a.operations))
	}
	if w.short {
		text += fmt.Sprintf(" Texts are cut to %d letters.", mostLetters)
	}
	return text
}

// facts are what the run was, in a few words each.
func facts(a *account, about About) []string {
	list := []string{fmt.Sprintf("%d members", len(a.nodes))}
	if w := about.Options.Workload; w.Kind != "" {
		list = append(list, fmt.Sprintf("%s, %d clients", w.Kind, w.Clients))
	}
	list = append(list, fmt.Sprintf("%d events", len(a.records)))
	if about.Virtual > 0 {
		list = append(list, milliseconds(about.Virtual)+" of virtual time")
	}
	if about.Build != "" {
		list = append(list, "build "+about.Build)
	}
	return list
}

// options spells out the world of the run.
func options(o schedule.Options) []option {
	between := func(lo, hi time.Duration) string { return fmt.Sprintf("%v to %v", lo, hi) }
	rate := func(ppm int) string { return fmt.Sprintf("%g %%", float64(ppm)/10_000) }
	r, n, d, w := o.Raft, o.Network, o.Disk, o.Workload
	list := []option{
		{"election timeout", between(r.ElectionTimeoutMin, r.ElectionTimeoutMax)},
		{"heartbeats", "every " + r.HeartbeatInterval.String()},
		{"pre-vote", fmt.Sprint(r.PreVote)},
		{"check quorum", fmt.Sprint(r.CheckQuorum)},
		{"message delay", between(n.DelayMin, n.DelayMax) +
			fmt.Sprintf("; %s up to %v", rate(n.TailPPM), n.TailMax)},
		{"messages lost, duplicated", rate(n.LossPPM) + ", " + rate(n.DuplicatePPM)},
		{"links in order", fmt.Sprint(n.InOrder)},
		{"a write with its sync", between(d.SyncMin, d.SyncMax) +
			fmt.Sprintf("; %s up to %v", rate(d.TailPPM), d.TailMax)},
		{"log segments", fmt.Sprintf("%d bytes", d.SegmentBytes)},
		{"clocks", fmt.Sprintf("± %d ppm, up to %v ahead", o.Clock.DriftPPM, o.Clock.Offset)},
		{"workload", fmt.Sprintf("%s, %d keys, %d operations each, %d clients", w.Kind, w.Keys,
			w.OpsPerKey, w.Clients)},
		{"clients", fmt.Sprintf("think %s, give up after %v", between(w.ThinkMin, w.ThinkMax),
			w.Timeout)},
		{"load", o.Load.String()},
	}
	if r.LeaseReads {
		list = append(list, option{"reads that leases serve", fmt.Sprint(r.LeaseReads)})
	}
	if r.DiskPatience > 0 {
		list = append(list, option{"patience with a disk",
			fmt.Sprintf("%d election timeouts", r.DiskPatience)})
	}
	if e := w.Sessions; e.Timeout > 0 {
		list = append(list, option{"sessions", fmt.Sprintf("expire after %v, %d tries, every %d "+
			"acknowledged, rests before %s", e.Timeout, e.Tries, e.AckEvery, rate(e.RestPPM))})
	}
	if o.Liveness.Within > 0 {
		list = append(list, option{"liveness", fmt.Sprintf("within %d election timeouts, core %v, "+
			"others %s", o.Liveness.Within, o.Liveness.Core, o.Liveness.Others)})
	}
	return list
}
