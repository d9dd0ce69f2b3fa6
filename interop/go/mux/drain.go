package mux

import (
	"context"
	"sync"
)

func (s *Server) remove(session *Session, err error) {
	s.mu.Lock()
	delete(s.sessions, session.key)
	s.mu.Unlock()
	if s.OnEnd != nil {
		s.OnEnd(session, err)
	}
}

// Drain takes no more requests, and waits until those it has are answered and the clients have ended their sessions. Clients
// that do not within some seconds are cut off.
func (s *Server) Drain() {
	s.mu.Lock()
	s.draining = true
	sessions := []*Session{}
	for _, session := range s.sessions {
		sessions = append(sessions, session)
	}
	s.mu.Unlock()
	var draining sync.WaitGroup
	for _, session := range sessions {
		draining.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), finWait)
			defer cancel()
			session.mu.Lock()
			session.goAway(0)
			session.mu.Unlock()
			if err := session.await(ctx, func() bool { return session.control.ended && len(session.calls) == 0 }); err != nil {
				session.mu.Lock()
				session.fail(err)
				session.mu.Unlock()
			}
		})
	}
	draining.Wait()
}
