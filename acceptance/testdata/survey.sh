# Everything on a host that must be the same before and after a run. An absent table equals an empty
# one that accepts: iptables makes tables by looking at them.
set -e
for save in iptables-save ip6tables-save; do
	echo "== $save"
	$save | sed -e '/^#/d' -e 's/ \[[0-9]*:[0-9]*\]$//' -e '/^COMMIT/d' \
		-e '/^:[A-Z]* ACCEPT$/d' -e '/^\*/d'
done

# Processes by their command lines, those of this very session aside. Behind the name in
# parentheses, stat reads: state parent group session.
behind() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null; }
own=$(behind $$ | cut -d ' ' -f 4)
echo "== processes"
for process in /proc/[0-9]*; do
	set -- $(behind "${process#/proc/}")
	[ $# -gt 0 ] && [ "$4" != "$own" ] || continue
	case $1 in
	T | t) state=STOPPED ;;
	Z) continue ;;
	*) state=runs ;;
	esac
	line=$(tr '\0\n\t' '   ' <"$process/cmdline")
	case $line in
	"sshd: "*) ;; # it counts its guests in its title, and they may be on their way out
	"") ;; # it has just ended
	*) echo "$state $line" ;;
	esac
done 2>/dev/null | sort
