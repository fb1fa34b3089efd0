# rig: n1 n2 n3
# A host that does not take our key says so, and whose key it was.
consent
on n2 'rm /home/gauntlet/.ssh/authorized_keys'
exits 4 run
says stdout '^  guard: n2: connect: authentication failed: .* refuses user "gauntlet" with SHA256:' \
	'^  hint: .*authorized_keys'
clean n1 n2 n3
