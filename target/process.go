package target

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
)

//go:embed process.sh
var processScript string

// process runs one verb of process.sh on the process of that name in a run root.
func process(
	ctx context.Context, h *Host, verb, root, name string, program ...string,
) (Process, error) {
	op := verb + " " + name
	result, err := h.Run(ctx, Command{
		Script: processScript,
		Args:   append([]string{verb, root, name}, program...),
	})
	if err != nil {
		return Process{}, h.reword(op, err)
	}
	switch {
	case result.Exit == missing:
		return Process{}, h.fail(op, "", ErrNotRunning)
	case result.Exit != 0:
		return Process{}, h.fail(op, "", &ExitError{result.Exit, lastLine(result.Stderr)})
	case verb != "start" && verb != "find":
		return Process{}, nil
	}
	var p Process
	if _, err := fmt.Sscanf(string(result.Stdout), "%d %d\n", &p.PID, &p.StartTime); err != nil {
		return Process{}, h.fail(op, "", fmt.Errorf("answer %q is no process: %w",
			lastLine(result.Stdout), errors.Unwrap(err)))
	}
	return p, nil
}
