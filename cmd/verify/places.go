package main

import (
	"fmt"
	"net"
	"strconv"

	"gauntlet/lab"
	"gauntlet/suite"
	"gauntlet/target"
)

// labHosts says how to reach the hosts of a lab.
func labHosts(l *lab.Lab) []target.HostConfig {
	var hosts []target.HostConfig
	for _, h := range l.Hosts() {
		hosts = append(hosts, target.HostConfig{
			Name: h.Name, Address: h.Address.String(), User: h.User, Cluster: lab.Cluster,
			SSH:     net.JoinHostPort(h.Address.String(), strconv.Itoa(h.SSHPort)),
			KeyFile: l.KeyFile(), KnownHosts: l.KnownHostsFile(), Dial: l.Dial, Disk: h.Disk,
		})
	}
	return hosts
}

// chosenHosts are those of an inventory, or else of the lab that is held.
func chosenHosts(inventory string) ([]target.HostConfig, error) {
	if inventory != "" {
		hosts, err := target.LoadInventory(inventory)
		if err != nil {
			return nil, &exitError{exitUsage, err}
		}
		return hosts, nil
	}
	l, held, err := lab.Attach()
	if err != nil {
		return nil, err
	}
	if !held {
		return nil, &exitError{exitUsage, &lab.Error{
			Problem: "no hosts: no lab is held, and no inventory is given",
			Hint:    "name the inventory with --hosts FILE",
		}}
	}
	return labHosts(l), nil
}

// knownPlace refuses a --place that there is not; "" is whatever the file names.
func knownPlace(place string) error {
	switch place {
	case "", suite.PlaceLab, suite.PlaceHosts, suite.PlaceSim:
		return nil
	}
	return &exitError{exitUsage, fmt.Errorf("--place %s: want %s, %s or %s", place, suite.PlaceLab,
		suite.PlaceHosts, suite.PlaceSim)}
}
