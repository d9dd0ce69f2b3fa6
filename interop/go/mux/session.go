package mux

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	maxUnderWay = 8         // large messages sent at a time
	maxQueued   = 256 << 10 // bytes that may wait for the data stream
	maxUnread   = 1 << 20   // bytes of answers that may wait for a client that does not read
	maxCredit   = 1 << 40
	maxOwed     = 32_768 // bytes taken that credit was not given back for
	helloWait   = 10 * time.Second
)

// Settings are what this side says of itself in its HELLO.
type Settings struct {
	LargestBody uint32
	InFlight    uint32
	Credit      uint32
	// Compress is whether this side compresses; it can always read what is compressed.
	Compress bool
}

// Default settings are those of a peer that has no wishes.
var Default = Settings{LargestBody: 32 << 20, InFlight: 128, Credit: 1 << 20, Compress: true}

func (s Settings) frame() []Setting {
	return []Setting{{keyCompression, 1}, {keyLargestBody, s.LargestBody}, {keyInFlight, s.InFlight}, {keyCredit, s.Credit}}
}

// ErrSession is how a call ends whose session did: it may have been processed.
var ErrSession = errors.New("the session ended")

// session is what both sides have in common. One lock guards it all; whoever changes it wakes those who wait.
type session struct {
	client   bool
	settings Settings
	handle   func(Frame, *plane) error
	onEnd    func() // FIN on control, or failure; called with the lock

	mu       sync.Mutex
	changed  chan struct{}
	err      error
	token    [8]byte
	control  *plane
	data     *plane
	peer     map[byte]uint32 // the settings of the other side
	credit   int64           // bytes of BODY that may be sent
	granted  int64           // bytes of BODY that may come
	owed     uint32          // bytes of BODY taken, for which no credit was given back
	underWay int
	incoming map[uint32]*incoming
	pings    map[[8]byte]chan struct{}
	traffic  Traffic
}

// Traffic is how many bytes of frames a session has carried, and how many PINGs came.
type Traffic struct{ Received, Sent, Pings int }

// Traffic is what there was so far.
func (s *session) Traffic() Traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.traffic
}

func newSession(client bool, settings Settings) *session {
	return &session{
		client: client, settings: settings, changed: make(chan struct{}),
		peer:     map[byte]uint32{keyCompression: 1, keyLargestBody: 32 << 20, keyInFlight: 128},
		incoming: map[uint32]*incoming{}, pings: map[[8]byte]chan struct{}{},
		granted: int64(settings.Credit),
	}
}

// wake tells all who wait that something changed. With the lock.
func (s *session) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// await tries, with the lock and after each change, until it works out. It ends with the session or the context.
func (s *session) await(ctx context.Context, try func() bool) error {
	for {
		s.mu.Lock()
		err, changed := s.err, s.changed
		done := err == nil && try()
		s.mu.Unlock()
		if done || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// fail ends the session at once: both streams are reset. With the lock.
func (s *session) fail(err error) {
	if s.err != nil {
		return
	}
	s.err = fmt.Errorf("%w: %w", ErrSession, err)
	for _, p := range []*plane{s.control, s.data} {
		if p != nil && !(p.ended && p.endSoon) {
			p.Reset()
		}
	}
	s.onEnd()
	s.wake()
}

// take does with a frame what both sides do with it, and leaves the rest to its own side. With the lock.
func (s *session) take(payload []byte, p *plane) error {
	s.traffic.Received += 4 + len(payload)
	f, err := Decode(payload)
	if err == nil {
		err = Check(f, !s.client, p.name)
	}
	if err == nil && (f.Type == Hello) == p.hello {
		err = violation("a HELLO that is missing, or is not the first")
	}
	if err != nil {
		return err
	}
	switch f.Type {
	case Hello:
		return s.takeHello(f, p)
	case Body:
		return s.takeBody(f)
	case Credit:
		if s.credit += int64(f.Bytes); s.credit > maxCredit {
			return violation("credit of %d bytes", s.credit)
		}
		s.wake()
	case Ping:
		s.traffic.Pings++
		s.send(s.control, Frame{Type: Pong, Data: f.Data})
	case Pong:
		done := s.pings[f.Data]
		if done == nil {
			return violation("a PONG to no PING")
		}
		delete(s.pings, f.Data)
		close(done)
		s.wake()
	default:
		return s.handle(f, p)
	}
	return nil
}

func (s *session) takeHello(f Frame, p *plane) error {
	if f.Token != s.token {
		return violation("a HELLO of another session")
	}
	p.hello = true
	s.wake()
	if p.name == Data {
		return nil
	}
	for _, setting := range f.Settings {
		s.peer[setting.Key] = setting.Value
	}
	s.credit = int64(s.peer[keyCredit])
	return nil
}

// ping measures how long the other side takes to answer. One at a time.
func (s *session) ping(ctx context.Context) (time.Duration, error) {
	start, done := time.Now(), make(chan struct{})
	if err := s.await(ctx, func() bool {
		if len(s.pings) > 0 {
			return false
		}
		f := Frame{Type: Ping, Data: [8]byte(binaryTime(start))}
		s.pings[f.Data] = done
		s.send(s.control, f)
		return true
	}); err != nil {
		return 0, err
	}
	err := s.await(ctx, func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	return time.Since(start), err
}
