# rig: n1 n2 n3
# A run that is asked to stop heals, keeps what there is, and cleans up.
consent
run >talk 2>&1 &
for try in $(seq 300); do
	! grep -q 'phase   warm-up' talk || break
	sleep 0.1
done
exits 0 verify halt runs/latest
code=0
wait $! || code=$?
[ "$code" = 3 ] || { cat talk; exit 1; }
clean n1 n2 n3
