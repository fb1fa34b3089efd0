package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

const bridgeName = "lab"

// bridgeMAC is fixed: left alone, a bridge takes over the lowest address of its ports, and hosts
// that learned the old one lose it while the lab grows.
var bridgeMAC = net.HardwareAddr{0x02, 0x00, 0xc6, 0x12, 0x00, 0x01}

// makeBridge makes the lab's network in this namespace. Nothing leads out of it.
func makeBridge() error {
	if err := linkUp("lo"); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = bridgeName
	attrs.HardwareAddr = bridgeMAC
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil {
		return fmt.Errorf("making the bridge: %w", err)
	}
	return address(bridgeName, gateway)
}

// plug connects the network namespace of the process to the bridge.
func plug(name string, pid int) error {
	bridge, err := netlink.LinkByName(bridgeName)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	attrs.MasterIndex = bridge.Attrs().Index
	err = netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: attrs, PeerName: hostInterface, PeerNamespace: netlink.NsPid(pid),
	})
	if err != nil {
		return fmt.Errorf("making the cable: %w", err)
	}
	return linkUp(name)
}

const hostInterface = "eth0"

// configureHost sets up this namespace's end of the cable.
func configureHost(a netip.Addr) error {
	if err := linkUp("lo"); err != nil {
		return err
	}
	return address(hostInterface, a)
}

func address(name string, a netip.Addr) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	err = netlink.AddrAdd(l, &netlink.Addr{IPNet: &net.IPNet{
		IP: a.AsSlice(), Mask: net.CIDRMask(network.Bits(), a.BitLen()),
	}})
	if err != nil {
		return fmt.Errorf("address of %s: %w", name, err)
	}
	return linkUp(name)
}

func linkUp(name string) error {
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = netlink.LinkSetUp(l)
	}
	if err != nil {
		return fmt.Errorf("interface %s: %w", name, err)
	}
	return nil
}
