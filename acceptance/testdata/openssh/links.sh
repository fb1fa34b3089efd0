# rig: n1:legacy-iptables n2 n3
# Resets, losses, black holes and cuts of clients, by sudo, with both backends.
consent
exits 0 verify run "$SUITES/three-links.yaml" --hosts hosts.yaml --seed 1
says stdout ' faults-bit +met '
clean n1 n2 n3

# And over IPv6.
sed -i 's/address: 198[.]19[.]0[.]\([0-9]*\)/address: "fd00:198:19::\1"/' hosts.yaml
exits 0 verify run "$SUITES/three-links.yaml" --hosts hosts.yaml --seed 2
says stdout ' faults-bit +met '
clean n1 n2 n3
