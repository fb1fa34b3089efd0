# rig: n1 n2:no-sudo n3
# A host on which we cannot become root.
exits 4 consent
says stderr '^verify: n2: become: cannot become root: "sudo" cannot be run there$' \
	'^hint: install sudo, or log in as root$'
exits 4 run
says stdout '^  guard: n2: become: cannot become root: "sudo" cannot be run there$' \
	'^  hint: install sudo, or log in as root$'
clean n1 n2 n3
