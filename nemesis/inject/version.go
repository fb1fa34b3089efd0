package inject

import (
	"context"
	"fmt"
	"strings"

	"gauntlet/history"
	"gauntlet/nemesis"
	"gauntlet/target"
)

// versionSaid is what a node says it is, before and after it was changed to another build.
const versionSaid = "version"

// version is the one node of a host, as a target of two builds runs it.
type version struct {
	target target.Versions
	host   *target.Host
}

func (v version) stop(ctx context.Context) error { return v.target.Stop(ctx, v.host) }

func (v version) choose(build int) { v.target.Choose(v.host, build) }

func (v version) ask(ctx context.Context) (string, error) { return v.target.Version(ctx, v.host) }

// versioned is what of a version is needed here.
type versioned interface {
	stop(context.Context) error
	choose(build int)
	ask(context.Context) (string, error)
}

// retire asks the node of the fault's one host which build it is, and ends it in peace.
func (i *Injector) retire(ctx context.Context, f *history.Fault) error {
	if len(f.Hosts) != 1 {
		return fmt.Errorf("a %s strikes one host, not %d", f.Kind, len(f.Hosts))
	}
	n := i.node(f.Hosts[0])
	if n.version == nil {
		return n.fail(f.Kind, "give the target two binaries", fmt.Errorf("there is one build only"))
	}
	if err := i.remember(ctx, f); err != nil {
		return err
	}
	said, err := i.await(ctx, n.name(), versionSaid, n.saysVersion)
	if err != nil {
		return n.fail(f.Kind, "", err)
	}
	if _, err := n.guard(ctx, i.run, "check"); err != nil {
		return err
	}
	err = n.version.stop(ctx)
	f.Start = i.clock()
	if err != nil { // it may be on its way out: the node is brought back, whichever it was
		undo, cancel := afterwards(ctx)
		defer cancel()
		return i.again(undo, n, n.fail(f.Kind, "", err))
	}
	f.Evidence = append(f.Evidence, said, history.Evidence{Host: n.name(), At: i.clock(),
		Moment: "start", What: processGone, Value: "gone", Bit: true})
	return nil
}

// again starts a node after an error, which it returns with what came of that.
func (i *Injector) again(ctx context.Context, n *node, err error) error {
	if _, failed := n.start(ctx); failed != nil {
		return fmt.Errorf("%w; and it cannot be started again: %v", err, failed)
	}
	return err
}

// replace starts the node as the other build, and asks it which one it is.
func (i *Injector) replace(ctx context.Context, f *history.Fault) error {
	n := i.node(f.Hosts[0])
	n.version.choose(nemesis.Event{Shape: nemesis.Shape(f.Shape)}.Build())
	if err := i.restart(ctx, f); err != nil {
		return err
	}
	before := ""
	for _, e := range f.Evidence {
		if e.What == versionSaid && e.Moment == "start" {
			before = e.Value
		}
	}
	said, err := i.await(ctx, n.name(), versionSaid, n.saysVersion)
	if err != nil {
		return n.fail(f.Kind, "", err)
	}
	said.Moment, said.Bit = "end", said.Bit && said.Value != before
	f.Evidence = append(f.Evidence, said)
	return nil
}

// saysVersion asks the node which build it is. One that does not answer yet is no error.
func (n *node) saysVersion(ctx context.Context) (string, bool, error) {
	said, err := n.version.ask(ctx)
	if err != nil {
		return strings.ReplaceAll(err.Error(), "\n", " "), false, nil
	}
	return said, said != "", nil
}
