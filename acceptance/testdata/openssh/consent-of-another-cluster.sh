# rig: n1 n2 n3
# A consent is for one cluster.
consent
on n2 'sed -i "s/^cluster: .*/cluster: production/" /home/gauntlet/.gauntlet/consent'
exits 5 run
says stdout '^  guard: n2: .*consent.*production'
clean n1 n2 n3
