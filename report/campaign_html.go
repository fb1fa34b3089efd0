package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"gauntlet/checker"
)

//go:embed campaign.gohtml
var campaignPage string

var campaignTemplate = template.Must(template.New("campaign.gohtml").Funcs(template.FuncMap{
	"thousands": thousands, "list": list, "class": ClassName, "telling": Telling, "spark": spark,
	"tone": tone, "figures": func() []string { return CampaignFigures },
}).Parse(campaignPage))

// campaignView is what campaign.gohtml shows.
type campaignView struct {
	*Campaign
	Style    template.CSS
	Headline string
	Tone     string
	Counts   string
	Failed   []CampaignCell
	More     int
}

// mostShown cells stand on the page: however long the night, a browser opens it.
const mostShown = 300

// HTML renders a campaign as one self-contained page, without script and without a link to anywhere
// but the run directories beside it.
func (c *Campaign) HTML() ([]byte, error) {
	style, _ := files.ReadFile("style.css") // embedded: cannot be missing
	v := campaignView{Campaign: c, Style: template.CSS(style), Headline: headline(c.Exit),
		Tone: tone(c.Exit), Counts: c.counts(), Failed: c.Troubled()}
	if len(v.Failed) > mostShown {
		v.Failed, v.More = v.Failed[:mostShown], len(v.Failed)-mostShown
	}
	var page bytes.Buffer
	if err := campaignTemplate.Execute(&page, v); err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	return page.Bytes(), nil
}

// tone is the colour of an exit code: a class of style.css.
func tone(exit int) string {
	switch exit {
	case checker.ExitValid:
		return "good"
	case checker.ExitViolation, checker.ExitGate:
		return "bad"
	case checker.ExitInconclusive:
		return "doubt"
	}
	return "broken"
}

// Tone is the colour of a cell. One that was valid only at last is in doubt.
func (cell CampaignCell) Tone() string {
	if cell.Class == checker.ExitValid && !cell.Clean {
		return "doubt"
	}
	return tone(cell.Class)
}

// spark draws the values of nights as a line, this night's as a dot.
func spark(t CampaignTrend) template.HTML {
	const width, height, margin = 180.0, 34.0, 4.0
	low, high := t.Values[0], t.Values[0]
	for _, v := range t.Values {
		low, high = min(low, v), max(high, v)
	}
	var points []string
	var x, y float64
	for i, v := range t.Values {
		x, y = width/2, height/2
		if len(t.Values) > 1 {
			x = margin + float64(i)*(width-2*margin)/float64(len(t.Values)-1)
		}
		if high > low {
			y = height - margin - (v-low)/(high-low)*(height-2*margin)
		}
		points = append(points, fmt.Sprintf("%.1f,%.1f", x, y))
	}
	class := "dot"
	if t.Outside && t.Worse {
		class = "dot bad"
	}
	return template.HTML(fmt.Sprintf(`<svg class="spark" viewBox="0 0 %g %g" width="%g" height="%g">`+
		`<polyline points="%s"/><circle class="%s" cx="%.1f" cy="%.1f" r="3.5"/></svg>`,
		width, height, width, height, strings.Join(points, " "), class, x, y))
}
