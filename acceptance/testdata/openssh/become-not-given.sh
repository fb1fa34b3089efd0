# rig: n1 n2 n3
# A login that is not root, and an inventory that does not say how to become it.
consent
sed -i 's/, become: sudo -n//' hosts.yaml
exits 4 run
says stdout '^  guard: n1: arm the guard: cannot become root: user "gauntlet" is not root$' \
	'n2: arm the guard: ' 'n3: arm the guard: ' '^  hint: write become: sudo -n '
clean n1 n2 n3
