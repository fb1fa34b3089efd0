#!/bin/sh
# The dead-man of one run on one host, run as root. It lives in HOME/.gauntlet/RUN/guard/ beside its
# state:
#   epoch    a number that rises with every arm; a controller must know it to do anything
#   lease    "UNTIL BOOT": the uptime, in hundredths of a second, until which the epoch holds, and
#            the boot of the host that it is counted from
#   watcher  "PID STARTTIME" of the detached shell that waits for the lease to run out
#   journal  what was done, each line written before the deed: all that is needed to undo it
#   reverted exists once the run has been undone: nothing of it may start any more
# and below /run/gauntlet, for all runs and logins of the host:
#   lock     whoever does anything here holds it
#   holder   the run that has the host
#   runs/RUN "BOOT ROOT" of a run, for whoever heals; ended/RUN exists once it was healed
# Uptime, not wall time: faults of the clock do not move it. The children of this shell inherit the
# lock: killed at any instant, the shell leaves it with an iptables-restore that is still at work,
# and the watcher waits for that. The state files are replaced, never rewritten. An unreadable lease
# counts as run out.
#
# Exit status: 75 the epoch is not in force, 73 another run has the host, 72 the run was healed from
# elsewhere, 71 a run before it cannot be undone, 69 something is missing, 74 the lock is held, 67
# the host is in the run already by another name, 66 no such process.
set -u
umask 077
LC_ALL=C
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
host=/run/gauntlet
telling= # set by whoever wants to hear what is undone
witness= # set by whoever was there when it was done

fail() { # STATUS MESSAGE...
	status=$1
	shift
	echo "$*" >&2
	exit "$status"
}

use() { # ROOT: the run that all below is about
	root=$1
	guard=$root/guard
	run=${root##*/}
	chain=GNT-$run-IN
}

did() { [ -z "$telling" ] || echo "did run $run: $*"; }
left() { [ -z "$telling" ] || echo "left run $run: $*"; }

number() { # FILE: the number in it, 0 if there is none
	value=$(cat "$guard/$1" 2>/dev/null)
	case $value in
	'' | *[!0-9]*) echo 0 ;;
	*) echo "$value" ;;
	esac
}

keep() { # FILE TEXT
	printf '%s\n' "$2" >"$1.new" && mv -f "$1.new" "$1"
}

journal() { # DEED...: fails if it cannot be written down
	[ -z "$(tail -c 1 "$guard/journal" 2>/dev/null)" ] || echo >>"$guard/journal" || return 1
	printf '%s\n' "$*" >>"$guard/journal"
}

read -r boot </proc/sys/kernel/random/boot_id || boot=unknown

uptime_now() {
	read -r up _ </proc/uptime
	echo "${up%.*}${up#*.}"
}

lend() { # TTL
	keep "$guard/lease" "$(($(uptime_now) + $1)) $boot"
}

remaining() { # prints what is left of the lease; fails if it has run out
	read -r until of 2>/dev/null <"$guard/lease" && [ "$of" = "$boot" ] || return 1
	case $until in '' | *[!0-9]*) return 1 ;; esac
	rest=$((until - $(uptime_now)))
	[ $rest -ge 0 ] && echo $rest
}

expired() { ! remaining >/dev/null; }

prepare() { # anyone may look for the mark of a run that was ended
	mkdir -p "$host/runs" "$host/ended" && chmod 755 "$host" "$host/ended"
}

lock() { # command: else a lock file that cannot be opened would end this shell
	{ [ -d "$host/ended" ] || prepare; } && command exec 9>>"$host/lock" && flock -w 10 9
}

enter() { # EPOCH: the gateway of whoever acts for a controller
	lock || fail 74 "the host's lock cannot be had"
	[ ! -e "$host/ended/$run" ] || fail 72 "healed"
	if [ "$(number epoch)" != "$1" ] || expired; then
		fail 75 "epoch $1 is not in force"
	fi
}

