# Prints what a run must leave as it was: the ruleset of both families, then, for each pair of
# arguments PID STARTTIME, the state of that process. It needs nothing on the host.
LC_ALL=C
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
# The legacy backend prints nothing to whom it does not trust. Listing loads its filter table, so
# an empty save after that was not readable.
iptables -w 5 -S INPUT >/dev/null || exit 1
rules=$(iptables-save) || exit 1
case "$(iptables -V)$rules" in
*nf_tables* | *'*filter'*) ;;
*) echo "the ruleset cannot be read back" >&2 && exit 1 ;;
esac
echo "== iptables"
echo "$rules"
echo "== ip6tables"
if command -v ip6tables-save >/dev/null; then ip6tables-save || exit 1; fi
echo "== processes"
while [ $# -gt 1 ]; do
	line=$(cat "/proc/$1/stat" 2>/dev/null)
	pid=$1 started=$2
	shift 2
	(
		set -- ${line##*) }
		[ "${20:-}" = "$started" ] && echo "$pid $1"
	)
done
exit 0
