# rig: n1 n2 n3
# Hosts that OpenSSH's own configuration names.
cat >config <<'SSH'
Host web-*
    User gauntlet
    IdentityFile id
    UserKnownHostsFile known_hosts
Host web-1
    HostName 198.18.100.11
Host web-2
    HostName 198.18.100.12
Host web-3
    HostName 198.18.100.13
SSH
cat >hosts.yaml <<'YAML'
ssh-config: config
defaults: {become: sudo -n, cluster: rig}
hosts:
  - {name: n1, ssh: web-1, address: 198.19.0.11}
  - {name: n2, ssh: web-2, address: 198.19.0.12}
  - {name: n3, ssh: web-3, address: 198.19.0.13}
YAML
consent
exits 0 run
clean n1 n2 n3
