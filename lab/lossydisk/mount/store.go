package mount

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// store keeps the durable content of files in a directory of a real disk, each under its number.
// That it is in the page cache only is enough: it is the power of the model that is cut. What a
// sync costs is paid by writing the same bytes to a journal, and syncing that for real.
type store struct {
	dir  string
	mu   sync.Mutex // guards open
	open map[uint64]*os.File

	journal *os.File
	turn    sync.Mutex // guards at
	at      int64
}

// journalBytes is how much of the journal is written before it begins anew. It is there from the
// start, so that a sync of it changes nothing but content, as on a database's preallocated log.
const journalBytes = 8 << 20

func newStore(dir string) (*store, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	journal, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = journal.Write(make([]byte, journalBytes))
	if err := errors.Join(err, journal.Sync()); err != nil {
		return nil, errors.Join(err, journal.Close())
	}
	return &store{dir: dir, open: map[uint64]*os.File{}, journal: journal}, nil
}

func (s *store) path(file uint64) string {
	return filepath.Join(s.dir, strconv.FormatUint(file, 10))
}

func (s *store) file(number uint64) (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[number]; f != nil {
		return f, nil
	}
	f, err := os.OpenFile(s.path(number), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		s.open[number] = f
	}
	return f, err
}

// ReadAt reads; what was never written is zeros.
func (s *store) ReadAt(file uint64, p []byte, offset int64) error {
	f, err := s.file(file)
	if err != nil {
		return err
	}
	_, err = f.ReadAt(p, offset)
	if errors.Is(err, io.EOF) {
		err = nil // zeros: the caller cleared p
	}
	return err
}

// WriteAt writes.
func (s *store) WriteAt(file uint64, p []byte, offset int64) error {
	f, err := s.file(file)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(p, offset)
	return err
}

// Truncate changes a length.
func (s *store) Truncate(file uint64, length int64) error {
	f, err := s.file(file)
	if err != nil {
		return err
	}
	return f.Truncate(length)
}

// Remove removes a file, if it is there.
func (s *store) Remove(file uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.open[file]; f != nil {
		f.Close()
		delete(s.open, file)
	}
	err := os.Remove(s.path(file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Flush writes p to the real disk.
func (s *store) Flush(p []byte) error {
	for len(p) > 0 {
		n := min(len(p), journalBytes)
		if _, err := s.journal.WriteAt(p[:n], s.reserve(int64(n))); err != nil {
			return err
		}
		p = p[n:]
	}
	for {
		err := unix.Fdatasync(int(s.journal.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// reserve returns where n bytes of the journal are free to be written.
func (s *store) reserve(n int64) int64 {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.at+n > journalBytes {
		s.at = 0
	}
	at := s.at
	s.at += n
	return at
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for number, f := range s.open {
		f.Close()
		delete(s.open, number)
	}
	return s.journal.Close()
}
