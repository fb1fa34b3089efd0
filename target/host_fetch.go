package target

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"gauntlet/redact"
)

// missing is the exit status by which a script says that a file does not exist.
const missing = 44

// fetchScript sends the beginning of a file, compressed where that can be done; the first line
// says whether it is. The status is that of reading the file, not of the end of a pipe.
const fetchScript = `[ -e "$1" ] || exit 44
	if ! command -v gzip >/dev/null 2>&1; then
		echo plain
		exec head -c "$2" <"$1"
	fi
	echo gzip
	exec 3>&1
	status=$({ { head -c "$2" <"$1"; echo "$?" >&4; } | gzip -1c >&3 3>&- 4>&-; } 4>&1)
	exit "$status"`

// Get copies a file of the host to w and returns its size. A file that does not exist is
// fs.ErrNotExist; of one longer than limit bytes only the beginning is copied, and the error is
// ErrTooLarge. It is compressed on its way if the host has gzip.
func (h *Host) Get(ctx context.Context, path string, w io.Writer, limit int64) (int64, error) {
	op := "get " + path
	line, err := h.line(fetchScript, []string{path, strconv.FormatInt(limit+1, 10)}, false)
	if err != nil {
		return 0, h.fail(op, "", err)
	}
	var stderr tail
	out := &sink{to: w, left: limit}
	received := newUnpacker(out, limit+1)
	exit, err := h.execute(ctx, job{line, streams{out: received, errs: &stderr}, h.killer(false)})
	broken := received.end()
	size := limit - out.left
	switch {
	case errors.Is(err, errNotBegun):
		err = h.notBegun(false, exit, stderr)
	case err != nil:
	case exit == missing:
		err = fs.ErrNotExist
	case exit != 0:
		err = &ExitError{exit, lastLine(stderr)}
	case out.err != nil:
		err = out.err
	case out.dropped:
		err = fmt.Errorf("%w: over %d bytes", ErrTooLarge, limit)
	case broken != nil:
		err = fmt.Errorf("what arrived is damaged: %w", broken)
	}
	return size, h.reword(op, err)
}

// GetLog is Get for a text that will be kept: secrets are removed on the way. The size is that of
// the text on the host.
func (h *Host) GetLog(ctx context.Context, path string, w io.Writer, limit int64) (int64, error) {
	clean := redact.NewWriter(w)
	size, err := h.Get(ctx, path, clean, limit)
	if late := clean.Flush(); err == nil && late != nil {
		err = h.fail("get "+path, "", late)
	}
	return size, err
}

// unpacker is a writer for what fetchScript sends. It never fails and never blocks for long.
type unpacker struct {
	pipe *io.PipeWriter
	done chan error // why no more was unpacked
}

// newUnpacker passes at most limit bytes on to to.
func newUnpacker(to io.Writer, limit int64) *unpacker {
	from, pipe := io.Pipe()
	u := &unpacker{pipe, make(chan error, 1)}
	go func() {
		err := unpack(to, from, limit)
		_, _ = io.Copy(io.Discard, from)
		u.done <- err
	}()
	return u
}

func (u *unpacker) Write(p []byte) (int, error) { return u.pipe.Write(p) }

// end says that nothing more comes, and waits until all is passed on.
func (u *unpacker) end() error {
	u.pipe.Close()
	return <-u.done
}

func unpack(to io.Writer, from io.Reader, limit int64) error {
	packed := bufio.NewReader(from)
	kind, err := packed.ReadSlice('\n')
	if err != nil {
		return err
	}
	var content io.Reader = packed
	switch string(kind) {
	case "plain\n":
	case "gzip\n":
		if content, err = gzip.NewReader(packed); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%q is not how a file begins", kind)
	}
	// One byte more is asked for, so that a file's end is seen, and its check sum compared.
	_, err = io.Copy(to, io.LimitReader(content, limit+1))
	return err
}
