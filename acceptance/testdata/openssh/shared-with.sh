# rig: n1 n2 n3
# Who else uses a host is said where somebody reads it.
sed -i '/name: n2/s/}/, shared-with: the billing team}/' hosts.yaml
consent
exits 0 run
grep -q 'n2.*the billing team' stderr || die "the run does not warn"
exits 0 verify doctor --hosts hosts.yaml
grep -q 'n2.*the billing team' stdout || die "doctor does not warn"
