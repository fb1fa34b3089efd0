package night

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// RefusedError says that another controller is at work.
type RefusedError struct{ Problem string }

func (e *RefusedError) Error() string { return e.Problem }

// lock keeps other controllers out of a campaign's store until it is closed. It ends with its
// process, however that ends.
func lock(store string) (io.Closer, error) {
	file, err := os.OpenFile(filepath.Join(store, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(file, 100))
		file.Close()
		who := strings.TrimSpace(string(holder))
		return nil, &RefusedError{fmt.Sprintf("%s: another controller is at work, process %s", store,
			who)}
	}
	// Who it is serves only people: that it could not be written harms nobody.
	if file.Truncate(0) == nil {
		fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return file, nil
}
