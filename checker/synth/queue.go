package synth

// phase is what happens to a job at an instant. At equal stamps calls come first and returns last:
// an operation takes effect between the two, both included.
type phase uint8

const (
	atCall phase = iota
	atPoint
	atReturn
)

// moment is one entry of a queue.
type moment struct {
	time  int64
	phase phase
	turn  uint64 // entries of one time and phase leave in the order in which they came
	job   *job
}

func (m *moment) before(other *moment) bool {
	if m.time != other.time {
		return m.time < other.time
	}
	if m.phase != other.phase {
		return m.phase < other.phase
	}
	return m.turn < other.turn
}

// queue holds what is to come, the next first: a binary heap.
type queue struct {
	heap []moment
	turn uint64
}

func (q *queue) empty() bool { return len(q.heap) == 0 }

func (q *queue) push(time int64, p phase, j *job) {
	q.turn++
	q.heap = append(q.heap, moment{time, p, q.turn, j})
	for child := len(q.heap) - 1; child > 0; {
		parent := (child - 1) / 2
		if !q.heap[child].before(&q.heap[parent]) {
			return
		}
		q.heap[child], q.heap[parent] = q.heap[parent], q.heap[child]
		child = parent
	}
}

func (q *queue) pop() (int64, phase, *job) {
	first := q.heap[0]
	last := len(q.heap) - 1
	q.heap[0], q.heap[last] = q.heap[last], moment{}
	q.heap = q.heap[:last]
	for parent := 0; ; {
		child := 2*parent + 1
		if child >= last {
			break
		}
		if child+1 < last && q.heap[child+1].before(&q.heap[child]) {
			child++
		}
		if !q.heap[child].before(&q.heap[parent]) {
			break
		}
		q.heap[parent], q.heap[child] = q.heap[child], q.heap[parent]
		parent = child
	}
	return first.time, first.phase, first.job
}
