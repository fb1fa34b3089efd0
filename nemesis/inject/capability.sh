# Prints one line for each thing that faults need on a host: NAME, a tab, "yes" or "no", a tab, and
# what was seen. Matches are tried in a network namespace of their own, so that the host's ruleset
# is not touched.
LC_ALL=C
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

say() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }

tool() { # NAME [VERSION COMMAND]
	if found=$(command -v "$1"); then say "$1" yes "${2:-$found}"; else say "$1" no ""; fi
}

try() { # NAME RULE...
	name=$1
	shift
	if seen=$(unshare -n iptables -A INPUT -p tcp "$@" 2>&1); then
		say "$name" yes ""
	else
		say "$name" no "$(printf %s "$seen" | head -n 1)"
	fi
}

joiners() { # network cards that put received packets together before any rule sees them
	for device in /sys/class/net/*; do
		device=${device##*/}
		[ "$device" = lo ] || case $(ethtool -k "$device" 2>/dev/null) in
		*'generic-receive-offload: on'* | *'large-receive-offload: on'*) echo "$device" ;;
		esac
	done
}

sizes() {
	if ! command -v ethtool >/dev/null; then
		say "packet sizes" yes "not known without ethtool"
	elif found=$(joiners | tr '\n' ' ') && [ -n "$found" ]; then
		say "packet sizes" no "small packets are put together by ${found% }"
	else
		say "packet sizes" yes ""
	fi
}

lingering() { # root's logins are let be, unless root became it
	if [ "${SUDO_UID:-0}" = 0 ]; then
		say lingering yes ""
		return
	fi
	case $(busctl --timeout=2 get-property org.freedesktop.login1 /org/freedesktop/login1 \
		org.freedesktop.login1.Manager KillUserProcesses 2>/dev/null) in
	*true*) say lingering no "logind ends all processes of a user who logs out" ;;
	*) say lingering yes "" ;;
	esac
}

free() { # the guard's lock, as guard.sh keeps it
	read -r holder 2>/dev/null </run/gauntlet/holder || holder=
	if [ -z "$holder" ]; then say free yes ""; else say free no "run $holder"; fi
}

if [ "$(id -u)" = 0 ]; then say root yes ""; else say root no "user $(id -un)"; fi
tool iptables "$(iptables -V 2>/dev/null)"
if [ "$(backend)" = unknown ]; then say backend no ""; else say backend yes "$(backend)"; fi
say firewall yes "$(others | tr '\n' ';' | sed 's/;$//; s/;/; /g')"
tool iptables-restore
tool iptables-save
tool ip6tables
tool flock
tool setsid
tool tcpdump
lingering
free
try "match multiport" -m multiport --ports 1 -j DROP
try "match u32" -m u32 --u32 '0>>22&0x3C@12>>26&0x3C@0&0x0=0' -j DROP
try "match statistic" -m statistic --mode random --probability 0.5 -j DROP
try "match length" -m length --length 1400:65535 -j DROP
try "target REJECT" -m tcp ! --tcp-flags RST RST -j REJECT --reject-with tcp-reset
sizes
