package target

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// errNotBegun is a command that ended badly without having named its process group: whatever was
// to begin it, a login shell or sudo, did not.
var errNotBegun = errors.New("not begun")

// becomeScript runs as the login and becomes root. Messages are in English whatever the host
// speaks, and what sudo takes out of the environment is handed on as arguments.
const becomeScript = `words=$1 script=$2
	shift 2
	LC_ALL=C
	export LC_ALL
	eval "exec $words"' /bin/sh -c "$script" sh "${SSH_CONNECTION-}" "$HOME" "$@"'`

// rootPrefix begins a script that was made root's. With sudo the process group may be that of the
// login's shell, or one of a terminal of sudo's own: it is not the shell's own number.
const rootPrefix = `SSH_CONNECTION=$1 HOME=$2 PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
	export SSH_CONNECTION HOME PATH
	shift 2
	read -r _ _ _ _ gauntlet_group _ <"/proc/$$/stat" || exit 1
	echo "` + groupMark + `$gauntlet_group" >&2
	unset gauntlet_group
`

// line is what the server's shell is given to run a command.
func (h *Host) line(script string, args []string, root bool) (string, error) {
	switch {
	case !root || h.rootLogin:
		return commandLine(script, args)
	case len(h.config.Become) == 0:
		return "", h.becomeError(fmt.Sprintf("user %q is not root", h.config.User),
			"write become: sudo -n for this host, or log in as root")
	default:
		return becomeLine(h.config.Become, script, args)
	}
}

// becomeLine is commandLine for a command that the given words make root's.
func becomeLine(words []string, script string, args []string) (string, error) {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = quote(word)
	}
	args = append([]string{strings.Join(quoted, " "), rootPrefix + script}, args...)
	return shellLine(becomeScript, args)
}

// killer gives the command line that ends a process group. Root's can be ended by root only.
func (h *Host) killer(root bool) func(group int) string {
	return func(group int) string {
		kill := fmt.Sprintf("kill -KILL -%d", group)
		if line, err := h.line(kill, nil, root); err == nil && root {
			return line
		}
		return kill
	}
}

// notBegun says why a command was not begun, from what was written instead.
func (h *Host) notBegun(root bool, exit int, stderr []byte) error {
	said := lastLine(stderr)
	if !root || h.rootLogin {
		return &HostError{h.Name(), "run", "give a user whose login shell runs commands",
			&kindError{errNotBegun, fmt.Sprintf("the login shell of user %q ran nothing: %v",
				h.config.User, &ExitError{exit, said})}}
	}
	words := strings.Join(h.config.Become, " ")
	tool := h.config.Become[0]
	switch {
	case exit == 127 || exit == 126:
		return h.becomeError(fmt.Sprintf("%q cannot be run there", tool),
			fmt.Sprintf("install %s, or log in as root", tool))
	case strings.Contains(said, "password") && slices.Contains(h.config.Become, "-n"):
		return h.becomeError(fmt.Sprintf("%q wants a password from user %q", words, h.config.User),
			fmt.Sprintf("add to sudoers there: %s ALL=(root) NOPASSWD: ALL", h.config.User))
	default:
		return h.becomeError(fmt.Sprintf("%q as user %q: %v", words, h.config.User,
			&ExitError{exit, said}),
			fmt.Sprintf("try on the host, as %s: %s true", h.config.User, words))
	}
}

func (h *Host) becomeError(what, hint string) error {
	return &HostError{h.Name(), "become", hint, fmt.Errorf("%w: %s", ErrBecome, what)}
}
