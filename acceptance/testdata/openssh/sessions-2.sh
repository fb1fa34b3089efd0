# rig: n1 n2:sessions=2 n3
# A server that allows fewer sessions than a run needs.
exits 4 consent
says stderr '^verify: n2: connect: sshd allows only 2 sessions on a connection \(MaxSessions\), 4 '
exits 4 run
says stdout '^  guard: n2: connect: sshd allows only 2 sessions on a connection \(MaxSessions\), 4 ' \
	'^  hint: set MaxSessions 10'
clean n1 n2 n3
