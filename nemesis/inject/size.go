package inject

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"gauntlet/history"
	"gauntlet/target"
)

// What iptables sees is not always what was on the wire: a sender's kernel hands over up to 64 KB
// at once and leaves it to the network card to cut it into packets, and a receiver's may join small
// packets before they are looked at. A black hole for packets larger than the network can carry
// would take nothing on a wire, but would take these; so it is refused. Up to there the first kind
// does no harm: what is handed over at once consists of packets as large as the network carries,
// and the hole would take all of those. The second kind, which only real network cards do, can be
// switched off: package inject's README says how, and "verify doctor" who does it.

// mtuScript prints the largest packet that the way from each address carries to this host.
const mtuScript = `
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
for peer; do
	device=$(ip -o route get "$peer" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')
	most=0
	for file in /sys/class/net/${device:-*}/mtu; do
		case $file in */lo/mtu) continue ;; esac
		read -r mtu <"$file" 2>/dev/null && [ "$mtu" -gt $most ] && most=$mtu
	done
	echo "$peer $most"
done
exit 0`

// fits refuses cuts of packets that are larger than any between two hosts. Where that cannot be
// found out, they are let be.
func (i *Injector) fits(ctx context.Context, cuts []history.Cut) error {
	return each(i.receivers(cuts), func(n *node) error {
		sizes := map[string]int{} // by the address of whoever sends
		var args []string
		for _, cut := range cuts {
			if peer := i.node(cut.From); cut.To == n.name() && cut.Size > 0 && peer != nil {
				sizes[peer.host.Address()] = cut.Size
				args = append(args, peer.host.Address())
			}
		}
		if len(args) == 0 {
			return nil
		}
		result, err := n.host.Run(ctx, target.Command{Script: mtuScript, Args: args})
		if err = n.judge("look for the size of packets", result, err); err != nil {
			return err
		}
		for line := range strings.Lines(string(result.Stdout)) {
			peer, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			if mtu, err := strconv.Atoi(text); err == nil && mtu > 0 && sizes[peer] > mtu {
				return n.fail("cut by size", "choose a size of at most the MTU", fmt.Errorf(
					"no packet from %s has %d bytes: the MTU is %d", peer, sizes[peer], mtu))
			}
		}
		return nil
	})
}
