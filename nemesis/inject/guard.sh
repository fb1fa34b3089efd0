#!/bin/sh
# The dead-man of one run on one host. It lives in ~/.gauntlet/RUN/guard/ beside its state:
#   epoch    a number that rises with every arm; a controller must know it to do anything
#   lease    uptime, in hundredths of a second, until which the epoch holds
#   watcher  "PID STARTTIME" of the detached shell that waits for the lease to run out
#   paused   "PID STARTTIME" of processes that are stopped: written before the signal
#   six      exists if rules were ever loaded for IPv6
#   reverted exists once an expired epoch has been undone
# Uptime, not wall time: faults of the clock do not move it. Everything happens under one lock for
# all runs of the host, which the children of this shell inherit: killed at any instant, the shell
# leaves the lock with an iptables-restore that is still at work, and the watcher waits for that.
# The state files are replaced, never rewritten. An unreadable lease counts as run out.
#
# Exit status: 75 the epoch is not in force, 73 another run is, 69 something is missing, 74 the
# lock is held, 66 no such process.
set -u
LC_ALL=C
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

guard=$(cd "$(dirname "$0")" && pwd) || exit 70
root=$(dirname "$guard")
base=$(dirname "$root")
chain=GNT-$(basename "$root")-IN

fail() { # STATUS MESSAGE...
	status=$1
	shift
	echo "$*" >&2
	exit "$status"
}

number() { # FILE: the number in it, 0 if there is none
	value=$(cat "$guard/$1" 2>/dev/null)
	case $value in
	'' | *[!0-9]*) echo 0 ;;
	*) echo "$value" ;;
	esac
}

keep() { # FILE TEXT
	printf '%s\n' "$2" >"$guard/$1.new" && mv -f "$guard/$1.new" "$guard/$1"
}

uptime_now() {
	read -r up _ </proc/uptime
	echo "${up%.*}${up#*.}"
}

expired() { [ "$(uptime_now)" -gt "$(number lease)" ]; }

lock() { # command: else a lock file that cannot be opened would end this shell
	command exec 9>>"$base/lock" && flock -w 10 9
}

enter() { # EPOCH: the gateway of whoever acts for a controller
	lock || fail 74 "the host lock is held by someone else"
	if [ "$(number epoch)" != "$1" ] || expired; then
		fail 75 "epoch $1 is not in force"
	fi
}

look() { # PID: sets state and start. The name in field 2 may hold anything, so cut at the last ')'.
	line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# shellcheck disable=SC2086
	set -- ${line##*) }
	state=$1
	start=${20}
}

alive() { # PID STARTTIME
	look "$1" && [ "$start" = "$2" ] && [ "$state" != Z ] && [ "$state" != X ]
}

report() { # PID STARTTIME
	if alive "$1" "$2"; then echo "$state"; else echo gone; fi
}

# Rules. Families are 4 and 6.

tables() { # FAMILY: sets iptables
	iptables=iptables
	[ "$1" = 4 ] || iptables=ip6tables
}

jumps() { "$iptables" -w 5 -C INPUT -j "$chain" 2>/dev/null; }

list() { "$iptables" -w 5 -v -S "$chain" 2>/dev/null; }

load() { # RULES: lines for iptables-restore, without table and COMMIT
	{
		printf '*filter\n:%s - [0:0]\n' "$chain" &&
			{ jumps || printf -- '-I INPUT 1 -j %s\n' "$chain"; } &&
			printf '%s\nCOMMIT\n' "$1"
	} >"$guard/rules" && "$iptables-restore" -w 5 --noflush <"$guard/rules"
}

unload() { # succeeds when the chain is certainly gone
	while "$iptables" -w 5 -D INPUT -j "$chain" 2>/dev/null; do :; done
	"$iptables" -w 5 -F "$chain" 2>/dev/null
	"$iptables" -w 5 -X "$chain" 2>/dev/null
	left=$("$iptables-save" -t filter) || return 1
	case $left in *"$chain"*) return 1 ;; esac
}

# What the watcher does when the lease has run out.

revert() {
	undone=0
	tables 4
	unload || undone=1
	if [ -e "$guard/six" ]; then
		tables 6
		unload || undone=1
	fi
	while read -r pid started; do
		alive "$pid" "$started" && kill -CONT "$pid"
	done 2>/dev/null <"$guard/paused"
	return $undone
}

