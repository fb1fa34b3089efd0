package server

import (
	"context"
	"net/http"

	"gauntlet/raft"
)

// handover is what a request for a transfer asks for.
type handover struct {
	to raft.NodeID // 0: whoever lacks the least
}

// transferAnswer is the success of a transfer.
type transferAnswer struct {
	Leader string `json:"leader"` // who leads now
}

// transfer hands the leadership over, if this member has it; else it says who has.
func (s *Server) transfer(w http.ResponseWriter, r *http.Request) {
	to, err := s.successorOf(r)
	if err != nil {
		refuseInput(w, err)
		return
	}
	answer := s.do(r.Context(), &request{hand: &handover{to}})
	if answer.Refusal != nil {
		s.refused(w, answer.Refusal)
		return
	}
	reply(w, http.StatusOK, transferAnswer{s.directory.name(answer.Leader)})
}

// successorOf reads who is to lead: 0, anybody, if the request does not say.
func (s *Server) successorOf(r *http.Request) (raft.NodeID, error) {
	var body struct {
		To *string `json:"to"`
	}
	if err := decode(r, &body); err != nil || body.To == nil {
		return 0, err
	}
	if m, ok := s.directory.find(*body.To); ok {
		return m.ID, nil
	}
	return 0, malformed("to %q: no such member", *body.To)
}

// handOver has a leader that is about to stop hand its leadership over, so that clients need not
// wait for an election timeout. It waits one at most.
func (s *Server) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ElectionTimeout)
	defer cancel()
	if status, ok := s.status(ctx); !ok || status.Role != raft.Leader {
		return
	}
	s.do(ctx, &request{hand: &handover{}})
}
