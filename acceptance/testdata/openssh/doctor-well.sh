# rig: n1 n2 n3
# Hosts with which all is well.
consent
exits 0 verify doctor --hosts hosts.yaml
silent stdout MISSING
