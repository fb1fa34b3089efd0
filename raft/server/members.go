package server

import (
	"fmt"
	"net"
	"net/http"
	"strconv"

	"gauntlet/raft"
)

// membersBody is GET /v1/members: what this server's log says.
type membersBody struct {
	Index   uint64       `json:"index"` // of the entry that brought the configuration in effect
	Joint   bool         `json:"joint"` // a change of voters is under way
	Leader  string       `json:"leader"`
	Members []memberBody `json:"members"`
}

type memberBody struct {
	ID      raft.NodeID `json:"id"`
	Name    string      `json:"name"`
	Address string      `json:"address"`
	Role    string      `json:"role"` // "voter", "learner", or "leaving": still a voter, for now
	// Match is the last entry that the member is known to hold; of a leader's answer alone.
	Match *uint64 `json:"match,omitempty"`
	// SnapshotLeft is the bytes that it lacks of a snapshot on its way; of a leader's answer alone.
	SnapshotLeft uint64 `json:"snapshotLeft,omitempty"`
}

// changedAnswer is the success of a change of the members.
type changedAnswer struct {
	Index uint64 `json:"index"` // of the entry that completed it
}

// A hello, which carries both, is not to be longer than what a stranger may say.
const (
	maxNameBytes    = 128
	maxAddressBytes = 300
)

// CheckMember says what is wrong with the name or the address of a member.
func CheckMember(name, address string) error {
	host, port, err := net.SplitHostPort(address)
	number, notNumber := strconv.ParseUint(port, 10, 16)
	switch {
	case name == "" || len(name) > maxNameBytes:
		return fmt.Errorf("name: between 1 and %d bytes", maxNameBytes)
	case err != nil || len(address) > maxAddressBytes || host == "":
		return fmt.Errorf("%q is not HOST:PORT", address)
	case notNumber != nil || number == 0:
		return fmt.Errorf("%q: port %q is not from 1 to 65535", address, port)
	}
	return nil
}

func membersOf(config raft.Configuration) []memberBody {
	bodies := []memberBody{}
	for _, m := range config.All() {
		body := memberBody{ID: m.ID, Name: m.Name, Address: m.Address, Role: "leaving"}
		for _, v := range config.Voters {
			if v.ID == m.ID {
				body.Role = "voter"
			}
		}
		for _, l := range config.Learners {
			if l.ID == m.ID {
				body.Role = "learner"
			}
		}
		bodies = append(bodies, body)
	}
	return bodies
}

func (s *Server) getMembers(w http.ResponseWriter, r *http.Request) {
	v, ok := s.view(r.Context())
	if !ok {
		refuse(w, http.StatusServiceUnavailable, reasonTimeout)
		return
	}
	body := membersBody{
		Index: v.status.Configuration.Index, Joint: v.config.Joint(),
		Leader: s.directory.name(v.status.Leader), Members: membersOf(v.config),
	}
	for i := range body.Members {
		for _, p := range v.progress {
			if p.ID == body.Members[i].ID {
				body.Members[i].Match, body.Members[i].SnapshotLeft = &p.Match, p.SnapshotLeft
			}
		}
	}
	reply(w, http.StatusOK, body)
}

// maxID is the largest number that every JSON reader keeps (RFC 8259, section 6). Ids only rise: a
// slip up to the very last one would leave none for others.
const maxID = 1<<53 - 1

// addMember adds a server that waits for it (--join) as a learner.
func (s *Server) addMember(w http.ResponseWriter, r *http.Request) {
	var body struct {
		ID      raft.NodeID `json:"id"`
		Name    string      `json:"name"`
		Address string      `json:"address"`
	}
	if err := decode(r, &body); err != nil {
		refuseInput(w, err)
		return
	}
	err := CheckMember(body.Name, body.Address)
	if body.ID == 0 || body.ID > maxID {
		err = malformed("id: above 0, at most 2^53 - 1, and above that of all members so far")
	}
	if err != nil {
		refuseInput(w, err)
		return
	}
	s.reconfigure(w, r, raft.Change{
		Kind:   raft.AddLearner,
		Member: raft.Member{ID: body.ID, Name: body.Name, Address: body.Address},
	})
}

// promoteMember makes a learner a voter, and may remove another member in the same change, which
// the body then names.
func (s *Server) promoteMember(w http.ResponseWriter, r *http.Request) {
	changes := []raft.Change{{Kind: raft.Promote}}
	names := []string{r.PathValue("name")}
	var body struct {
		Replaces string `json:"replaces"`
	}
	if r.ContentLength != 0 {
		if err := decode(r, &body); err != nil {
			refuseInput(w, err)
			return
		}
	}
	if body.Replaces != "" {
		changes, names = append(changes, raft.Change{Kind: raft.Remove}), append(names, body.Replaces)
	}
	s.reconfigureNamed(w, r, changes, names)
}

func (s *Server) removeMember(w http.ResponseWriter, r *http.Request) {
	s.reconfigureNamed(w, r, []raft.Change{{Kind: raft.Remove}}, []string{r.PathValue("name")})
}

// reconfigureNamed makes changes of members by their names.
func (s *Server) reconfigureNamed(
	w http.ResponseWriter, r *http.Request, changes []raft.Change, names []string,
) {
	for i, name := range names {
		m, ok := s.directory.find(name)
		if !ok {
			refuse(w, http.StatusNotFound, "no member is called "+name)
			return
		}
		changes[i].Member = raft.Member(m)
	}
	s.reconfigure(w, r, changes...)
}

// reconfigure has the members changed, if this server leads; else it says who does.
func (s *Server) reconfigure(w http.ResponseWriter, r *http.Request, changes ...raft.Change) {
	answer := s.do(r.Context(), &request{changes: changes})
	switch {
	case answer.Refusal == nil:
		reply(w, http.StatusOK, changedAnswer{answer.Index})
	case answer.Refusal.Conflict:
		refuse(w, http.StatusConflict, answer.Refusal.Reason)
	default:
		s.refused(w, answer.Refusal)
	}
}
