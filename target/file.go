package target

import (
	"context"
	"crypto/rand"
	"io"
	"io/fs"
	"strconv"
)

// Put writes a file on the host, all or nothing: whoever opens path sees the old content or the
// new.
func (h *Host) Put(ctx context.Context, path string, mode fs.FileMode, content io.Reader) error {
	op := "put " + path
	part := path + "." + rand.Text() + ".part"
	source := &source{from: content}

	err := h.receive(ctx, part, source)
	if err == nil {
		// The name is given by a second command: if we die during the first, the host's cat sees
		// the end of its input all the same, and half a file would look whole.
		_, err = h.RunOK(ctx, Command{
			Script: `[ "$(wc -c <"$1")" -eq "$4" ] || { echo "only part arrived" >&2; exit 1; }
				chmod "$3" "$1" && mv -f -- "$1" "$2"`,
			Args: []string{part, path, strconv.FormatUint(uint64(mode.Perm()), 8),
				strconv.FormatInt(source.size, 10)},
		})
	}
	if err == nil {
		return nil
	}
	// Best effort, and also when ctx has ended: a full disk should not stay full because of us.
	tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortGrace)
	defer cancel()
	_, _ = h.Run(tidy, Command{Script: `rm -f -- "$1"`, Args: []string{part}})
	return h.reword(op, err)
}

// receive has the host write its input to a new file.
func (h *Host) receive(ctx context.Context, path string, content io.Reader) error {
	_, err := h.RunOK(ctx, Command{
		Script: `umask 077 && cat >"$1"`, Args: []string{path}, Stdin: content,
	})
	return err
}

// reword gives an error the name of the operation that the caller asked for.
func (h *Host) reword(op string, err error) error {
	if inner, ok := err.(*HostError); ok && inner.Op == "run" {
		return &HostError{h.Name(), op, inner.Hint, inner.Err}
	}
	return h.fail(op, "", err)
}

// tail keeps the last 4 KiB written to it.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	if over := len(*t) - 4096; over > 0 {
		*t = (*t)[over:]
	}
	return len(p), nil
}
