package suite

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// untilBudget is what "seeds" says where only the budget ends a campaign.
const untilBudget = "until the budget is used"

// named is one entry of a dimension.
type named struct {
	name string
	node *yaml.Node
}

// campaign reads the whole document. What the combinations are made of comes last: nothing of them
// makes sense while the dimensions are wrong.
func (r *campaignReader) campaign(root *yaml.Node) *Campaign {
	d := r.d
	if root == nil || !d.isBlock(root, "the campaign") {
		return nil
	}
	b := d.block(root, "", "name", "base", "options", "nodes", "workloads", "faults", "exclude",
		"seeds", "seed", "budget", "retry", "slo", "confidence", "store", "notify")
	c := &Campaign{Seeds: 1, Reruns: 10, Confidence: 950, Store: Retention{Keep: 30, Failing: 90}}
	b.text("name", &c.Name)
	if b.has("name") {
		d.relate(names.MatchString(c.Name), []string{"name"},
			"it names files: a-z, 0-9 and -, at most 63 of them", "name %q is not a plain name", c.Name)
	}
	d.missing("", "name", b.has("name"))
	b.seed("seed", &c.Seed)
	c.Budget = d.campaignBudget(b.inner("budget", "time", "disk", "memory"))
	d.seeds(b, c)
	b.inner("retry", "liveness").integer("liveness", &c.Reruns, between[int]{1, 100})
	c.Objectives = d.objectives(
		b.inner("slo", "availability", "longest-gap", "recovery", "p99", "throughput"))
	b.permille("confidence", &c.Confidence, between[int]{500, 999})
	c.Store = d.retention(b.inner("store", "keep", "failing", "disk"), c.Store)
	c.Notify = d.notify(b.inner("notify", "command", "webhook"))
	dimensions := r.dimensions(b)
	if len(d.problems) == 0 {
		r.combine(c, dimensions)
	}
	return c
}

// seeds reads how often each combination is had, which must end at some time.
func (d *decoder) seeds(b block, c *Campaign) {
	node, path := b.get("seeds")
	if node == nil {
		return
	}
	if node.Kind == yaml.ScalarNode && node.Value == untilBudget {
		c.Seeds = 0
		d.relate(c.Budget.Time > 0, []string{path, "budget.time"}, "write it: budget: {time: 60m}",
			"seeds %s, and budget.time is missing", untilBudget)
		return
	}
	const hint = "write a number, or: seeds: " + untilBudget
	count, err := strconv.Atoi(node.Value)
	if node.Kind != yaml.ScalarNode || err != nil {
		d.spoil(path, node.Line, hint, "must be a number, not %s", describe(node))
		return
	}
	c.Seeds = count
	within(b, "seeds", count, between[int]{1, 1_000_000})
}

func (d *decoder) campaignBudget(b block) CampaignBudget {
	var budget CampaignBudget
	b.duration("time", &budget.Time, between[time.Duration]{time.Second, 7 * 24 * time.Hour})
	b.bytes("disk", &budget.Disk, between[int64]{16 << 20, 1 << 45})
	b.bytes("memory", &budget.Memory, between[int64]{64 << 20, 1 << 40})
	return budget
}

// objectives are in plain time: the combinations may differ in what ET is.
func (d *decoder) objectives(b block) Objectives {
	var o Objectives
	least := between[time.Duration]{time.Millisecond, anyLength.High}
	b.permille("availability", &o.Availability, between[int]{1, 1000})
	b.duration("longest-gap", &o.LongestGap, least)
	b.duration("recovery", &o.Recovery, least)
	b.duration("p99", &o.P99, least)
	b.number("throughput", &o.Throughput, between[float64]{0.001, 1_000_000_000})
	return o
}

func (d *decoder) retention(b block, r Retention) Retention {
	b.nights("keep", &r.Keep)
	b.nights("failing", &r.Failing)
	b.bytes("disk", &r.Disk, between[int64]{16 << 20, 1 << 45})
	d.relate(r.Keep <= r.Failing, []string{"store.keep", "store.failing"}, "",
		"store.keep %d nights must not exceed store.failing %d nights", r.Keep, r.Failing)
	return r
}

// nights reads a number of nights: "30 nights".
func (b block) nights(key string, into *int) {
	const hint = "write how many: 30 nights"
	text, ok := b.scalar(key, "a number of nights", hint, "!!str")
	if !ok {
		return
	}
	digits, found := strings.CutSuffix(strings.TrimSuffix(text, "s"), " night")
	count, err := strconv.Atoi(digits)
	if !found || err != nil {
		b.d.spoil(b.at(key), b.d.line(b.at(key)), hint, "%q is not a number of nights", text)
		return
	}
	*into = count
	within(b, key, count, between[int]{1, 10_000})
}

