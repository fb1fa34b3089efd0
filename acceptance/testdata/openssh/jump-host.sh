# rig: n1 n2 n3 jump
# Hosts that are reached through another one only.
sed -i '/name: jump/d' hosts.yaml
cat >>hosts.yaml <<'YAML'
jumps:
  - {name: gate, ssh: 198.18.100.14}
YAML
sed -i 's/^defaults: {/&jump: gate, /' hosts.yaml
for host in n1 n2 n3; do # the firewall lets nobody else in
	on $host '
		iptables -A INPUT -p tcp --dport 22 ! -s 198.18.100.14 -j REJECT
		iptables -A INPUT -p icmp -j ACCEPT
	'
done
consent
exits 0 run
clean n1 n2 n3 jump
