# rig: n1 n2:sessions=4 n3
# The fewest sessions that a run can do with.
consent
exits 0 run
clean n1 n2 n3