end_processes() {
	for file in "$root"/pids/*; do
		[ -f "$file" ] || continue
		read -r pid started <"$file" && alive "$pid" "$started" && kill -KILL "$pid"
	done
}

deserted() { [ ! -d "$guard" ]; } # removed by a stranger: there is neither lease nor lock

expire() ( # a host whose lock cannot be had is reverted all the same, and again later
	locked=0
	lock || deserted || locked=1
	expired || exit 1
	revert || locked=1
	end_processes
	[ $locked = 0 ] && { deserted || : >"$guard/reverted"; }
)

leave() ( # unless the guard has been armed anew
	deserted || { lock && expired && rm -f "$guard/watcher"; }
)

watch() { # After the revert it stays a little, for processes that were just being started.
	trap '' HUP
	passes=0
	while sleep 1; do
		if ! expired; then
			passes=0
			continue
		fi
		expire && passes=$((passes + 1))
		[ $passes -ge 5 ] && leave && exit 0
	done
}

start_watcher() { # one serves all epochs
	setsid sh "$guard/guard.sh" watch </dev/null >/dev/null 2>&1 9>&- &
	look $! && keep watcher "$! $start"
}

watcher_lives() { # GUARD
	read -r pid started 2>/dev/null <"$1/watcher" && alive "$pid" "$started"
}

# What a controller may ask for.

arm() { # TTL in hundredths of a second
	for tool in flock setsid iptables iptables-restore iptables-save; do
		command -v $tool >/dev/null || fail 69 "$tool"
	done
	[ "$(id -u)" = 0 ] || fail 69 "the right to change iptables (root)"
	lock || fail 74 "the host lock is held by someone else"
	for other in "$base"/*/guard; do
		[ "$other" != "$guard" ] && [ ! -e "$other/reverted" ] && watcher_lives "$other" &&
			fail 73 "$(basename "$(dirname "$other")")"
	done
	revert || fail 70 "an earlier epoch cannot be undone"
	epoch=$(($(number epoch) + 1))
	# The epoch before the lease: an old epoch must never see a fresh lease.
	keep epoch $epoch && : >"$guard/paused" && rm -f "$guard/reverted" &&
		keep lease $(($(uptime_now) + $1)) || fail 70 "cannot write the lease"
	watcher_lives "$guard" || start_watcher || fail 70 "cannot start the watcher"
	echo "$epoch ${SSH_CONNECTION:-}"
}

renew() { # EPOCH TTL
	enter "$1"
	keep lease $(($(uptime_now) + $2)) || exit 70
	watcher_lives "$guard" || start_watcher
}

cut() { # EPOCH FAMILY RULES: loads the rules, none: removes the chain. Prints what was there.
	enter "$1"
	tables "$2"
	[ "$2" = 4 ] || : >"$guard/six" || exit 70
	list
	if [ -n "$3" ]; then load "$3"; else unload; fi
}

counters() { # EPOCH FAMILY
	enter "$1"
	tables "$2"
	list
}

pause() { # EPOCH PID STARTTIME
	enter "$1"
	alive "$2" "$3" || fail 66 "process $2 is not running"
	printf '%s %s\n' "$2" "$3" >>"$guard/paused" && kill -STOP "$2"
}

resume() { # EPOCH PID STARTTIME: prints the state it found
	enter "$1"
	report "$2" "$3"
	! alive "$2" "$3" || kill -CONT "$2"
	keep paused "$(grep -vx "$2 $3" "$guard/paused")"
}

slay() { # EPOCH PID STARTTIME
	enter "$1"
	alive "$2" "$3" || fail 66 "process $2 is not running"
	kill -KILL "$2"
}

state() { # EPOCH PID STARTTIME
	enter "$1"
	report "$2" "$3"
}

check() { # EPOCH
	enter "$1"
}

disarm() { # EPOCH, in force or expired
	lock || fail 74 "the host lock is held by someone else"
	[ "$(number epoch)" = "$1" ] || fail 75 "epoch $1 is not in force"
	revert || fail 70 "the rules cannot be removed"
	watcher_lives "$guard" && kill -KILL "-$pid"
	rm -rf "$guard"
}

case $1 in
arm | renew | cut | counters | pause | resume | slay | state | check | disarm | watch) "$@" ;;
*) fail 64 "unknown command $1" ;;
esac
exit
