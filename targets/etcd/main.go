// Command etcd is the etcd that go.mod pins, built from source: for suites that want another
// version than the hosts' package has. It is a module of its own, so that Gauntlet depends on none
// of it.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