look() { # PID: sets state, group and start. The name in field 2 may hold anything: cut at the last ')'.
	line=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
	# shellcheck disable=SC2086
	set -- ${line##*) }
	[ $# -ge 20 ] || return 1
	state=$1 group=$3 start=${20}
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

loaded() { # succeeds if the chain is there, or if that cannot be known
	saved=$("$iptables-save" -t filter) || return 0
	case $saved in *"$chain"*) return 0 ;; *) return 1 ;; esac
}

unload() { # succeeds when the chain is certainly gone
	while "$iptables" -w 5 -D INPUT -j "$chain" 2>/dev/null; do :; done
	"$iptables" -w 5 -F "$chain" 2>/dev/null
	"$iptables" -w 5 -X "$chain" 2>/dev/null
	! loaded
}

# Undoing. All of it may be repeated, and interrupted anywhere.

undo_rules() { # FAMILY
	tables "$1"
	[ -z "$telling" ] || loaded || return 0
	if unload; then
		did "removed the $iptables chain $chain"
	else
		left "the $iptables chain $chain cannot be removed"
		return 1
	fi
}

six() { # IPv6 has rules, by the journal; if that is gone, it may have, where there is IPv6
	if [ -f "$guard/journal" ]; then
		grep -qx 'chain 6' "$guard/journal"
	else
		[ -e /proc/net/if_inet6 ] && command -v ip6tables-save >/dev/null
	fi
}

undo_disks() { # the journal names those that were ever told anything
	sed -n 's/^disk \([^ ]*\) .*/\1/p' "$guard/journal" 2>/dev/null | sort -u | while read -r disk; do
		case $(ask_disk "$disk" state) in
		'' | healthy*) ;;
		*) ask_disk "$disk" heal >/dev/null && did "healed the disk $disk" ;;
		esac
	done
}

ask_disk() { # DISK COMMAND...: prints the answer of a lossy disk
	disk=$1
	shift
	[ -e "$disk/.control" ] || return 1
	{ echo "$*" >&8 && cat <&8; } 2>/dev/null 8<>"$disk/.control"
}

revert() {
	undone=0
	undo_disks
	undo_rules 4 || undone=1
	! six || undo_rules 6 || undone=1
	same_boot || return $undone
	while read -r deed pid started; do
		[ "$deed" = pause ] && alive "$pid" "$started" && kill -CONT "$pid" || continue
		[ "$state" != T ] || did "continued process $pid"
	done 2>/dev/null <"$guard/journal"
	return $undone
}

same_boot() { # or else what was written down of processes means others now
	[ -z "$witness" ] || return 0
	of=
	if ! read -r of _ 2>/dev/null <"$host/runs/$run"; then
		of=$(sed -n 's/^arm [0-9]* \([^ ]*\) .*/\1/p' "$guard/journal" 2>/dev/null | tail -n 1)
	fi
	[ "$of" = "$boot" ]
}

written() { # prints "PID STARTTIME NAME" of the processes of the run
	same_boot || return 0
	for file in "$root"/pids/* "$guard"/captures/*; do
		[ -f "$file" ] && read -r pid started <"$file" && echo "$pid $started ${file##*/}"
	done
}

end_process() { # PID STARTTIME NAME: and its group, if it leads one; a dead leader's is still its own
	look "$1" && [ "$start" = "$2" ] || return 0
	if [ "$group" = "$1" ]; then kill -KILL "-$1"; else kill -KILL "$1"; fi 2>/dev/null
	[ "$state" = Z ] || did "ended process $1 ($3)"
}

# Descendants that left their group are known by their environment, where the target marks it.
descendants() { grep -lzx "GAUNTLET_NODE=[^:]*:$run" /proc/[0-9]*/environ 2>/dev/null; }

