# rig: n1 n2 n3
# No key material gets into what a run keeps.
consent
exits 0 run
secret=$(sed -n 2p id)
! grep -rqF "$secret" runs || die "the private key is in the run directory"
! grep -qF "$secret" stdout stderr || die "the private key was printed"
