# rig: n1 n2 n3
# A data network of IPv6, cut as well as one of IPv4.
sed -i 's/address: 198[.]19[.]0[.]\([0-9]*\)/address: "fd00:198:19::\1"/' hosts.yaml
consent
exits 0 run
says stdout ' faults-bit +met ' ' faults  .*partition [1-9]'
clean n1 n2 n3
