# rig: n1:startups=1:100:1 n2:startups=1:100:1 n3:startups=1:100:1
# Servers that hear one newcomer at a time are asked again.
consent
exits 0 run
clean n1 n2 n3