end_processes() {
	written | while read -r pid started name; do end_process "$pid" "$started" "$name"; done
	for file in $(descendants); do
		pid=${file#/proc/}
		pid=${pid%/environ}
		look "$pid" && end_process "$pid" "$start" "descendant"
	done
}

survivors() { # prints the pids that SIGKILL has not ended yet
	written | while read -r pid started _; do alive "$pid" "$started" && echo "$pid"; done
	descendants
}

deserted() { [ ! -d "$guard" ]; } # removed by a stranger: there is no lease

release() { # the host is free for another run
	[ "$(cat "$host/holder" 2>/dev/null)" != "$run" ] || rm -f "$host/holder"
}

expire() ( # a host whose lock cannot be had is reverted all the same, and again later
	locked=0
	lock || locked=1
	expired || exit 1
	[ -e "$guard/reverted" ] || deserted || journal revert lease 2>/dev/null
	revert || locked=1
	end_processes
	[ $locked = 0 ] && { deserted || : >"$guard/reverted"; } && release
)

leave() ( # unless the guard has been armed anew
	deserted || { lock && expired && rm -f "$guard/watcher"; }
)

watch() { # After the revert it stays a little, for processes that were just being started.
	witness=yes
	trap '' HUP
	echo -1000 2>/dev/null >/proc/self/oom_score_adj
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
	look $! && keep "$guard/watcher" "$! $start"
}

watcher_lives() {
	read -r pid started 2>/dev/null <"$guard/watcher" && alive "$pid" "$started"
}

# What a controller may ask for.

demand() { # FAMILIES: names the first thing that is missing
	families=$1
	set -- flock setsid iptables iptables-restore iptables-save
	case $families in *6*) set -- "$@" ip6tables ip6tables-restore ip6tables-save ;; esac
	for tool; do
		command -v "$tool" >/dev/null || fail 69 "$tool"
	done
	[ "$(id -u)" = 0 ] || fail 69 root
	# The host would end the watcher with the login, just when it is needed.
	[ "${SUDO_UID:-0}" = 0 ] || case $(busctl --timeout=2 get-property org.freedesktop.login1 \
		/org/freedesktop/login1 org.freedesktop.login1.Manager KillUserProcesses 2>/dev/null) in
	*true*) fail 69 lingering ;;
	esac
}

claim() { # takes the host, unless another run's lease is in force. One that ran out is undone first.
	other=$(cat "$host/holder" 2>/dev/null)
	[ -n "$other" ] && [ "$other" != "$run" ] || return 0
	(
		read -r _ found 2>/dev/null <"$host/runs/$other" || found=$host/gone/$other
		use "$found"
		[ -e "$guard/reverted" ] && exit 0
		expired || fail 73 "$run of $(controller)"
		revert && end_processes || fail 71 "$run"
		deserted || : >"$guard/reverted"
	) || exit $?
}

controller() { # who armed the guard
	last='an unknown controller'
	while read -r deed _ _ who _; do
		[ "$deed" != arm ] || last=$who
	done 2>/dev/null <"$guard/journal"
	echo "$last"
}

arm() { # TTL NAME FAMILIES: prints the epoch and the connection
	demand "$3"
	lock || fail 74 "the host's lock cannot be had"
	[ ! -e "$host/ended/$run" ] || fail 72 "healed"
	claim
	known=$(cat "$guard/name" 2>/dev/null)
	[ -z "$known" ] || [ "$known" = "$2" ] || fail 67 "$known" # twice in the inventory
	epoch=$(($(number epoch) + 1)) from=${SSH_CONNECTION:-unknown}
	keep "$host/runs/$run" "$boot $root" && keep "$guard/name" "$2" &&
		journal arm $epoch "$boot" "${from%% *}" "$(date -u +%FT%TZ)" || fail 70 "cannot write the journal"
	revert || fail 70 "an earlier epoch cannot be undone"
	# The epoch before the lease: an old epoch must never see a fresh lease.
	keep "$host/holder" "$run" && keep "$guard/epoch" $epoch && rm -f "$guard/reverted" &&
		lend "$1" || fail 70 "cannot write the lease"
	watcher_lives || start_watcher || fail 70 "cannot start the watcher"
	echo "$epoch $from"
}

renew() { # EPOCH TTL
	enter "$1"
	lend "$2" || exit 70
	watcher_lives || start_watcher
}

