package server

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gauntlet/raft"
	"gauntlet/raft/kv"
	"gauntlet/raft/replica"
)

// scrapeTimeout bounds how long a scrape waits for the loop: without its answer the rest is told.
const scrapeTimeout = 2 * time.Second

// metrics count what happens. What happens often costs an atomic addition or two; all else is
// asked for when somebody looks.
type metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec // by kind and outcome; only looked up at the start
	writes   timedRequests
	reads    timedRequests
	stale    timedRequests
	hands    timedRequests // transfers of the leadership
	changes  timedRequests // of the members
	fsync    prometheus.Histogram

	sent, received trafficByKind

	droppedFull, droppedStale      atomic.Uint64
	linksUp                        atomic.Int64
	leaderChanges, campaigns       atomic.Uint64
	clientsAccepted                atomic.Uint64
	clientsRefused, clientsEvicted atomic.Uint64
	peersRefused                   atomic.Uint64
}

// messageKinds is one above the last kind of message that has a name. What is not below it counts
// as 0: two series of one name would spoil every scrape.
const messageKinds = raft.SnapshotAnswer + 1

// traffic is messages of one kind, and their bytes on the wire.
type traffic struct{ messages, bytes atomic.Uint64 }

type trafficByKind [messageKinds]traffic

func (t *trafficByKind) count(kind raft.MessageKind, bytes int) {
	if kind >= messageKinds {
		kind = 0
	}
	t[kind].messages.Add(1)
	t[kind].bytes.Add(uint64(bytes))
}

// timedRequests is one kind of request: its answers by outcome, and how long each took.
type timedRequests struct {
	ok, conflict, fail, unknown prometheus.Counter
	duration                    prometheus.Observer
}

func (t *timedRequests) observe(a *replica.Answer, took time.Duration) {
	t.duration.Observe(took.Seconds())
	switch {
	case a.Refusal != nil && a.Refusal.Unknown:
		t.unknown.Inc()
	case a.Refusal != nil:
		t.fail.Inc()
	case a.Result.Rejection != kv.NotRejected:
		t.fail.Inc()
	case a.Result.Conflict:
		t.conflict.Inc()
	default:
		t.ok.Inc()
	}
}

func newMetrics(s *Server) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "raftd_requests_total",
		Help: "Answered requests. fail: certainly without effect; unknown: perhaps with.",
	}, []string{"kind", "outcome"})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "raftd_request_duration_seconds",
		Help:    "From the decoded request to its answer.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 17), // 0.1 ms to 6.6 s
	}, []string{"kind"})
	for kind, t := range map[string]*timedRequests{
		"write": &m.writes, "read": &m.reads, "stale_read": &m.stale,
		"transfer": &m.hands, "members": &m.changes,
	} {
		t.ok = m.requests.WithLabelValues(kind, "ok")
		t.conflict = m.requests.WithLabelValues(kind, "conflict")
		t.fail = m.requests.WithLabelValues(kind, "fail")
		t.unknown = m.requests.WithLabelValues(kind, "unknown")
		t.duration = duration.WithLabelValues(kind)
	}
	m.fsync = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "raftd_log_sync_duration_seconds",
		Help:    "One write of the log and its fsync.",
		Buckets: prometheus.ExponentialBuckets(0.00005, 2, 16), // 50 us to 1.6 s
	})
	m.registry.MustRegister(m.requests, duration, m.fsync, &snapshotOfServer{s, m},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// handler serves the metrics, to a few at a time.
func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// request counts an answered request.
func (m *metrics) request(r *request, a *replica.Answer, took time.Duration) {
	switch {
	case r.hand != nil:
		m.hands.observe(a, took)
	case r.changes != nil:
		m.changes.observe(a, took)
	case r.write != nil:
		m.writes.observe(a, took)
	case r.stale:
		m.stale.observe(a, took)
	default:
		m.reads.observe(a, took)
	}
}

// event counts what the replica told.
func (m *metrics) event(e replica.Event) {
	switch {
	case e.Kind == "leader" && e.Leader != 0 || e.Kind == "role" && e.Role == raft.Leader:
		m.leaderChanges.Add(1)
	case e.Kind == "role" && e.Role == raft.Candidate:
		m.campaigns.Add(1)
	}
}

// snapshotOfServer collects what is counted by atomics or known to the loop.
type snapshotOfServer struct {
	s *Server
	m *metrics
}

// Describe tells nothing: the collector is unchecked, for kinds of message come with use.
func (*snapshotOfServer) Describe(chan<- *prometheus.Desc) {}

// metric is one figure without labels.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	value      float64
}

