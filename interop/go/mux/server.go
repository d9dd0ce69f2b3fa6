package mux

import (
	"bufio"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const finWait = 5 * time.Second

// Handler answers a request. Its context ends when nobody needs the answer any more. A *Failure that it gives goes to the
// caller, of any other error the caller learns nothing.
type Handler func(ctx context.Context, request Message, with *Session) (Message, error)

// Server serves protocols on this wire.
type Server struct {
	Settings Settings
	// MaxRequests is after how many requests a session has served its share; 0 is never.
	MaxRequests int
	// OnEnd is told of each session that ended.
	OnEnd func(session *Session, err error)

	mu       sync.Mutex
	sessions map[sessionKey]*Session
	draining bool
}

type sessionKey struct {
	peer     peer.ID
	protocol protocol.ID
	token    [8]byte
}

// Session is the answering side of one session.
type Session struct {
	*session
	server   *Server
	key      sessionKey
	handler  Handler
	calls    map[uint32]context.CancelCauseFunc
	bodies   map[uint32]chan Frame
	Requests int
	goneAway bool
	wanted   bool
	over     sync.Once
}

var (
	errCancelled = errors.New("the client needs no answer any more")
	errEnded     = errors.New("the session ended")
)

// Serve offers a protocol.
func (s *Server) Serve(self host.Host, id protocol.ID, handler Handler) {
	self.SetStreamHandler(id+Suffix, func(stream network.Stream) { s.accept(stream, handler) })
}

// accept waits for a stream's HELLO, which says where the stream belongs.
func (s *Server) accept(stream network.Stream, handler Handler) {
	stream.SetReadDeadline(time.Now().Add(helloWait))
	in := bufio.NewReaderSize(stream, maxPiece)
	payload, err := readFrame(in)
	if err != nil {
		stream.Reset()
		return
	}
	stream.SetReadDeadline(time.Time{})
	f, err := Decode(payload)
	p := &plane{Stream: stream, name: f.Stream, in: in}
	key := sessionKey{stream.Conn().RemotePeer(), stream.Protocol(), f.Token}
	s.mu.Lock()
	defer s.mu.Unlock()
	session := s.sessions[key]
	if err != nil || f.Type != Hello || (session == nil) != (f.Stream == Control) {
		stream.Reset()
		return
	}
	if session == nil {
		session = &Session{
			session: newSession(false, s.Settings), server: s, key: key, handler: handler,
			calls: map[uint32]context.CancelCauseFunc{}, bodies: map[uint32]chan Frame{},
		}
		session.token, session.handle, session.onEnd = f.Token, session.takeFrame, session.ended
		if s.sessions == nil {
			s.sessions = map[sessionKey]*Session{}
		}
		s.sessions[key] = session
	}
	session.add(p, f)
	if s.draining {
		session.mu.Lock()
		session.goAway(0)
		session.mu.Unlock()
	}
}

func (s *Session) add(p *plane, hello Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || p.name == Data && s.data != nil {
		p.Reset()
		return
	}
	settings := []Setting(nil)
	if p.name == Control {
		settings = s.settings.frame()
	}
	s.takeHello(hello, p)
	s.start(p)
	s.send(p, Frame{Type: Hello, Stream: p.name, Token: s.token, Settings: settings})
}

func (s *Session) takeFrame(f Frame, from *plane) error {
	switch {
	case f.Type == Cancel:
		if stop := s.calls[f.ID]; stop != nil {
			stop(errCancelled)
		}
	case f.Type == Request && from == nil:
		s.bodies[f.ID] <- f
	case f.Type == Request && s.calls[f.ID] != nil:
		return violation("the id %d is in flight", f.ID)
	case f.Type == Request:
		if failure := s.refuse(f); failure != nil {
			s.send(s.control, failure.frame(f.ID))
		} else {
			s.begin(f)
		}
	}
	return nil
}

func (s *Session) refuse(f Frame) *Failure {
	switch {
	case s.goneAway:
		return overload("ERR_SERVER_CLOSED", "the session takes no more requests")
	case len(s.calls) >= int(s.settings.InFlight):
		return overload("ERR_OVERLOADED", "too many requests in flight")
	case f.Size > s.settings.LargestBody:
		return tooLarge(f.Size, s.settings.LargestBody)
	}
	return nil
}

// begin takes a request on. With the lock.
func (s *Session) begin(f Frame) {
	ctx, stop := context.WithCancelCause(context.Background())
	release := func() {}
	if f.Timeout > 0 {
		ctx, release = context.WithTimeout(ctx, time.Duration(f.Timeout)*time.Millisecond)
	}
	body := make(chan Frame, 1)
	s.calls[f.ID], s.bodies[f.ID] = stop, body
	if f.Flags&flagLarge != 0 {
		s.incoming[f.ID] = &incoming{head: f}
	} else {
		body <- f
	}
	go func() {
		s.run(ctx, f.ID, body)
		release()
		stop(nil)
	}()
	if s.Requests++; s.Requests == s.server.MaxRequests {
		s.goAway(1)
	}
}

// run takes one request through its states: receiving, handling, answering.
func (s *Session) run(ctx context.Context, id uint32, body <-chan Frame) {
	answer, err := s.handled(ctx, body)
	if err == nil && ctx.Err() == nil {
		err = s.answer(ctx, id, answer)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, inFlight := s.calls[id]; inFlight && err != nil && !errors.Is(err, errCancelled) {
		s.send(s.control, failureFor(err).frame(id))
	}
	s.forget(id)
}

// forget ends a call. Whoever sends its end does it under the same lock: with the answer the client may have its place in
// flight again. With the lock.
func (s *Session) forget(id uint32) {
	delete(s.calls, id)
	delete(s.bodies, id)
	delete(s.incoming, id)
	s.endWhenDone()
}

func (s *Session) handled(ctx context.Context, body <-chan Frame) (Message, error) {
	select {
	case f := <-body:
		request, err := decoded(f.Body, f.Flags&encodingBits, f.Size)
		if err != nil {
			return Message{}, refusal("ERR_INVALID_FRAME", err.Error())
		}
		return s.handler(ctx, Message{request, fromPairs(f.Pairs)}, s)
	case <-ctx.Done():
		return Message{}, context.Cause(ctx)
	}
}

func failureFor(err error) *Failure {
	var failure *Failure
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Code: "ERR_TIMEOUT", Message: "the request's timeout is over"}
	default:
		return &Failure{Code: "ERR_REMOTE", Message: "the handler failed"}
	}
}

