# The life of one process on a host.
# Usage: sh -c "$(cat process.sh)" sh VERB ROOT NAME [PROGRAM ARGUMENT...]
# ROOT/pids/NAME holds its "PID STARTTIME"; the start time tells it from a later user of that pid.
set -u
verb=$1 root=$2 name=$3
shift 3
file=$root/pids/$name
log=$root/log/$name.log

# running sets pid and start, and succeeds while that process lives; a zombie does not.
# In stat the name of the program comes second and may hold anything, blanks and brackets too.
running() {
	pid='' start=''
	[ -s "$file" ] && read -r pid start <"$file" && [ -n "$start" ] || return 1
	case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -d' ' -f1,20) in
	Z*) return 1 ;;
	*" $start") return 0 ;;
	*) return 1 ;;
	esac
}

case $verb in
start)
	if running; then
		echo "$pid $start"
		exit 0
	fi
	# A killed process may have left half a line: begin a new one.
	[ -z "$(tail -c 1 "$log" 2>/dev/null)" ] || echo >>"$log"
	# The new process names itself before it becomes the program, so that the host's guard can end
	# it whatever becomes of us. A guard that has already reverted the run may have gone for good,
	# so look for its mark, and only then: one that leaves it later still finds the name.
	# Closing descriptor 3 tells that the program is next.
	line=$(setsid sh -c '
		root=$1 name=$2
		shift 2
		line="$$ $(sed "s/.*) //" /proc/$$/stat | cut -d" " -f20)" &&
			echo "$line" >"$root/pids/.$name" &&
			mv -f "$root/pids/.$name" "$root/pids/$name" || exit 1
		[ ! -e "$root/guard/reverted" ] && [ ! -e "/run/gauntlet/ended/${root##*/}" ] ||
			{ echo "the lease of this run has ended"; exit 1; }
		echo "$line" >&3
		exec 3>&-
		exec "$@"
	' sh "$root" "$name" "$@" 3>&1 </dev/null >>"$log" 2>&1 &)
	[ -n "$line" ] || { echo "cannot start: $(tail -n 1 "$log")" >&2; exit 1; }
	echo "$line"
	;;
kill)
	if running; then
		kill -KILL "$pid" || exit 1
		tries=0
		while running; do
			tries=$((tries + 1))
			[ "$tries" -lt 500 ] || { echo "pid $pid outlives SIGKILL" >&2; exit 1; }
			sleep 0.02
		done
	fi
	rm -f -- "$file"
	;;
stop)
	if running; then
		# Asked first, and made to after five seconds.
		kill -TERM "$pid" || exit 1
		tries=0
		while running; do
			tries=$((tries + 1))
			[ "$tries" -ne 250 ] || kill -KILL "$pid"
			[ "$tries" -lt 500 ] || { echo "pid $pid outlives SIGKILL" >&2; exit 1; }
			sleep 0.02
		done
	fi
	rm -f -- "$file"
	;;
find)
	running || exit 44
	echo "$pid $start"
	;;
wipe)
	! running || { echo "pid $pid is still running" >&2; exit 1; }
	if [ -L "$root/data" ]; then # it is on a disk of its own
		find "$root/data/" -mindepth 1 -delete && sync "$root/data/"
	else
		rm -rf -- "$root/data" && mkdir -p -- "$root/data"
	fi
	;;
remove)
	for file in "$root"/pids/*; do
		! running || { echo "pid $pid is still running" >&2; exit 1; }
	done
	[ ! -L "$root/data" ] || rm -rf -- "$(readlink "$root/data")"
	rm -rf -- "$root"
	;;
esac
