# rig: n1 n2:password-sudo n3
# A host on which sudo would ask.
exits 4 consent
says stderr '^verify: n2: become: cannot become root: "sudo -n" wants a password ' \
	'^hint: add to sudoers there: gauntlet ALL=\(root\) NOPASSWD: ALL$'
exits 4 run
says stdout '^  guard: n2: become: cannot become root: "sudo -n" wants a password ' \
	'^  hint: add to sudoers there: gauntlet ALL=\(root\) NOPASSWD: ALL$'
clean n1 n2 n3