cut() { # EPOCH FAMILY RULES: loads the rules, none: removes the chain. Prints what was there.
	enter "$1"
	tables "$2"
	grep -qx "chain $2" "$guard/journal" || journal chain "$2" || exit 70
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
	journal pause "$2" "$3" && kill -STOP "$2"
}

resume() { # EPOCH PID STARTTIME: prints the state it found
	enter "$1"
	report "$2" "$3"
	! alive "$2" "$3" || kill -CONT "$2" || exit 70
	journal resume "$2" "$3" || : # what cannot be written here is continued twice, no more
}

slay() { # EPOCH PID STARTTIME
	enter "$1"
	alive "$2" "$3" || fail 66 "process $2 is not running"
	journal kill "$2" "$3" && kill -KILL "$2"
}

state() { # EPOCH PID STARTTIME
	enter "$1"
	report "$2" "$3"
}

disk() { # EPOCH DISK COMMAND...: prints the answer
	enter "$1"
	shift
	[ "$2" = state ] || journal disk "$@" || exit 70
	ask_disk "$@" || fail 70 "the disk in $1 does not obey: $2"
}

blackout() { # EPOCH PID STARTTIME DISK MODEL SEED AT HOLD: prints what the disk lost
	enter "$1"
	alive "$2" "$3" || fail 66 "process $2 is not running"
	journal disk "$4" cut "$5" "$6" && journal kill "$2" "$3" || exit 70
	ask_disk "$4" cut "$5" "$6" "$7" "$8" || fail 70 "the disk in $4 does not obey: cut"
	kill -KILL "$2" 2>/dev/null || : # it may have noticed, and ended by itself
}

check() { # EPOCH
	enter "$1"
}

disarm() { # EPOCH, in force or expired
	lock || fail 74 "the host's lock cannot be had"
	[ ! -e "$host/ended/$run" ] || fail 72 "healed"
	[ "$(number epoch)" = "$1" ] || fail 75 "epoch $1 is not in force"
	revert || fail 70 "the rules cannot be removed"
	end_captures
	journal revert disarm && : >"$guard/reverted"
	dismiss
}

dismiss() { # the guard itself, once there is nothing left to guard
	release
	watcher_lives && kill -KILL "-$pid"
	rm -rf "$guard" && rm -f "$host/runs/$run"
	rmdir "$root" 2>/dev/null || : # unless the target has something there
}

# Captures of packets, each bounded by itself and all together.

