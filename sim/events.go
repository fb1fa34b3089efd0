package sim

import "time"

// eventKind says what is due.
type eventKind uint8

const (
	eventMessage  eventKind = iota // ref: the flight that arrives
	eventTimer                     // who: a member whose deadline may have come
	eventTurn                      // who: a member carries out what it has gathered
	eventDisk                      // who: a member's write has ended
	eventLive                      // who: a member has read its log, and starts to serve
	eventRestart                   // who: a member's process is started again
	eventPower                     // who: the power of a member goes, in the middle of a write
	eventCall                      // who: a worker makes its next request
	eventArrive                    // ref: the operation that reaches its member
	eventAnswer                    // ref: the operation whose answer reaches its client
	eventTimeout                   // ref: the operation whose client waits no longer
	eventFault                     // ref: the fault that begins
	eventFaultEnd                  // ref: the fault that ends
	eventHeal                      // the load ends
	eventProbe                     // the liveness phase looks at the core
	eventFinish                    // the run ends
	eventLook                      // faults look whether their conditions hold now
	eventOrder                     // ref: the change of the members that is asked for
	eventStop                      // who: a member that was removed is stopped for good
	eventSnapshot                  // who: a member's work on a snapshot has ended
	eventRelent                    // no fault lasts any longer, though the load goes on
	eventRetry                     // ref: the operation whose client waits no longer for one try
)

// event is one thing that will happen. The heap orders events by time, and at one instant by chance
// that depends on the seed and on what they are, so that no order of pushing is favoured, and what
// is left out of a schedule changes no other order.
type event struct {
	at   time.Duration
	tie  uint64 // 40 bits of chance, then the order of pushing
	ref  int32
	who  int16
	kind eventKind

	// Of the member when it was pushed: what a dead process began does not happen. Of a client's
	// event: the try.
	life uint8
}

func (e *event) before(other *event) bool {
	return e.at < other.at || e.at == other.at && e.tie < other.tie
}

// heap is a binary heap of events by value.
type heap struct {
	events []event
	pushed uint64
	chance uint64
}

func (h *heap) reset(chance uint64) {
	h.events, h.pushed, h.chance = h.events[:0], 0, chance
}

func (h *heap) push(e event) {
	h.pushed++
	what := uint64(e.at) ^ uint64(e.kind)<<56 ^ uint64(e.who)<<48 ^ uint64(e.ref)<<24
	what = (what ^ h.chance) * 0x9e3779b97f4a7c15
	e.tie = (what^what>>31)*0xbf58476d1ce4e5b9>>24<<24 | h.pushed&0xffffff
	h.events = append(h.events, e)
	events := h.events
	i := len(events) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(&events[parent]) {
			break
		}
		events[i] = events[parent]
		i = parent
	}
	events[i] = e
}

// pop takes the earliest event. The heap must not be empty.
func (h *heap) pop() event {
	events := h.events
	first, last := events[0], events[len(events)-1]
	events = events[:len(events)-1]
	h.events = events
	i := 0
	for {
		child := 2*i + 1
		if child >= len(events) {
			break
		}
		if child+1 < len(events) && events[child+1].before(&events[child]) {
			child++
		}
		if !events[child].before(&last) {
			break
		}
		events[i] = events[child]
		i = child
	}
	if len(events) > 0 {
		events[i] = last
	}
	return first
}
