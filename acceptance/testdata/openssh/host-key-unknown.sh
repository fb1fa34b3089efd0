# rig: n1 n2 n3
# A host that known_hosts does not name is not logged in to.
consent
pin n1 n3
exits 4 run
says stdout '^  guard: n2: connect: host key refused: known_hosts has no line for 198.18.100.12$' \
	'^  hint: ssh-keyscan '
clean n1 n2 n3
