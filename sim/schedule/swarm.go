package schedule

import (
	"math/bits"
	"slices"
	"time"

	"gauntlet/chance"
	"gauntlet/nemesis"
)

// FromSeed draws a schedule: a pure function, always Valid, whose Operations are left to the run.
//
// It is swarm testing: each feature is on or off at random, since what always takes part hides what
// it gets in the way of (A. Groce et al., "Swarm Testing", ISSTA 2012). Intensities are drawn by
// their order of magnitude. Some seeds have no fault at all, some a single kind, some all kinds.
//
// Times are drawn as parts of the election timeout, and what happens in a seed is the same amount
// whatever the size of the cluster: about 4,000 events in 12 seconds if nothing breaks; one seed
// in five is up to twelve times as long.
//
// What bit rot may cost never matters to the liveness phase: a seed with bit rot has a core smaller
// than the cluster, bit rot must not strike the core (see Options.Sound), and as the core holds a
// quorum, those outside are no more than a quorum can spare.
func FromSeed(seed uint64) *Schedule {
	s := &Schedule{Version: Version, Seed: seed}
	d := &swarm{seed: seed, options: &s.Options}
	d.cluster()
	d.times()
	d.raft()
	d.network()
	d.disk()
	d.snapshots()
	d.clock()
	d.workload()
	d.sessions()
	on := d.kinds()
	d.liveness(slices.Contains(on, nemesis.KindBitRot))
	d.options.Raft.LeaseReads = d.options.Raft.LeaseReads && !slices.ContainsFunc(on, strikesClocks)
	s.Faults = d.plan(on)
	d.timeline(s)
	d.membership(s)
	return s
}

// swarm draws one schedule. Each part has a stream of its own, so that a change of one leaves the
// others of a seed as they were.
type swarm struct {
	seed    uint64
	options *Options
	stratum stratum
	long    int           // how many times as long as a short seed
	ops     int           // about how many requests clients should make
	et      time.Duration // the election timeout, Raft.ElectionTimeoutMin
}

func (d *swarm) stream(part string) draw {
	return draw{chance.New(d.seed, "swarm/"+part, 0)}
}

// draw is a stream with the distributions of a swarm. Integers only: a seed means the same
// everywhere.
type draw struct{ *chance.Stream }

// one is true one time in so many.
func (d draw) one(in int) bool { return d.Intn(in) == 0 }

// scaled draws from [lo, hi] by order of magnitude: each doubling of lo is as likely as the others,
// the last one up to hi, and within it all values are.
func scaled[N ~int | ~int64](d draw, lo, hi N) N {
	if hi <= lo {
		return lo
	}
	from := lo << d.Intn(bits.Len64(uint64(hi/lo)))
	return from + N(d.Duration(0, time.Duration(min(from-1, hi-from))))
}

// sizes are the sizes of clusters with their weights, of sizesTotal.
var sizes = []struct{ nodes, weight int }{
	{1, 3}, {2, 5}, {3, 22}, {4, 12}, {5, 40}, {6, 8}, {7, 10},
}

const sizesTotal = 100

func (d *swarm) cluster() {
	draw := d.stream("cluster")
	at := draw.Intn(sizesTotal)
	for _, size := range sizes {
		d.options.Nodes = size.nodes
		if at -= size.weight; at < 0 {
			break
		}
	}
	d.stratum = strata[draw.Intn(len(strata))]
	d.long = 1
	if draw.one(5) {
		d.long = scaled(draw, 2, 12)
	}
	d.ops = (150 + draw.Intn(151)) * d.long
}

// heartbeats is about how many messages of a short seed are heartbeats and their answers.
const heartbeats = 1600

// times draws the election timeout, the heartbeats and the length of the load together, so that
// neither the idle chatter of a large cluster nor a slow one makes the seed useless.
func (d *swarm) times() {
	o, draw := d.options, d.stream("times")
	load := draw.Duration(8*time.Second, 16*time.Second)
	rounds := min(400, heartbeats/max(1, 2*(o.Nodes-1)))
	interval := load / time.Duration(rounds)
	d.et = scaled(draw, max(150*time.Millisecond, 3*interval), 900*time.Millisecond)
	o.Raft.ElectionTimeoutMin = d.et
	o.Raft.ElectionTimeoutMax = d.et + draw.Duration(d.et/2, d.et)
	o.Raft.HeartbeatInterval = draw.Duration(max(interval, d.et/10), d.et/3)
	o.Load = load * time.Duration(d.long)
}

func (d *swarm) raft() {
	r, draw := &d.options.Raft, d.stream("raft")
	r.PreVote = draw.one(2)
	r.CheckQuorum = !draw.one(4)
	if draw.one(2) {
		r.MaxAppendBytes = scaled(draw, 64, 64<<10)
	}
	if d.stratum == contested {
		r.MaxAppendBytes = scaled(draw, 1, 256) // an entry at a time, so that few get far
		r.MaxInflightBytes = scaled(draw, 128, 4096)
		r.CheckQuorum = draw.one(2)
	}
	if draw.one(2) {
		r.MaxInflightBytes = scaled(draw, 256, 256<<10)
	}
	if draw.one(4) {
		r.MaxUncommittedBytes = scaled(draw, 1<<10, 256<<10)
	}
	if draw.one(2) {
		d.options.Turn = scaled(draw, 10*time.Microsecond, d.et/50)
	}
	r.LeaseReads = draw.one(2) && r.CheckQuorum
	if d.stratum == leased {
		r.CheckQuorum, r.LeaseReads = true, true
	}
	if draw.one(2) {
		r.DiskPatience = 1 + draw.Intn(3)
	}
}

