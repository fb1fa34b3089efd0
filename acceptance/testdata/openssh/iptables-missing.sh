# rig: n1 n2:no-iptables n3
# A host on which nothing could be cut.
consent
exits 4 run
says stdout '^  guard: n2: .*missing on this host: iptables$'
clean n1 n3