func (d *decoder) notify(b block) Notify {
	var n Notify
	b.texts("command", &n.Command)
	b.text("webhook", &n.Webhook)
	if n.Webhook == "" {
		return n
	}
	// The address may hold a secret: it is never repeated.
	at, err := url.Parse(n.Webhook)
	d.relate(err == nil && (at.Scheme == "http" || at.Scheme == "https") && at.Host != "",
		[]string{"notify.webhook"}, "", "notify.webhook is no address of a web server")
	return n
}

// dimensions reads what is combined with what.
func (r *campaignReader) dimensions(b block) dimensions {
	d := r.d
	var base string
	b.text("base", &base)
	d.missing("", "base", b.has("base"))
	of := dimensions{
		options: d.namedBlocks(b, "options"), workloads: d.namedBlocks(b, "workloads"),
		nodes: d.numbers(b, "nodes"),
	}
	if base != "" {
		of.base = r.file("base", d.line("base"), base)
	}
	for _, entry := range d.namedBlocks(b, "faults") {
		of.faults = append(of.faults, r.faultBlock(entry))
	}
	of.exclude = r.exclusions(b, of)
	return of
}

// namedBlocks reads a block whose keys are names.
func (d *decoder) namedBlocks(b block, key string) []named {
	node, path := b.get(key)
	if node == nil || !d.isBlock(node, path) {
		return nil
	}
	var list []named
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], follow(node.Content[i+1])
		at := path + "." + name.Value
		twice := slices.ContainsFunc(list, func(n named) bool { return n.name == name.Value })
		switch {
		case !names.MatchString(name.Value):
			d.spoil(at, name.Line, "names are of a-z, 0-9 and -", "%q is not a plain name", name.Value)
		case twice:
			d.complain(name.Line, "", "duplicate key %q in %s", name.Value, path)
		case d.isBlock(value, at):
			d.lines[at] = value.Line
			list = append(list, named{name.Value, value})
		}
	}
	if len(list) == 0 && !d.brokenBelow(path) {
		d.spoil(path, node.Line, "leave it out, or name one", "is empty")
	}
	return list
}

// numbers reads a list of node counts, each at most once.
func (d *decoder) numbers(b block, key string) []int {
	var texts []string
	words(b, key, &texts)
	var list []int
	for _, text := range texts {
		count, err := strconv.Atoi(text)
		if err != nil || count < 1 || count > 25 {
			d.spoil(key, d.line(key), "", "%q is not a number of nodes from 1 to 25", text)
			continue
		}
		list = append(list, count)
	}
	return list
}

// exclusions reads the combinations that are left out. One that names what does not exist is a
// mistake: whatever it was to leave out is not left out.
func (r *campaignReader) exclusions(b block, of dimensions) []exclusion {
	d := r.d
	node, path := b.get("exclude")
	if node == nil {
		return nil
	}
	if node.Kind != yaml.SequenceNode {
		d.spoil(path, node.Line, "write a list: - {nodes: 3, faults: NAME}",
			"must be a list, not %s", describe(node))
		return nil
	}
	var list []exclusion
	for i, entry := range node.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		inner := d.block(entry, at, "options", "nodes", "workload", "faults")
		e := exclusion{line: follow(entry).Line}
		for _, one := range []struct {
			key  string
			into *string
			of   []string
		}{
			{"options", &e.options, namesOf(of.options)}, {"workload", &e.workload, namesOf(of.workloads)},
			{"faults", &e.faults, namesOfFaults(of.faults)},
		} {
			if len(one.of) > 0 {
				inner.word(one.key, one.into, one.of...)
			} else if inner.has(one.key) {
				d.spoil(at+"."+one.key, e.line, "leave it out", "the campaign combines none")
			}
		}
		inner.integer("nodes", &e.nodes, between[int]{1, 25})
		if e.options+e.workload+e.faults == "" && e.nodes == 0 && !d.brokenBelow(at) {
			d.spoil(at, e.line, "name options, nodes, workload or faults", "leaves out nothing")
		}
		list = append(list, e)
	}
	return list
}

func namesOf(list []named) []string {
	var texts []string
	for _, n := range list {
		texts = append(texts, n.name)
	}
	return texts
}

func namesOfFaults(list []faultBlock) []string {
	var texts []string
	for _, f := range list {
		texts = append(texts, f.name)
	}
	return texts
}
