# rig: n1:root-login n2:root-login n3:root-login,no-sudo
# A login that is root needs no sudo.
sed -i 's/user: gauntlet/user: root/; s/, become: sudo -n//' hosts.yaml
consent
exits 0 run
clean n1 n2 n3
