package target

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gauntlet/history"
)

const (
	// operateTimeout bounds one request of an operator: a change of members is answered once it is
	// committed.
	operateTimeout = 10 * time.Second
	// fillers is how many entries of a fill are under way at once.
	fillers = 160
	// fillKeys is how many keys a fill writes to, over and over: it makes a log long, not a map large.
	fillKeys = 1000
)

// identities is which member each host's node is: its number, and whether it was one from the
// start.
type identities struct {
	mu      sync.Mutex
	founded int // the hosts that were members from the start are the first so many
	renewed map[string]int
	last    int // the highest number that was given out
}

// of is the number of the node, and whether it is to join a cluster that exists.
func (i *identities) of(place int, h *Host) (number int, joins bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if number, renewed := i.renewed[h.Name()]; renewed {
		return number, true
	}
	return place + 1, place >= i.founded
}

// renew gives the node of a host a number above that of all nodes so far: numbers are never used
// again, and rise.
func (i *identities) renew(h *Host) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last++
	i.renewed[h.Name()] = i.last
}

// Renew gives the node of a host a new number.
func (r *raftd) Renew(h *Host) { r.identities.renew(h) }

// identity is the number of a host's node, and whether it joins.
func (r *raftd) identity(h *Host) (number int, joins bool) {
	for i, one := range r.hosts {
		if one.Name() == h.Name() {
			return r.identities.of(i, h)
		}
	}
	return 0, false
}

// raftdMembers is what Gauntlet uses of GET /v1/members.
type raftdMembers struct {
	Joint   bool `json:"joint"`
	Members []struct {
		Name string `json:"name"`
		Role string `json:"role"`
	} `json:"members"`
}

// Membership asks the node of via.
func (r *raftd) Membership(ctx context.Context, via *Host) (history.Membership, error) {
	body, err := r.ask(ctx, via, "http://"+r.ClientAddress(via)+"/v1/members", nil)
	if err != nil {
		return history.Membership{}, via.fail("ask for members", "", err)
	}
	m, err := parseMembers(body)
	return m, via.fail("ask for members", "", err)
}

// parseMembers decodes who takes part, and refuses what is no answer to that.
func parseMembers(body []byte) (history.Membership, error) {
	var said raftdMembers
	if err := json.Unmarshal(body, &said); err != nil {
		return history.Membership{}, err
	}
	m := history.Membership{Joint: said.Joint}
	for _, one := range said.Members {
		switch one.Role {
		case "voter":
			m.Voters = append(m.Voters, one.Name)
		case "learner":
			m.Learners = append(m.Learners, one.Name)
		case "leaving":
			m.Leaving = append(m.Leaving, one.Name)
		default:
			return m, fmt.Errorf("member %s has role %q", one.Name, one.Role)
		}
	}
	if len(m.Voters) == 0 {
		return m, errors.New("nobody has a vote")
	}
	return m, nil
}

// Operate makes one request of the operator's.
func (r *raftd) Operate(
	ctx context.Context, via *Host, what Operation, h *Host,
) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, operateTimeout)
	defer cancel()
	method, path, body := r.operation(what, h)
	request, err := http.NewRequestWithContext(ctx, method, "http://"+r.ClientAddress(via)+path,
		strings.NewReader(body))
	if err != nil {
		return "", via.fail(string(what), "", err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	// A connection of its own: a change that takes long must not be in the way of who looks.
	transport := &http.Transport{DialContext: via.Dial, DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", via.fail(string(what), "", err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return "", via.fail(string(what), "", err)
	}
	answer := fmt.Sprintf("%d %s", response.StatusCode, bytes.TrimSpace(said))
	if response.StatusCode >= 300 {
		return "", via.fail(string(what), "", errors.New(answer))
	}
	return answer, nil
}

// operation is the request that asks for it.
func (r *raftd) operation(what Operation, h *Host) (method, path, body string) {
	const members = "/v1/members"
	switch what {
	case OperationAdd:
		number, _ := r.identity(h)
		member, _ := json.Marshal(struct { // of texts and numbers: there is always a way to write it
			ID      int    `json:"id"`
			Name    string `json:"name"`
			Address string `json:"address"`
		}{number, h.Name(), address(h, raftdPeerPort)})
		return http.MethodPost, members, string(member)
	case OperationPromote:
		return http.MethodPost, members + "/" + h.Name() + "/promote", ""
	case OperationRemove:
		return http.MethodDelete, members + "/" + h.Name(), ""
	case OperationTransfer:
		return http.MethodPost, "/v1/transfer", `{"to":"` + h.Name() + `"}`
	}
	return http.MethodPost, "/v1/snapshot", ""
}

// Fill writes entries from this machine, along the clients' way.
func (r *raftd) Fill(
	ctx context.Context, h *Host, dial DialFunc, entries int,
) (int, error) {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	client := &http.Client{Timeout: operateTimeout, Transport: &http.Transport{
		DialContext: dial, MaxIdleConnsPerHost: fillers,
	}}
	defer client.CloseIdleConnections()
	base := "http://" + r.ClientAddress(h) + "/v1/kv/fill-"
	var asked, written atomic.Int64
	var last atomic.Pointer[error]
	var writing sync.WaitGroup
	for range fillers {
		writing.Go(func() {
			for ctx.Err() == nil && written.Load() < int64(entries) {
				number := asked.Add(1)
				if err := writeEntry(ctx, client, fmt.Sprintf("%s%d", base, number%fillKeys)); err != nil {
					last.Store(&err)
					pause(ctx, 20*time.Millisecond)
					continue
				}
				written.Add(1)
			}
		})
	}
	writing.Wait()
	if done := int(written.Load()); done < entries {
		err := ctx.Err()
		if why := last.Load(); why != nil {
			err = *why
		}
		return done, h.fail("fill", "", err)
	}
	return int(written.Load()), nil
}

// pause waits, unless ctx ends before.
func pause(ctx context.Context, length time.Duration) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// writeEntry writes one entry.
func writeEntry(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, url,
		strings.NewReader(`{"value":"filled"}`))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, answerLimit)); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
