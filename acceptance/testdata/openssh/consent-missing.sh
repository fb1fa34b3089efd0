# rig: n1 n2 n3
# A host whose owner never consented is not touched.
consent
on n2 'rm /home/gauntlet/.gauntlet/consent'
exits 5 run
says stdout '^  guard: n2: .*consent' '^  hint: .*verify consent'
clean n1 n2 n3
