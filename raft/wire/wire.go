// Package wire turns what members say to each other into bytes and back.
//
// A peer stream carries frames one way only, from the member that dialled. A frame is
//
//	length  uint32, little endian: bytes of the body, 1..MaxFrame
//	crc     uint32, little endian: CRC-32C of the body
//	body    kind byte, then the fields in the order of the struct, integers as unsigned varints
//
// The first frame of a stream is a Hello; then come messages, and pings while there is nothing
// to say.
package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"gauntlet/raft"
)

// Version is the frame format that this package speaks; a Hello of another version is refused.
const Version = 4

// MaxFrame bounds the body of a frame in bytes, so that a broken length cannot exhaust memory.
const MaxFrame = 32 << 20

// maxHello bounds the body of the first frame, which anyone can send.
const maxHello = 1 << 10

const headerBytes = 8

// The errors of a stream. All of them end it: after a bad frame the next boundary is unknown.
var (
	ErrTooLarge  = errors.New("frame exceeds the size limit")
	ErrChecksum  = errors.New("frame checksum does not match")
	ErrMalformed = errors.New("malformed frame body")
	ErrTLS       = errors.New("the other side speaks TLS, this side does not")
)

// Stream is what a connection is for: bulk data must never hold up a heartbeat behind it.
type Stream uint8

// The streams of each direction of a peer link.
const (
	Control Stream = 1 // votes, heartbeats, answers, read indexes
	Bulk    Stream = 2 // appends and forwarded proposals

	Snapshots Stream = 3 // chunks of snapshots, which must not hold up appends either
)

// String names the stream in the event log.
func (s Stream) String() string {
	switch s {
	case Control:
		return "control"
	case Bulk:
		return "bulk"
	case Snapshots:
		return "snapshots"
	}
	return fmt.Sprintf("stream(%d)", uint8(s))
}

// StreamOf says which stream a message travels on.
func StreamOf(kind raft.MessageKind) Stream {
	switch kind {
	case raft.Append, raft.Forward:
		return Bulk
	case raft.SnapshotChunk:
		return Snapshots
	}
	return Control
}

// Hello opens a stream: who dials whom, in which cluster, for what. Whoever does not know the
// member that dials, because it has only just been added or has yet to be, learns here where to
// answer.
type Hello struct {
	Cluster uint64
	From    raft.NodeID
	To      raft.NodeID
	Stream  Stream
	// Founders stand for the first members that From was started with; 0: it was added later.
	Founders uint64
	Name     string // of From
	Address  string // of From's peer listener; empty: From does not know
	Proof    string // of the token of the cluster; empty: none, and then not on the wire
}

// Frame is one decoded body. Exactly one of Hello and Message is set; neither in a ping.
type Frame struct {
	Hello   *Hello
	Message *raft.Message
	Bytes   int // on the wire
}

// AppendHello appends the frame of h to dst.
func AppendHello(dst []byte, h Hello) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headerBytes)...)
	dst = append(dst, kindHello)
	for _, v := range []uint64{
		Version, h.Cluster, uint64(h.From), uint64(h.To), uint64(h.Stream), h.Founders,
	} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = appendBytes(dst, []byte(h.Name))
	dst = appendBytes(dst, []byte(h.Address))
	if h.Proof != "" {
		dst = appendBytes(dst, []byte(h.Proof))
	}
	return seal(dst, start)
}

// AppendMessage appends the frame of m to dst. It fails with ErrTooLarge, and then returns dst
// as it was.
func AppendMessage(dst []byte, m *raft.Message) ([]byte, error) {
	start := len(dst)
	dst = append(dst, make([]byte, headerBytes)...)
	dst = appendBody(append(dst, kindMessage), m)
	if len(dst)-start-headerBytes > MaxFrame {
		return dst[:start], ErrTooLarge
	}
	return seal(dst, start), nil
}

// AppendPing appends a frame that says nothing: it finds out whether an idle connection is dead.
func AppendPing(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headerBytes)...)
	return seal(append(dst, kindPing), start)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal fills in the header of the frame that begins at start.
func seal(dst []byte, start int) []byte {
	body := dst[start+headerBytes:]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(body, castagnoli))
	return dst
}

// Reader takes frames off a stream.
type Reader struct {
	r *bufio.Reader
}

// NewReader reads frames from r.
func NewReader(r io.Reader) *Reader { return &Reader{r: bufio.NewReaderSize(r, 64<<10)} }

// Next returns the next frame, which shares no memory with later ones. At the clean end of the
// stream it returns io.EOF, in the middle of a frame io.ErrUnexpectedEOF.
func (r *Reader) Next() (Frame, error) { return r.next(MaxFrame) }

// Hello returns the first frame, which must be a hello. It is a stranger's word: it can neither
// take much memory nor much to read.
func (r *Reader) Hello() (Hello, error) {
	start, err := r.r.Peek(3)
	if err == nil && start[0] == 22 && start[1] == 3 && start[2] <= 4 { // RFC 8446, section 5.1
		return Hello{}, ErrTLS
	}
	frame, err := r.next(maxHello)
	switch {
	case err != nil:
		return Hello{}, err
	case frame.Hello == nil:
		return Hello{}, fmt.Errorf("%w: the first is no hello", ErrMalformed)
	}
	return *frame.Hello, nil
}

func (r *Reader) next(limit uint32) (Frame, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(r.r, header[:]); err != nil {
		return Frame{}, err
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length == 0 {
		return Frame{}, ErrMalformed
	}
	if length > limit {
		return Frame{}, fmt.Errorf("%w: %d > %d bytes", ErrTooLarge, length, limit)
	}
	body, err := r.body(int(length))
	if err != nil {
		return Frame{}, err
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(header[4:]) {
		return Frame{}, ErrChecksum
	}
	frame, err := parse(body)
	frame.Bytes = headerBytes + len(body)
	return frame, err
}

// body reads n bytes, growing with what has really arrived: a length alone must not cost MaxFrame
// of memory.
func (r *Reader) body(n int) ([]byte, error) {
	const step = 1 << 20
	var body []byte
	for len(body) < n {
		chunk := min(n-len(body), step)
		body = append(body, make([]byte, chunk)...)
		if _, err := io.ReadFull(r.r, body[len(body)-chunk:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return body, nil
}
