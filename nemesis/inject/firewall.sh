# Tells what else filters packets on this host, besides the iptables that we use: one line each.
LC_ALL=C
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH

# Versions before 1.8 say nothing of a backend: they are legacy.
backend() {
	case $(iptables -V 2>/dev/null) in
	*'(nf_tables)'*) echo nf_tables ;;
	*'(legacy)'*) echo legacy ;;
	'iptables v1.'[0-7].* | 'iptables v1.'[0-7]) echo legacy ;;
	*) echo unknown ;;
	esac
}

other_rules() { # SAVE COMMAND: how many rules it shows
	"$1" 2>/dev/null | grep -c '^-A'
}

others() {
	if [ "$(backend)" = nf_tables ]; then
		# Only if the kernel has such tables: asking for them would make them.
		[ -z "$(cat /proc/net/ip_tables_names 2>/dev/null)" ] ||
			rules=$(other_rules iptables-legacy-save) || :
		[ "${rules:-0}" = 0 ] || echo "$rules rules of iptables-legacy"
	else
		rules=$(other_rules iptables-nft-save) || :
		[ "${rules:-0}" = 0 ] || echo "$rules rules of iptables-nft"
	fi
	nft list tables 2>/dev/null | while read -r table; do
		case $table in
		'table ip filter' | 'table ip nat' | 'table ip mangle' | 'table ip raw' | \
			'table ip security' | 'table ip6 filter' | 'table ip6 nat' | 'table ip6 mangle' | \
			'table ip6 raw' | 'table ip6 security') ;;
		*) echo "nftables $table" ;;
		esac
	done
	[ "$(firewall-cmd --state 2>/dev/null)" != running ] || echo "firewalld is active"
	case $(ufw status 2>/dev/null) in *'Status: active'*) echo "ufw is active" ;; esac
}