func (s *Session) answer(ctx context.Context, id uint32, answer Message) error {
	head, body, large := s.settings.withBody(Frame{Type: Answer, ID: id}, answer)
	s.mu.Lock()
	if limit := s.peer[keyLargestBody]; head.Size > limit {
		s.mu.Unlock()
		failure := tooLarge(head.Size, limit)
		failure.Unprocessed = false
		return failure
	}
	if !large {
		head.Body = body
		s.send(s.control, head)
		s.forget(id)
	} else if s.data == nil && !s.wanted {
		s.wanted = true
		s.send(s.control, Frame{Type: Want})
	}
	s.mu.Unlock()
	if large {
		return s.sendLarge(ctx, head, body, func() { s.forget(id) })
	}
	return nil
}

// goAway takes no more requests. With the lock.
func (s *Session) goAway(reason byte) {
	if !s.goneAway && s.err == nil {
		s.goneAway = true
		s.send(s.control, Frame{Type: GoAway, Reason: reason})
	}
}

// Protocol is the id that the session's streams have.
func (s *Session) Protocol() protocol.ID { return s.key.protocol }

// Ping asks the client for a sign of life, and measures how long that takes.
func (s *Session) Ping(ctx context.Context) (time.Duration, error) { return s.ping(ctx) }

// ended is the client's FIN, or a failure. With the lock.
func (s *Session) ended() {
	if s.err != nil {
		for _, stop := range s.calls {
			stop(errEnded)
		}
	}
	s.endWhenDone()
}

// endWhenDone ends the session once the client has ended it and has all its answers. With the lock.
func (s *Session) endWhenDone() {
	if s.err == nil && (!s.control.ended || len(s.calls) > 0) {
		return
	}
	s.finish(s.control)
	s.finish(s.data)
	s.over.Do(func() { go s.server.remove(s, s.err) })
}
