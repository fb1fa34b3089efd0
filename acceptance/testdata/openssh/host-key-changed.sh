# rig: n1 n2 n3
# A host that shows another key than known_hosts has is not logged in to.
consent
pin n1 n3
pin_wrong n2
exits 4 run
says stdout '^  guard: n2: connect: host key refused: .* has changed: it shows SHA256:.*, but known_hosts:3 has ' \
	'^  hint: if the host was reinstalled'
clean n1 n2 n3
