# rig: n1 n2 n3
# A host that cannot be looked at is not called clean.
consent
on n2 'p=$(cat /run/sshd.pid); kill "$p"; while grep -q . /proc/$p/cmdline 2>/dev/null; do sleep 0.05; done'
exits 6 verify heal --hosts hosts.yaml
says stdout '^n1  clean' '^n2  NOT CLEAN: .*unreachable' '^n3  clean'
