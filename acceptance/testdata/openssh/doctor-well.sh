# rig: n1 n2 n3
# Hosts with which all is well.
consent
exits 0 verify doctor --hosts hosts.yaml
silent stdout MISSING
says stdout '^match statistic +ok +ok +ok$' '^match length +ok +ok +ok$' '^target REJECT +ok +ok +ok$'
