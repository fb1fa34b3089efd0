package main

import (
	"fmt"
	"strings"
	"time"
)

// results is all that was measured.
type results struct {
	machine   string
	clients   []int // of the closed loops
	closed    []figure
	open      []figure
	traffic   []traffic
	failovers []failover // raftd's, then etcd's
	million   *million
}

// markdown is RESULTS.md.
func (r *results) markdown() string {
	var b strings.Builder
	b.WriteString("# raftd against etcd 3.7.3\n\n" +
		"Written by `make bench-etcd`. Three nodes of each on loopback, every write synced, 64-byte\n" +
		"values; what is compared, and how, is said at the top of `main.go`. Medians, with the least\n" +
		"and the greatest in parentheses; ratios are raftd's over etcd's, of neighbouring runs. The\n" +
		"servers share the processors with the load generator, so what a client costs counts, too.\n\n")
	b.WriteString(r.machine)
	r.writeGoals(&b)
	r.writeFigures(&b, "Closed loop", r.closed)
	r.writeFigures(&b, "Open loop, at half of etcd's peak", r.open)
	r.writeFailovers(&b)
	r.writeTraffic(&b)
	r.writeMillion(&b)
	return b.String()
}

func (r *results) writeFigures(b *strings.Builder, title string, figures []figure) {
	if len(figures) == 0 {
		return
	}
	fmt.Fprintf(b, "## %s\n\n", title)
	row(b, "load", "clients", "raftd /s", "etcd /s", "ratio",
		"server CPU µs: raftd", "etcd", "ratio", "client CPU µs: raftd", "etcd",
		"p50 ms: raftd", "etcd", "p99 ms: raftd", "etcd")
	row(b, strings.Split("---"+strings.Repeat(",---:", 13), ",")...)
	for _, f := range figures {
		pair := func(by func(sample) float64) (string, string) {
			return short(middle(f.raftd, by)), short(middle(f.etcd, by))
		}
		serverA, serverB := pair(serverMicros)
		clientA, clientB := pair(clientMicros)
		p50A, p50B := pair(p50Millis)
		p99A, p99B := pair(p99Millis)
		row(b, f.load.name, fmt.Sprint(f.clients),
			spreadBy(f.raftd, perSecond).String(), spreadBy(f.etcd, perSecond).String(),
			f.ratio(perSecond).String(), serverA, serverB, f.ratio(serverMicros).String(),
			clientA, clientB, p50A, p50B, p99A, p99B)
	}
	for _, f := range figures {
		if ours, theirs := failures(f.raftd), failures(f.etcd); ours+theirs > 0 {
			fmt.Fprintf(b, "\n%s, %d clients: %d requests to raftd failed, %d to etcd.\n",
				f.load.name, f.clients, ours, theirs)
		}
	}
	b.WriteByte('\n')
}

func failures(samples []sample) int {
	n := 0
	for _, s := range samples {
		n += s.failed
	}
	return n
}

func (r *results) writeFailovers(b *strings.Builder) {
	if len(r.failovers) == 0 {
		return
	}
	b.WriteString("## Failover\n\n" +
		"From `kill -9` of the leader to the first acknowledged put that was begun after it, in ms.\n" +
		"The prober begins a put every 10 ms, on connections of their own; the closed-loop client of\n" +
		"a follower waits for each answer without a deadline of its own.\n\n")
	row(b, "system", "kills", "prober", "closed loop")
	row(b, "---", "---:", "---:", "---:")
	for _, f := range r.failovers {
		row(b, f.name, fmt.Sprint(len(f.prober)),
			millisOf(f.prober).String(), millisOf(f.loop).String())
	}
	b.WriteByte('\n')
}

func (r *results) writeTraffic(b *strings.Builder) {
	if len(r.traffic) == 0 {
		return
	}
	b.WriteString("## Messages\n\n" +
		"What raftd's three members say to each other for puts whose clients are all at the leader,\n" +
		"counted by relays between them. A batch is an Append, of which each follower gets one; the\n" +
		"least that a commit takes is an Append and its answer for each of two followers: 4.\n\n")
	row(b, "clients", "puts /s", "puts a batch", "Appends and answers a batch", "all messages a batch")
	row(b, "---:", "---:", "---:", "---:", "---:")
	for _, t := range r.traffic {
		batches := t.kinds[kindAppend] / (nodes - 1)
		all := 0.0
		for _, n := range t.kinds {
			all += n
		}
		row(b, fmt.Sprint(t.clients), short(t.puts), short(t.puts/batches),
			short((t.kinds[kindAppend]+t.kinds[kindAppendAnswer])/batches), short(all/batches))
	}
	b.WriteByte('\n')
}

func (r *results) writeMillion(b *strings.Builder) {
	m := r.million
	if m == nil {
		return
	}
	fmt.Fprintf(b, "## %d keys in raftd\n\n"+
		"- the most ever resident of a node: %d MB\n"+
		"- start of a killed node to its first linearizable read: %v\n\n"+
		"The longest that anything waited in each window: clients, of %d requests a second (90 %% gets,\n"+
		"10 %% puts; from when they were due), and a thread that only sleeps, which tells how loaded the\n"+
		"machine was. In every second window all nodes take a snapshot.\n\n",
		m.keys, m.memory/1e6, m.restart.Round(time.Millisecond), stallRate)
	row(b, "client", "sleeper", "client during snapshots", "sleeper", "snapshots took")
	row(b, "---:", "---:", "---:", "---:", "---:")
	for i, calm := range m.without {
		during := m.during[i]
		row(b, millis(calm.client).String(), millis(calm.machine).String(),
			millis(during.client).String(), millis(during.machine).String(),
			millis(during.snapshot).String())
	}
	b.WriteByte('\n')
}

func row(b *strings.Builder, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

// short writes a number with as many digits as mean something.
func short(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

func (s spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", short(s.middle), short(s.least), short(s.greatest))
}
