# rig: n1 n2 n3
# A host without an SSH server is named.
consent
on n2 'p=$(cat /run/sshd.pid); kill "$p"; while grep -q . /proc/$p/cmdline 2>/dev/null; do sleep 0.05; done'
exits 4 run
says stdout '^  guard: n2: connect: unreachable: .*refused$' '^  hint: .*SSH server'
clean n1 n3
