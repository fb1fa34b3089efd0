# rig: n1 n2 n3
# A consent ends at its time.
consent
on n2 'sed -i "s/^expires: .*/expires: 2020-01-01T00:00:00Z/" /home/gauntlet/.gauntlet/consent'
exits 5 run
says stdout '^  guard: n2: .*consent.*2020-01-01'
clean n1 n2 n3
