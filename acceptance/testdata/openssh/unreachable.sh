# rig: n1 n2 n3
# A host without an SSH server is named.
consent
on n2 'kill "$(cat /run/sshd.pid)"'
exits 4 run
says stdout '^  guard: n2: connect: unreachable: .*refused$' '^  hint: .*SSH server'
clean n1 n3
