package target

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// buildGrace is how long the compilers of a cancelled build may hold its output open.
const buildGrace = 5 * time.Second

// Build builds the program of a folder with a go.mod of its own, statically and for Linux, and
// returns the path of the binary on this machine. Go's own cache makes it quick where nothing has
// changed. What the go.mod pins is fetched as Go is set up to; nothing in the folder is changed.
func Build(ctx context.Context, folder string) (binary string, err error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("build %s: %w", folder, err) }
	path, err := filepath.Abs(folder)
	if err != nil {
		return fail(err)
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err != nil {
		return fail(errors.New("no go.mod in it"))
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fail(err)
	}
	name := sha256.Sum256([]byte(path))
	binary = filepath.Join(cache, "gauntlet", "build", hex.EncodeToString(name[:8]))
	if err := os.MkdirAll(filepath.Dir(binary), 0o700); err != nil {
		return fail(err)
	}
	var said bytes.Buffer
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath",
		"-ldflags", "-s -w", "-o", binary, ".")
	build.Dir = path
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOWORK=off", "GOFLAGS=")
	build.Stdout, build.Stderr = &said, &said
	// Compilers are processes of their own, and end with their group only.
	build.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	build.Cancel = func() error { return syscall.Kill(-build.Process.Pid, syscall.SIGKILL) }
	build.WaitDelay = buildGrace
	if err := build.Run(); err != nil {
		if ctx.Err() != nil {
			return fail(context.Cause(ctx))
		}
		if line := complaint(said.String()); line != "" {
			err = errors.New(line)
		}
		return fail(err)
	}
	return binary, nil
}

// complaint is the line in which go build says what is wrong: the first that is neither about a
// download nor the name of a package.
func complaint(said string) string {
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' && !strings.HasPrefix(line, "go: downloading ") {
			return line
		}
	}
	return ""
}
