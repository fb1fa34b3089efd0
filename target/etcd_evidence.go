package target

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"gauntlet/history"
)

// etcdMember is what Gauntlet uses of an entry of GET /members on the peer port.
type etcdMember struct {
	ID       uint64   `json:"id"`
	PeerURLs []string `json:"peerURLs"`
}

// etcdStatus is what Gauntlet uses of POST /v3/maintenance/status, protobuf's JSON.
type etcdStatus struct {
	Header struct {
		Member uint64 `json:"member_id,string"`
	} `json:"header"`
	Version string `json:"version"`
	Leader  uint64 `json:"leader,string"` // left out if it knows none
	Term    uint64 `json:"raftTerm,string"`
	Commit  uint64 `json:"raftIndex,string"`
	Applied uint64 `json:"raftAppliedIndex,string"`
}

// etcdRaft is what Gauntlet uses of the variable "raft.status" of GET /debug/vars: one atomic read
// of etcd's raft. IDs are hexadecimal.
type etcdRaft struct {
	ID      string `json:"id"`
	Term    uint64 `json:"term"`
	Commit  uint64 `json:"commit"`
	Applied uint64 `json:"applied"`
	Lead    string `json:"lead"`
	State   string `json:"raftState"`
}

var etcdRoles = map[string]history.Role{
	"StateFollower":     history.RoleFollower,
	"StatePreCandidate": history.RolePreCandidate,
	"StateCandidate":    history.RoleCandidate,
	"StateLeader":       history.RoleLeader,
}

// learn asks a node for the cluster's members on its peer port, and keeps whose id is whose.
func (e *etcd) learn(ctx context.Context, h *Host) error {
	body, err := e.ask(ctx, h, e.peerURL(h)+"/members", nil)
	if err != nil {
		return err
	}
	var members []etcdMember
	if err := json.Unmarshal(body, &members); err != nil {
		return fmt.Errorf("members: %w", err)
	}
	names := map[string]string{}
	for _, peer := range e.hosts {
		names[e.peerURL(peer)] = peer.Name()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range members {
		for _, url := range m.PeerURLs {
			if name, known := names[url]; known {
				e.members[m.ID] = name
			}
		}
	}
	return nil
}

// member is the name of the node with that id.
func (e *etcd) member(id uint64) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if name, known := e.members[id]; known {
		return name, nil
	}
	return "", fmt.Errorf("%x is no member of the cluster", id)
}

// Observe reads the status of a node. Its term there is that of the last entry the node applied,
// read apart from the leader: a new leader whose first entry is not committed shows an older term,
// which another led. So a node that says it leads, or knows of no leader, is asked for its raft's
// own state as well, which is one atomic read.
func (e *etcd) Observe(ctx context.Context, h *Host) (history.Observation, error) {
	o, err := e.observe(ctx, h)
	return o, h.fail("observe", "", err)
}

func (e *etcd) observe(ctx context.Context, h *Host) (history.Observation, error) {
	body, err := e.ask(ctx, h, e.clientURL(h)+"/v3/maintenance/status", []byte("{}"))
	if err != nil {
		return history.Observation{}, err
	}
	s, err := parseEtcdStatus(body)
	if err != nil {
		return history.Observation{}, err
	}
	name, err := e.member(s.Header.Member)
	if err != nil {
		return history.Observation{}, err
	}
	if name != h.Name() {
		return history.Observation{}, fmt.Errorf("status is of node %q, not %q", name, h.Name())
	}
	o := history.Observation{
		Node: name, Term: s.Term, Role: history.RoleFollower, Commit: s.Commit, Applied: s.Applied,
		Version: s.Version, Source: "status",
	}
	leader := s.Leader
	if leader == 0 || leader == s.Header.Member {
		body, err := e.ask(ctx, h, e.clientURL(h)+"/debug/vars", nil)
		if err != nil {
			return history.Observation{}, err
		}
		if leader, err = parseEtcdRaft(body, s.Header.Member, &o); err != nil {
			return history.Observation{}, err
		}
	}
	if leader != 0 {
		o.Leader, err = e.member(leader)
	}
	return o, err
}

// parseEtcdStatus decodes a status and refuses what is none.
func parseEtcdStatus(body []byte) (etcdStatus, error) {
	var s etcdStatus
	if err := json.Unmarshal(body, &s); err != nil {
		return etcdStatus{}, fmt.Errorf("status: %w", err)
	}
	if s.Header.Member == 0 || s.Term == 0 {
		return etcdStatus{}, errors.New("status without a member or a term")
	}
	return s, nil
}

// parseEtcdRaft puts the state of a member's raft into an observation, and returns its leader's id,
// or 0.
func parseEtcdRaft(body []byte, member uint64, o *history.Observation) (uint64, error) {
	var vars struct {
		Raft etcdRaft `json:"raft.status"`
	}
	if err := json.Unmarshal(body, &vars); err != nil {
		return 0, fmt.Errorf("raft status: %w", err)
	}
	raft := vars.Raft
	if id, err := strconv.ParseUint(raft.ID, 16, 64); err != nil || id != member {
		return 0, fmt.Errorf("raft status is of member %q, not %x", raft.ID, member)
	}
	role, known := etcdRoles[raft.State]
	if !known {
		return 0, fmt.Errorf("raft status has state %q", raft.State)
	}
	leader, err := strconv.ParseUint(raft.Lead, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("raft status has leader %q", raft.Lead)
	}
	if (role == history.RoleLeader) != (leader == member) {
		return 0, fmt.Errorf("raft status has state %s and leader %x", raft.State, leader)
	}
	o.Term, o.Role, o.Commit, o.Applied = raft.Term, role, raft.Commit, raft.Applied
	return leader, nil
}

// etcdLine is what Gauntlet uses of a line of etcd's log, by its zap logger.
type etcdLine struct {
	Message string `json:"msg"`
}

// etcdClaim is what etcd's raft says of itself before it sends the first message of a leadership.
var etcdClaim = regexp.MustCompile(`^[0-9a-f]+ became leader at term ([0-9]+)$`)

// Claims reads each line by which a node said that it now leads a term. Lines that are no JSON,
// such as a panic's, are passed over.
func (e *etcd) Claims(dir string) ([]history.Observation, error) {
	log, err := os.Open(filepath.Join(dir, "etcd.log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer log.Close()
	arguments, err := os.ReadFile(filepath.Join(dir, "etcd.args"))
	if err != nil {
		return nil, err
	}
	for argument := range strings.Lines(string(arguments)) {
		if name, found := strings.CutPrefix(strings.TrimSpace(argument), "--name="); found {
			return readEtcdClaims(log, name)
		}
	}
	return nil, errors.New("etcd.args does not tell the node's name")
}

func readEtcdClaims(log io.Reader, name string) ([]history.Observation, error) {
	var claims []history.Observation
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line etcdLine
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		claim := etcdClaim.FindStringSubmatch(line.Message)
		if claim == nil {
			continue
		}
		term, err := strconv.ParseUint(claim[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("etcd.log: term of %q: %w", line.Message, err)
		}
		claims = append(claims, history.Observation{
			Node: name, Term: term, Role: history.RoleLeader, Leader: name, Source: "log",
		})
	}
	return claims, lines.Err()
}
