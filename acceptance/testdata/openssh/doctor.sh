# rig: n1 n2:no-sudo n3:no-iptables
# What each host can and cannot do, at a glance.
exits 4 verify doctor --hosts hosts.yaml
grep -q 'n2.*sudo' stdout || die "n2's trouble is not there"
grep -q 'iptables.*MISSING' stdout || die "n3's trouble is not there"
