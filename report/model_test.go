package report

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gauntlet/checker"
	"gauntlet/workload"
)

// modelHistory is a list whose second append is lost.
const modelHistory = `{"type":"header","version":1,"run":"5eed0001","suite":"lists","nodes":["n1"]}
{"type":"invoke","time":1000000,"id":1,"process":0,"node":"n1",` +
	`"kind":"append","key":"a0","input":{"value":17}}
{"type":"return","time":2000000,"id":1,"process":0,"outcome":"ok","output":{}}
{"type":"invoke","time":3000000,"id":2,"process":0,"node":"n1",` +
	`"kind":"read","key":"a0","input":{}}
{"type":"return","time":4000000,"id":2,"process":0,"outcome":"ok","output":{"values":[]}}
`

// Goal: the page shows a violation of any model in that model's words, of a run from before there
// were models in the register's, and of a model that it does not know as it stands. Method: the
// page of a lost append under each name.
func TestModelsInWords(t *testing.T) {
	for _, c := range []struct{ model, want string }{
		{workload.ModelAppend, "append 17 ⇒ acknowledged"},
		{workload.ModelAppend, "read ⇒ []"},
		{"", `append {&#34;value&#34;:17} ⇒ {}`},
		{"queue", `append {&#34;value&#34;:17} ⇒ {}`},
	} {
		r := checker.Results{Version: checker.Version, Model: c.model, Checks: []checker.Result{{
			Check: checker.CheckLinearizable, Verdict: checker.Invalid,
			Violation: &checker.Violation{Text: "It was lost.", Key: "a0", Operations: []int64{1, 2}},
		}}}
		r.Summary.Duration = 5 * time.Millisecond
		r.Decide()
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		page, err := HTML(fstest.MapFS{
			ResultsFile: {Data: data}, HistoryFile: {Data: []byte(modelHistory)},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), c.want) {
			t.Errorf("model %q: the page does not say %s", c.model, c.want)
		}
		if drawn := strings.Contains(string(page), "<iframe"); drawn != (c.model == "append") {
			t.Errorf("model %q: porcupine's drawing is there: %t", c.model, drawn)
		}
	}
}

// Goal: a text never leaves the drawing, and is whole wherever there is room. Method: bars at many
// places, and texts of all lengths.
func TestPlaceText(t *testing.T) {
	const width = 1200.0
	for x := drawingLeft; x < width; x += 97 {
		for w := 3.0; x+w < width; w += 131 {
			for letters := 1; letters < 300; letters += 13 {
				text := strings.Repeat("é", letters)
				row := drawnRow{Bar: box{X: x, W: w}, Text: text}
				row.placeText(width)
				length := float64(len([]rune(row.Text))) * 7.4
				before := map[string]float64{"start": 0, "middle": length / 2, "end": length}
				from := row.TextX - before[row.Anchor]
				if from < drawingLeft || from+length > width {
					t.Fatalf("%d letters at a bar of %v+%v: %v+%v", letters, x, w, from, length)
				}
				room := max(w, width-x-w, x-drawingLeft) - 16
				if whole := row.Text == text; !whole && float64(letters)*7.4 < room {
					t.Fatalf("%d letters at a bar of %v+%v were cut", letters, x, w)
				}
			}
		}
	}
}
