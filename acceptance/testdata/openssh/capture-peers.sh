# rig: n1 n2 n3
# The packets around each partition, recorded where tcpdump is and warned of where it is not.
on n3 'mount --bind /dev/null "$(command -v tcpdump)"'
sed '$a capture: peers' "$SUITES/short.yaml" >captured.yaml
consent
exits 0 verify run captured.yaml --place hosts --hosts hosts.yaml --seed 1
grep -q 'n3.*tcpdump' stderr || die "nobody says that n3 has no tcpdump"
for host in n1 n2; do
	for file in runs/latest/nodes/$host/capture/*; do
		gzip -dc "$file" | tcpdump -nr - >stdout 2>stderr
		grep -q 'Flags' stdout || die "$file has no segments of TCP"
	done
done
clean n1 n2 n3
