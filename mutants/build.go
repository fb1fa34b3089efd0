package mutants

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrSame says that an edit changed nothing in the binary.
var ErrSame = errors.New("the binary equals the clean one under the mutant's name")

// Build makes the mutant's raftd at out from the module at root, and proves that it is the
// mutant.
func (m Mutant) Build(ctx context.Context, root, out string) error {
	scratch, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)

	clean := filepath.Join(scratch, "clean")
	if err := compile(ctx, root, clean, []Edit{label(m.ID)}); err != nil {
		return fmt.Errorf("mutant %s, unedited: %w", m.ID, err)
	}
	wrong := filepath.Join(scratch, "wrong")
	if err := compile(ctx, root, wrong, append([]Edit{label(m.ID)}, m.Edits...)); err != nil {
		return fmt.Errorf("mutant %s: %w", m.ID, err)
	}
	if err := distinguish(ctx, m.ID, clean, wrong); err != nil {
		return fmt.Errorf("mutant %s: %w", m.ID, err)
	}
	text, err := os.ReadFile(wrong)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o755)
}

// compile builds raftd with edits laid over the source.
func compile(ctx context.Context, root, out string, edits []Edit) error {
	// go build ignores an overlay of a path that it does not use, and one behind a symbolic link is
	// such a path.
	root, err := filepath.EvalSymlinks(root)
	if err == nil {
		root, err = filepath.Abs(root)
	}
	if err != nil {
		return err
	}
	texts, err := apply(root, edits)
	if err != nil {
		return err
	}
	overlay, err := writeOverlay(root, out+".overlay", texts)
	if err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-trimpath",
		"-ldflags", "-s -w", "-overlay", overlay, "-o", out, "./cmd/raftd")
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, bytes.TrimSpace(output))
	}
	return nil
}

// writeOverlay writes the edited texts into dir, and the file that tells go build to use them.
func writeOverlay(root, dir string, texts map[string]string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range texts {
		edited := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(edited, []byte(text), 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = edited
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, content, 0o644)
}

// distinguish demands that two binaries differ and that the wrong one reports the mutant's ID.
func distinguish(ctx context.Context, id, clean, wrong string) error {
	cleanText, err := os.ReadFile(clean)
	if err != nil {
		return err
	}
	wrongText, err := os.ReadFile(wrong)
	if err != nil {
		return err
	}
	if bytes.Equal(cleanText, wrongText) {
		return ErrSame
	}
	reported, err := exec.CommandContext(ctx, wrong, "--version").Output()
	if err != nil {
		return fmt.Errorf("raftd --version: %w", err)
	}
	if !strings.Contains(string(reported), id) {
		return fmt.Errorf("raftd --version reports %q", bytes.TrimSpace(reported))
	}
	return nil
}