func (d *swarm) network() {
	n, draw := &d.options.Network, d.stream("network")
	n.DelayMax = scaled(draw, 200*time.Microsecond, d.et/8)
	if d.stratum == contested {
		n.DelayMax = draw.Duration(d.et/32, d.et/10) // leaders are struck while entries are on their way
	}
	n.DelayMin = n.DelayMax / time.Duration(1+draw.Intn(10))
	n.InOrder = draw.one(2)
	if d.stratum == quiet && draw.one(2) {
		return
	}
	if draw.one(2) {
		n.TailPPM, n.TailMax = scaled(draw, 100, 50_000), scaled(draw, n.DelayMax, 2*d.et)
	}
	if draw.one(2) {
		n.LossPPM = scaled(draw, 100, 50_000)
	}
	if draw.one(2) {
		n.DuplicatePPM = scaled(draw, 100, 50_000)
	}
}

// disk keeps segments small, so that a seed fills several.
func (d *swarm) disk() {
	k, draw := &d.options.Disk, d.stream("disk")
	k.SyncMax = scaled(draw, 100*time.Microsecond, d.et/20)
	k.SyncMin = k.SyncMax / time.Duration(1+draw.Intn(10))
	k.SegmentBytes = scaled(draw, 4<<10, 64<<10)
	if draw.one(2) {
		k.TailPPM, k.TailMax = scaled(draw, 100, 50_000), scaled(draw, k.SyncMax, d.et)
	}
}

// snapshots keeps them frequent, and most chunks smaller than the few hundred bytes of a state, so
// that a seed has many of both.
func (d *swarm) snapshots() {
	s, draw := &d.options.Snapshots, d.stream("snapshots")
	if draw.one(2) {
		return
	}
	s.Entries = scaled(draw, 4, 256)
	if draw.one(2) {
		s.Keep = scaled(draw, 1, 64)
	}
	s.ChunkBytes = scaled(draw, 16, 1<<10)
	s.TakesMax = scaled(draw, 100*time.Microsecond, d.et/4)
}

func (d *swarm) clock() {
	c, draw := &d.options.Clock, d.stream("clock")
	if draw.one(2) {
		c.DriftPPM = scaled(draw, 10, leaseDriftPPM)
	}
	if d.stratum == leased {
		c.DriftPPM = leaseDriftPPM
	}
	if draw.one(2) {
		c.Offset = scaled(draw, time.Millisecond, time.Hour)
	}
}

// workload lets every member have a client, more where answers are slow, and lets them think as
// long as it takes for the requests to fill the load.
func (d *swarm) workload() {
	o, w, draw := d.options, &d.options.Workload, d.stream("workload")
	w.Kind = []string{"register", "append", "counter", "txn"}[draw.Intn(4)]
	w.Keys = 1
	if !draw.one(3) {
		w.Keys = scaled(draw, 2, 8)
	}
	w.OpsPerKey = scaled(draw, 16, 128)
	w.Timeout = scaled(draw, d.et, 8*d.et)
	w.DelayMax = scaled(draw, 100*time.Microsecond, d.et/8)

	answer := w.DelayMax + 2*(o.Network.DelayMin+o.Network.DelayMax) + o.Disk.SyncMin + o.Disk.SyncMax
	least := max(o.Nodes, 3, 1+int(answer*2/(o.Load/time.Duration(d.ops))))
	w.Clients = least + draw.Intn(least+1)
	if d.stratum == contested {
		// Who leads where nobody hears it is to gather many entries that no other has.
		w.Clients = o.Nodes * (3 + draw.Intn(6))
		w.Keys = max(w.Keys, w.Clients/4) // so that a checker can still try all orders
		w.Timeout = scaled(draw, d.et/2, 4*d.et)
	}
	together := o.Load * time.Duration(w.Clients)
	think := max(2+4*together/maxOperations, together/time.Duration(d.ops)-answer)
	w.ThinkMin, w.ThinkMax = think/2, think+think/2
	w.LeasePPM = []int{0, 0, million / 2, million}[draw.Intn(4)]
	if d.stratum == leased {
		w.LeasePPM = million
		if w.Kind == "txn" { // has no reads of its own
			w.Kind = "register"
		}
	}
}

// sessions keeps them short, so that some expire while a client rests or asks again.
func (d *swarm) sessions() {
	w, draw := &d.options.Workload, d.stream("sessions")
	if draw.one(2) {
		return
	}
	w.Sessions = Sessions{
		Timeout: scaled(draw, d.et, 32*d.et), Tries: 2 + draw.Intn(5),
		AckEvery: scaled(draw, 1, 8), RestPPM: scaled(draw, 1000, 200_000),
	}
	// The answers that sessions keep make a state larger, which is to arrive in time all the same.
	d.options.Snapshots.ChunkBytes *= 8
}

// liveness draws the last phase. Others that hear nothing disturb a cluster without pre-vote, since
// their terms rise.
func (d *swarm) liveness(rot bool) {
	o, l, draw := d.options, &d.options.Liveness, d.stream("liveness")
	if draw.one(4) {
		return
	}
	l.Within = 40
	most := o.Nodes
	if rot {
		most--
	}
	size := o.Quorum() + draw.Intn(most-o.Quorum()+1)
	if size == o.Nodes {
		return
	}
	for member := range o.Nodes {
		l.Core = append(l.Core, member)
	}
	draw.Shuffle(o.Nodes, func(i, j int) { l.Core[i], l.Core[j] = l.Core[j], l.Core[i] })
	l.Core = l.Core[:size]
	slices.Sort(l.Core)
	l.Others = OthersDead
	if o.Raft.PreVote {
		l.Others = []string{OthersDead, OthersDeaf, OthersMute}[draw.Intn(3)]
	}
}
