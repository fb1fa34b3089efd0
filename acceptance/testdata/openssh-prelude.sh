# What the scripts in openssh/ are written with. They run in a directory with hosts.yaml, id and
# known_hosts, on the first controller of a rig with the hosts that their line "# rig:" names.
set -eu

die() {
	echo "$@" >&2
	echo "--- stdout" >&2
	cat stdout >&2
	echo "--- stderr" >&2
	cat stderr >&2
	exit 1
}

exits() { # CODE COMMAND...: runs it; stdout and stderr are files
	want=$1
	shift
	code=0
	"$@" >stdout 2>stderr || code=$?
	[ "$code" = "$want" ] || die "$*: exit $code, want $want"
}

verify() { "$VERIFY" "$@"; }

second() { nsenter -t "$SECOND" -n -- "$@"; } # on the second controller

consent() { verify consent --hosts hosts.yaml --cluster rig --for 1h; }

run() { # ARG...: a short run on all hosts
	verify run "$SUITES/short.yaml" --place hosts --hosts hosts.yaml --seed 1 "$@"
}

on() { # HOST SCRIPT [ARG...]: runs it there as root, past SSH
	eval "at=\$PID_$1"
	shift
	nsenter -t "$at" -a -- sh -c "$@"
}

says() { # FILE PATTERN...: each pattern matches exactly one line of the file
	file=$1
	shift
	for pattern in "$@"; do
		count=$(grep -cE -- "$pattern" "$file" || true)
		[ "$count" = 1 ] || die "$file: $count lines match $pattern"
	done
}

silent() { # FILE PATTERN: no line matches
	! grep -E -- "$2" "$1" >&2 || die "$1: lines match $2"
}

clean() { # HOST...: nothing of a run is left there
	for host in "$@"; do
		on "$host" '
			! iptables-save | grep GNT- && ! ip6tables-save | grep GNT- &&
				! grep -slE "[r]aftd|[g]uard[.]sh" /proc/[0-9]*/cmdline
		' || die "$host is not clean"
	done
}

pin() { # HOST...: known_hosts knows these only
	[ -e all_known ] || cp known_hosts all_known
	: >known_hosts
	for host in "$@"; do
		eval "last=\$LAST_$host"
		grep "[.]$last " all_known >>known_hosts
	done
}

pin_wrong() { # HOST: known_hosts knows it by the key of somebody else
	eval "last=\$LAST_$1"
	rm -f other other.pub
	ssh-keygen -q -t ed25519 -N '' -f other
	echo "198.18.100.$last $(cut -d ' ' -f 1,2 other.pub)" >>known_hosts
}
