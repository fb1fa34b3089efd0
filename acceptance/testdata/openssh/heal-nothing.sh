# rig: n1 n2 n3
# Hosts on which nothing was left, healed twice.
consent
exits 0 verify heal --hosts hosts.yaml
exits 0 run
exits 0 second "$VERIFY" heal --hosts hosts.yaml
clean n1 n2 n3