// Collect is a scrape.
func (c *snapshotOfServer) Collect(out chan<- prometheus.Metric) {
	counter, gauge := prometheus.CounterValue, prometheus.GaugeValue
	m := c.m
	all := []metric{
		{"raftd_leader_changes_total", "Leaders that this member came to know.", counter,
			float64(m.leaderChanges.Load())},
		{"raftd_campaigns_total", "Elections that this member stood in.", counter,
			float64(m.campaigns.Load())},
		{"raftd_peer_links_up", "Outgoing connections to peers; three a peer when all is well.",
			gauge, float64(m.linksUp.Load())},
		{"raftd_peer_connections_refused_total", "Connections to the peer port that were no peer's.",
			counter, float64(m.peersRefused.Load())},
		{"raftd_client_connections_open", "Connections of clients.", gauge,
			float64(c.s.clients.count())},
		{"raftd_client_connections_accepted_total", "Clients let in.", counter,
			float64(m.clientsAccepted.Load())},
		{"raftd_client_connections_refused_total", "Clients turned away, all places being busy.",
			counter, float64(m.clientsRefused.Load())},
		{"raftd_client_connections_evicted_total", "Idle clients closed to make room.",
			counter, float64(m.clientsEvicted.Load())},
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	if status, ok := c.s.status(ctx); ok {
		all = append(all, ofStatus(status)...)
		for role := raft.Follower; role <= raft.Leader; role++ {
			value := 0.0
			if role == status.Role {
				value = 1
			}
			send(out, "raftd_role", "1 for the role that this member has.", gauge, value,
				[]string{"role"}, role.String())
		}
	}
	for _, each := range all {
		send(out, each.name, each.help, each.kind, each.value, nil)
	}
	send(out, "raftd_build_info", "What this binary was built of.", gauge, 1, []string{"build"},
		c.s.cfg.Build)
	c.collectMessages(out)
}

func ofStatus(status raft.Status) []metric {
	gauge := prometheus.GaugeValue
	hasLeader := 0.0
	if status.Leader != 0 {
		hasLeader = 1
	}
	return []metric{
		{"raftd_term", "The current term.", gauge, float64(status.Term)},
		{"raftd_has_leader", "1 if a leader is known.", gauge, hasLeader},
		{"raftd_commit_index", "The last entry known to be committed.", gauge,
			float64(status.Commit)},
		{"raftd_applied_index", "The last entry that the map shows.", gauge,
			float64(status.Applied)},
		{"raftd_last_index", "The last entry of the log.", gauge, float64(status.LastIndex)},
	}
}

func (c *snapshotOfServer) collectMessages(out chan<- prometheus.Metric) {
	counter := prometheus.CounterValue
	for _, way := range []struct {
		name    string
		traffic *trafficByKind
	}{{"sent", &c.m.sent}, {"received", &c.m.received}} {
		for kind := range way.traffic {
			t := &way.traffic[kind]
			if t.messages.Load() == 0 {
				continue
			}
			label := raft.MessageKind(kind).String()
			send(out, "raftd_messages_"+way.name+"_total", "Messages of peers, by kind.", counter,
				float64(t.messages.Load()), []string{"kind"}, label)
			send(out, "raftd_message_"+way.name+"_bytes_total", "Their bytes on the wire.", counter,
				float64(t.bytes.Load()), []string{"kind"}, label)
		}
	}
	const dropped = "raftd_messages_dropped_total"
	const help = "Messages never sent: their queue was full, or they had waited too long."
	send(out, dropped, help, counter, float64(c.m.droppedFull.Load()), []string{"reason"}, "full")
	send(out, dropped, help, counter, float64(c.m.droppedStale.Load()), []string{"reason"}, "stale")
}

func send(
	out chan<- prometheus.Metric, name, help string, kind prometheus.ValueType, value float64,
	labels []string, values ...string,
) {
	desc := prometheus.NewDesc(name, help, labels, nil)
	out <- prometheus.MustNewConstMetric(desc, kind, value, values...)
}
