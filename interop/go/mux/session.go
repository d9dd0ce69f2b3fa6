package mux

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
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

// plane is one of the two streams of a session, with what waits to be written to it.
type plane struct {
	network.Stream
	name    byte
	in      *bufio.Reader
	queue   [][]byte
	queued  int
	hello   bool // whether the other side's has come
	endSoon bool // FIN behind the queue
	ended   bool // FIN received
}

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

// incoming is a large message that comes.
type incoming struct {
	head Frame
	body []byte
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

// start runs a plane: its writer and its reader. With the lock.
func (s *session) start(p *plane) {
	if p.name == Control {
		s.control = p
	} else {
		s.data = p
	}
	go s.write(p)
	go s.read(p)
	s.wake()
}

// send queues a frame. With the lock.
func (s *session) send(p *plane, f Frame) {
	if s.err != nil || p == nil || p.endSoon {
		return
	}
	encoded := Encode(f)
	p.queue = append(p.queue, encoded)
	p.queued += len(encoded)
	s.traffic.Sent += len(encoded)
	s.wake()
}

// finish queues a FIN. With the lock.
func (s *session) finish(p *plane) {
	if p != nil && !p.endSoon {
		p.endSoon = true
		s.wake()
	}
}

func (s *session) write(p *plane) {
	out := bufio.NewWriterSize(p, maxPiece)
	for {
		var queue [][]byte
		end := false
		if s.await(context.Background(), func() bool {
			queue, p.queue, p.queued = p.queue, nil, 0
			end = p.endSoon
			return end || len(queue) > 0
		}) != nil {
			return
		}
		for _, encoded := range queue {
			out.Write(encoded)
		}
		err := out.Flush()
		if err == nil && end {
			err = p.CloseWrite()
		}
		s.mu.Lock()
		if err != nil {
			s.fail(err)
		}
		s.wake() // those who wait for room
		s.mu.Unlock()
		if end {
			return
		}
	}
}

func (s *session) read(p *plane) {
	for {
		// A client always reads: it is the server that waits, so that answers nobody takes do not pile up.
		if s.await(context.Background(), func() bool { return s.client || s.control.queued < maxUnread }) != nil {
			return
		}
		payload, err := readFrame(p.in)
		s.mu.Lock()
		switch {
		case s.err != nil:
		case err == io.EOF:
			err = s.fin(p)
			if err == nil {
				s.mu.Unlock()
				return
			}
			s.fail(err)
		case err != nil:
			s.fail(err)
		default:
			if err := s.take(payload, p); err != nil {
				s.fail(err)
			}
		}
		over := s.err != nil
		s.mu.Unlock()
		if over {
			return
		}
	}
}

// fin takes the end of a stream. With the lock.
func (s *session) fin(p *plane) error {
	if !p.hello {
		return violation("a stream without a HELLO")
	}
	if p.name == Data && len(s.incoming) > 0 {
		return errors.New("the data stream ended within a message")
	}
	p.ended = true
	if p.name == Control {
		s.onEnd()
	}
	s.wake()
	return nil
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

func (s *session) takeBody(f Frame) error {
	count := uint32(len(f.Body))
	s.granted -= int64(count)
	if s.granted < 0 {
		return violation("more bytes than there was credit for")
	}
	s.owed += count
	if s.owed >= min(maxOwed, max(1, s.settings.Credit/2)) {
		s.send(s.control, Frame{Type: Credit, Bytes: s.owed})
		s.granted += int64(s.owed)
		s.owed = 0
	}
	message := s.incoming[f.ID]
	if message == nil {
		return nil
	}
	message.body = append(message.body, f.Body...)
	tooLong := len(message.body) > int(message.head.Size)
	if f.Flags&flagLast == 0 && !tooLong {
		return nil
	}
	delete(s.incoming, f.ID)
	message.head.Body = message.body
	return s.handle(message.head, nil)
}

// sendLarge sends a message on the data stream, in turns with others and as credit allows; sent is called with the last piece,
// with the lock.
func (s *session) sendLarge(ctx context.Context, head Frame, rest []byte, sent func()) error {
	head.Flags |= flagLarge
	if err := s.await(ctx, func() bool {
		if s.data == nil || s.underWay == maxUnderWay {
			return false
		}
		s.underWay++
		s.send(s.data, head)
		return true
	}); err != nil {
		return err
	}
	defer func() {
		s.mu.Lock()
		s.underWay--
		s.wake()
		s.mu.Unlock()
	}()
	for last := false; !last; {
		if err := s.await(ctx, func() bool {
			piece := min(len(rest), maxPiece, int(s.credit))
			if s.data.queued > maxQueued || piece == 0 && len(rest) > 0 || ctx.Err() != nil {
				return false
			}
			last = piece == len(rest)
			f := Frame{Type: Body, ID: head.ID, Body: rest[:piece]}
			if last {
				f.Flags = flagLast
			}
			s.credit -= int64(piece)
			rest = rest[piece:]
			s.send(s.data, f)
			if last {
				sent()
			}
			return true
		}); err != nil {
			return err
		}
	}
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