capture() { # EPOCH NAME PACKETS KILOBYTES FILTER
	enter "$1"
	command -v tcpdump >/dev/null || fail 69 tcpdump
	mkdir -p "$root/capture" "$guard/captures" || exit 70
	chown "$(stat -c %u "$root")" "$root/capture" # the login's, as the run root is
	held=$(du -sk "$root/capture") && [ "${held%%[!0-9]*}" -lt "$4" ] || fail 65 "no room"
	journal capture "$2" || exit 70
	# The new process names itself before it becomes tcpdump.
	setsid sh -c '
		line=$(cat /proc/$$/stat) && file=$1 packets=$3 filter=$4 && pcap=$2 || exit 1
		set -- ${line##*) }
		echo "$$ ${20}" >"$file.new" && mv -f "$file.new" "$file" || exit 1
		umask 022
		exec tcpdump -i any -n -p -U --immediate-mode -s 256 -c "$packets" -Z root -w "$pcap" "$filter"
	' sh "$guard/captures/$2" "$root/capture/$2.pcap" "$3" "$5" \
		</dev/null >/dev/null 2>"$guard/captures.log" 9>&- &
	exec 9>&-
	for _ in 0 1 2 3 4 5 6 7 8 9; do
		sleep 0.1
		[ -s "$root/capture/$2.pcap" ] || continue
		sleep 0.1 # it may yet fail to become whom it is to be
		read -r pid started <"$guard/captures/$2" && alive "$pid" "$started" && return 0
		break
	done
	fail 70 "$(tail -n 1 "$guard/captures.log")"
}

uncapture() { # EPOCH NAME
	enter "$1"
	end_capture "$guard/captures/$2"
}

end_capture() { # FILE: asks it to write out what it has, then makes sure
	[ -f "$1" ] && read -r pid started <"$1" || return 0
	for signal in TERM 0 0 0 0 0 0 0 0 0 KILL; do
		alive "$pid" "$started" && kill -$signal "$pid" 2>/dev/null || break
		sleep 0.1
	done
	rm -f "$1"
}

end_captures() {
	for file in "$guard"/captures/*; do end_capture "$file"; done
}

# What anyone may ask for who can become root here: this text is brought along then, as the journals
# may be all that is left. Prints "did ...", "left ..." and "live ..." lines.

heal() { # HOME FORCE: ends the run FORCE, or all runs, even if a controller still holds it
	[ "$(id -u)" = 0 ] || fail 69 root
	prepare && lock || fail 74 "the host's lock cannot be had"
	telling=yes seen=' '
	for entry in "$host"/runs/* "$1"/.gauntlet/*/guard "$1"/.gauntlet/*/pids; do
		case $entry in
		"$host"/*) read -r _ found 2>/dev/null <"$entry" || continue ;;
		*) found=${entry%/*} ;;
		esac
		case $seen in *" $found "*) continue ;; esac
		seen="$seen$found "
		heal_run "$found" "$2"
	done
	sweep
	use "$host/runs/$(cat "$host/holder" 2>/dev/null)"
	[ -e "$root" ] || rm -f "$host/holder" # of a run that is not known any more
	echo healed
}

heal_run() ( # ROOT FORCE
	use "$1"
	case $root in /*/.gauntlet/$run) ;; *) exit 0 ;; esac
	case $run in '' | *[!0-9A-Za-z]*) exit 0 ;; esac
	[ -d "$root" ] || [ -e "$host/runs/$run" ] || exit 0
	case $2 in
	all | "$run") ;;
	*)
		if [ ! -e "$guard/reverted" ] && rest=$(remaining); then
			echo "live run $run of $(controller), whose lease has $((rest / 100 + 1)) s left"
			exit 0
		fi
		;;
	esac
	# From here on nobody who acts for the run gets in, and nothing of it starts any more.
	# The lease first: should this be interrupted, the watcher goes on at once.
	rm -f "$guard/lease" && : >"$host/ended/$run" || { left "cannot be ended" && exit 0; }
	deserted || { : >"$guard/reverted" && journal revert heal; } || left "cannot be marked as ended"
	revert && gone || exit 0
	watcher_lives && kill -KILL "-$pid"
	rm -rf "$root/pids" && rm -rf "$root" && rm -f "$host/runs/$run" || {
		left "the files in $root cannot be removed"
		exit 0
	}
	release
	did "removed the files in $root"
)

gone() { # ends the processes and succeeds when they are
	end_processes
	for _ in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
		still=$(survivors)
		[ -n "$still" ] || return 0
		sleep 0.1
		(telling='' && end_processes)
	done
	left "still running after SIGKILL:" $still
	return 1
}

sweep() { # removes our chains that no run answers for any more, whatever the backend
	for tool in iptables ip6tables iptables-nft ip6tables-nft iptables-legacy ip6tables-legacy; do
		command -v "$tool-save" >/dev/null || continue
		# Without -t filter: the legacy backend would make the table only to show that it is empty.
		for name in $("$tool-save" 2>/dev/null |
			sed -n 's/^:GNT-\([0-9A-Za-z]*\)-IN .*/\1/p'); do
			[ -e "$host/runs/$name" ] && continue
			use "$host/runs/$name"
			iptables=$tool
			if unload; then
				did "removed the $tool chain $chain, which nobody answered for"
			else
				left "the $tool chain $chain cannot be removed"
			fi
		done
	done
}

case $0 in
*/guard/guard.sh) use "$(cd "$(dirname "$0")/.." && pwd)" && [ -n "$root" ] || exit 70 ;;
esac
case $1 in
arm | renew | cut | counters | pause | resume | slay | disk | blackout | state | check | disarm | \
	watch | heal | capture | uncapture) "$@" ;;
*) fail 64 "unknown command $1" ;;
esac
exit
