package inject

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gauntlet/target"
)

// Consent is a host's marker, HOME/.gauntlet/consent: which cluster the host belongs to, and until
// when faults may be injected there. Whoever may log in and become root may also consent.
type Consent struct {
	Cluster string
	Expires time.Time
}

// clusterName is what a cluster may be called: it stands in a file, in errors and in commands.
var clusterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// String is the marker's text, as ParseConsent reads it.
func (c Consent) String() string {
	return fmt.Sprintf("cluster: %s\nexpires: %s\n", c.Cluster,
		c.Expires.UTC().Format(time.RFC3339))
}

// valid names what is wrong with a marker.
func (c Consent) valid() error {
	switch {
	case !clusterName.MatchString(c.Cluster):
		return fmt.Errorf("cluster %q: want letters, digits, dots and dashes, 63 at most",
			c.Cluster)
	case c.Expires.IsZero():
		return errors.New("no line expires: TIME")
	case c.Expires.UTC().Year() < 1 || c.Expires.UTC().Year() > 9999:
		return errors.New("expires: want a year from 1 to 9999")
	default:
		return nil
	}
}

// ParseConsent reads a marker: one line "cluster: ID" and one line "expires: RFC3339", in any
// order, and nothing else but blank lines and comments.
func ParseConsent(text string) (Consent, error) {
	var c Consent
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		var err error
		switch {
		case seen[key]:
			err = fmt.Errorf("%q stands there twice", key)
		case key == "cluster":
			c.Cluster = value
		case key == "expires":
			if c.Expires, err = time.Parse(time.RFC3339, value); err != nil {
				err = fmt.Errorf("expires %q: want a time such as 2030-01-31T12:00:00Z", value)
			}
		default:
			err = fmt.Errorf("line %q: want cluster: ID or expires: TIME", line)
		}
		if err != nil {
			return Consent{}, err
		}
		seen[key] = true
	}
	return c, c.valid()
}

// allows says why faults of a cluster may not be injected at that time, or nil.
func (c Consent) allows(cluster string, now time.Time) error {
	switch {
	case c.Cluster != cluster:
		return fmt.Errorf("%w: its marker is for cluster %q, not %q", ErrConsent, c.Cluster, cluster)
	case !now.Before(c.Expires):
		return fmt.Errorf("%w: its marker for cluster %q has expired, at %s", ErrConsent, cluster,
			c.Expires.UTC().Format(time.RFC3339))
	default:
		return nil
	}
}

// WriteConsent writes the marker on a host, or replaces the one that is there.
func WriteConsent(ctx context.Context, h *target.Host, c Consent) error {
	return writeConsent(ctx, h, c)
}

func writeConsent(ctx context.Context, h host, c Consent) error {
	n := node{host: h}
	if err := c.valid(); err != nil {
		return n.fail("consent", "", err)
	}
	const script = `umask 077
		mkdir -p "$HOME/.gauntlet" && cd "$HOME/.gauntlet" &&
		printf %s "$1" >consent.new && mv -f consent.new consent`
	result, err := h.Run(ctx, target.Command{Script: script, Args: []string{c.String()}})
	return n.judge("consent", result, err)
}

// exitNoMarker is how the script below says that there is none.
const exitNoMarker = 44

// readConsent reads the marker of a host, and what time the host thinks it is.
func (n *node) readConsent(ctx context.Context) (c Consent, clock time.Time, err error) {
	result, err := n.host.Run(ctx, target.Command{MaxOutput: 4096,
		Script: `date +%s; cat "$HOME/.gauntlet/consent" 2>/dev/null || exit 44`})
	if err == nil && result.Exit == exitNoMarker {
		return c, clock, n.fail("consent", "", fmt.Errorf("%w: it has no marker", ErrConsent))
	}
	if err = n.judge("consent", result, err); err != nil {
		return c, clock, err
	}
	stamp, text, _ := strings.Cut(string(result.Stdout), "\n")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err == nil {
		c, err = ParseConsent(text)
	}
	if err != nil {
		err = fmt.Errorf("%w: its marker cannot be read: %w", ErrConsent, err)
	}
	return c, time.Unix(seconds, 0), n.fail("consent", "", err)
}

// consented demands that the host's owner allows what we are about to do. A consent has expired if
// either clock says so: ours, or the host's. How long it still lasts is measured from here on, as
// either clock may jump during a run, by a fault or by itself.
func (n *node) consented(ctx context.Context) error {
	hint := fmt.Sprintf("the owner of the host may consent: "+
		"verify consent --hosts FILE --cluster %s --for 24h", n.cluster)
	if n.cluster == "" {
		return n.fail("consent", "write cluster: ID into the inventory",
			fmt.Errorf("%w: the inventory names no cluster to ask for", ErrConsent))
	}
	c, clock, err := n.readConsent(ctx)
	if err == nil {
		err = c.allows(n.cluster, clock)
	}
	now := time.Now()
	if err == nil {
		err = c.allows(n.cluster, now)
	}
	if errors.Is(err, ErrConsent) {
		return n.fail("consent", hint, err)
	}
	n.until = c.lasts(now, clock)
	return err
}

// lasts is the instant of our monotonic clock until which a consent is in force, by the clock that
// leaves it less.
func (c Consent) lasts(ours, theirs time.Time) time.Time {
	return ours.Add(min(c.Expires.Sub(ours), c.Expires.Sub(theirs)))
}
