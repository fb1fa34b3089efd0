# rig: n1:legacy-iptables n2:legacy-iptables n3
# Both backends, side by side in one run.
on n1 'iptables -V' | grep -q legacy
on n3 'iptables -V' | grep -q nf_tables
consent
exits 0 run
says stdout ' faults-bit +met '
clean n1 n2 n3
