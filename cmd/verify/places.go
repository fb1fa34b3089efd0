package main

import (
	"errors"
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

// inventoryFits refuses place hosts without an inventory, and an inventory at any other place.
func inventoryFits(place, inventory string) error {
	switch {
	case place == suite.PlaceHosts && inventory == "":
		return misused("or run it on this machine: --place lab",
			"place hosts needs an inventory of them: --hosts FILE is missing")
	case place != suite.PlaceHosts && inventory != "":
		return misused("to run on the hosts of the inventory: --place hosts",
			"--hosts %s: an inventory goes with place hosts, and this is place %s", inventory, place)
	}
	return nil
}

// placeFits checks what must hold before a run leaves anything behind: that its place has the hosts
// that the suite needs. A lab that is not up yet is made to measure.
func placeFits(s *suite.Suite, inventory string) error {
	if s.Place == suite.PlaceHosts {
		_, err := inventoryHosts(s, inventory)
		return err
	}
	l, held, err := lab.Attach()
	if err != nil || !held {
		return err
	}
	return errors.Join(labFits(l, s), l.Close())
}

// inventoryHosts are the first hosts of an inventory, as many as the suite needs.
func inventoryHosts(s *suite.Suite, inventory string) ([]target.HostConfig, error) {
	hosts, err := target.LoadInventory(inventory)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	n := s.Target.Hosts()
	if len(hosts) < n {
		return nil, misused(fmt.Sprintf("add hosts, or give target.%s of the suite fewer nodes",
			s.Target.Kind()), "%s lists %d hosts, the suite needs %d", inventory, len(hosts), n)
	}
	return hosts[:n], nil
}

// labFits says whether a lab has the hosts, and their disks, that a suite needs.
func labFits(l *lab.Lab, s *suite.Suite) error {
	n, lossy := s.Target.Hosts(), s.NeedsLossyDisks()
	hosts := l.Hosts()
	if len(hosts) < n {
		return misused(fmt.Sprintf("verify lab down; verify lab up --hosts %d", n),
			"the lab has %d hosts, the suite needs %d", len(hosts), n)
	}
	for _, h := range hosts[:n] {
		if lossy && h.Disk == "" {
			return misused(fmt.Sprintf("verify lab down; verify lab up --lossy --hosts %d", n),
				"the lab that is up has no lossy disks")
		}
	}
	return nil
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
