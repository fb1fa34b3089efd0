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

// Program is a main package of this module.
type Program string

// The programs with raftd's replica in them.
const (
	Raftd  Program = "./cmd/raftd"
	Verify Program = "./cmd/verify" // simulates it
)

// Build makes a program with the bug at out from the module at root, and proves that the bug is in
// it.
func (m Mutant) Build(ctx context.Context, root string, program Program, out string) error {
	scratch, err := os.MkdirTemp("", "mutant-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)

	clean := filepath.Join(scratch, "clean")
	if err := program.link(ctx, root, m.ID, nil, scratch, clean); err != nil {
		return fmt.Errorf("mutant %s, unedited: %w", m.ID, err)
	}
	wrong := filepath.Join(scratch, "wrong")
	if err := program.link(ctx, root, m.ID, m.Edits, scratch, wrong); err != nil {
		return fmt.Errorf("mutant %s: %w", m.ID, err)
	}
	if err := differ(clean, wrong); err != nil {
		return fmt.Errorf("mutant %s: %w", m.ID, err)
	}
	if err := program.reports(ctx, m.ID, wrong); err != nil {
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

// Build makes the clean program at out from the module at root.
func (p Program) Build(ctx context.Context, root, out string) error {
	scratch, err := os.MkdirTemp("", "clean-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	return p.link(ctx, root, "clean", nil, scratch, out)
}

// link makes a program that bears a name.
func (p Program) link(
	ctx context.Context, root, name string, edits []Edit, scratch, out string,
) error {
	return compile(ctx, root, edits, scratch,
		"-ldflags", "-s -w -X main.Build="+name, "-o", out, string(p))
}

// compile runs go build with edits laid over the source.
func compile(
	ctx context.Context, root string, edits []Edit, scratch string, arguments ...string,
) error {
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
	overlay, err := writeOverlay(root, scratch, texts)
	if err != nil {
		return err
	}
	arguments = append([]string{"build", "-buildvcs=false", "-trimpath", "-overlay", overlay},
		arguments...)
	build := exec.CommandContext(ctx, "go", arguments...)
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

// differ demands that the edits changed something.
func differ(clean, wrong string) error {
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
	return nil
}

// reports demands that a program which says what it was made of names the mutant.
func (p Program) reports(ctx context.Context, id, binary string) error {
	if p != Raftd {
		return nil
	}
	reported, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return fmt.Errorf("raftd --version: %w", err)
	}
	if !strings.Contains(string(reported), id) {
		return fmt.Errorf("raftd --version reports %q", bytes.TrimSpace(reported))
	}
	return nil
}
