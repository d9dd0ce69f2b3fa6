package mux

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Suffix makes of a protocol's id the one under which it is served on this wire.
const Suffix = "/mux/1"

var errFailedHere = errors.New("the answer does not decode, or is too large")

// Client is the asking side of one session.
type Client struct {
	*session
	open  func(ctx context.Context) (network.Stream, error)
	calls map[uint32]call
	last  uint32 // id
	// leaving: no more calls, because of a GOAWAY or a Close.
	leaving bool
	opening bool
	Reason  byte // of the GOAWAY
}

type call struct {
	stop   context.CancelCauseFunc
	onData bool
}

// reply ends the context of a call that the other side has ended.
type reply struct{ frame Frame }

func (*reply) Error() string { return "the call has ended" }

// NewClient begins a session on a control stream that was opened already. For the data stream it opens another.
func NewClient(self host.Host, control network.Stream, settings Settings) *Client {
	remote, id := control.Conn().RemotePeer(), control.Protocol()
	c := &Client{session: newSession(true, settings), calls: map[uint32]call{}}
	c.open = func(ctx context.Context) (network.Stream, error) { return self.NewStream(ctx, remote, id) }
	rand.Read(c.token[:])
	c.handle, c.onEnd = c.takeFrame, c.ended
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(control, Control, settings.frame())
	return c
}

// Dial opens a session for a protocol.
func Dial(ctx context.Context, self host.Host, remote peer.ID, id protocol.ID, settings Settings) (*Client, error) {
	control, err := self.NewStream(ctx, remote, id+Suffix)
	if err != nil {
		return nil, err
	}
	return NewClient(self, control, settings), nil
}

func (c *Client) add(stream network.Stream, name byte, settings []Setting) {
	p := &plane{Stream: stream, name: name, in: bufio.NewReaderSize(stream, maxPiece)}
	c.start(p)
	c.send(p, Frame{Type: Hello, Stream: name, Token: c.token, Settings: settings})
}

// openData opens the data stream, unless there is one.
func (c *Client) openData(ctx context.Context) error {
	mine := false
	if err := c.await(ctx, func() bool {
		mine = c.control.hello && c.data == nil && !c.opening
		c.opening = c.opening || mine
		return mine || c.data != nil
	}); err != nil || !mine {
		return err
	}
	stream, err := c.open(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opening = false
	if err == nil && c.err == nil {
		c.add(stream, Data, nil)
	} else if err == nil {
		stream.Reset()
	}
	c.wake()
	return err
}

// Call makes one call. What the other side says of it is a *Failure; ErrSession means that it may have been processed.
func (c *Client) Call(ctx context.Context, request Message) (Message, error) {
	head, body, large := c.settings.withBody(Frame{Type: Request}, request)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if large {
		if err := c.openData(ctx); err != nil {
			return Message{}, err
		}
	}
	var refused *Failure
	if err := c.await(ctx, func() bool {
		switch {
		case c.leaving:
			refused = overload("ERR_SERVER_CLOSED", "the session takes no more calls")
		case head.Size > c.peer[keyLargestBody]:
			refused = tooLarge(head.Size, c.peer[keyLargestBody])
		case len(c.calls) >= int(c.peer[keyInFlight]):
			return false
		default:
			c.begin(ctx, &head, body, call{stop, large})
		}
		return true
	}); err != nil {
		return Message{}, err
	}
	if refused != nil {
		return Message{}, refused
	}
	err := error(nil)
	if large {
		err = c.sendLarge(ctx, head, body, func() {})
	}
	if err == nil {
		<-ctx.Done()
		err = context.Cause(ctx)
	}
	return c.outcome(head.ID, err)
}

// begin gives a call its id, and sends what is not large. With the lock.
func (c *Client) begin(ctx context.Context, head *Frame, body []byte, begun call) {
	c.last++
	head.ID, head.Timeout = c.last, millisecondsLeft(ctx)
	c.calls[head.ID] = begun
	if !begun.onData {
		head.Body = body
		c.send(c.control, *head)
	}
}

// outcome ends a call on this side, and tells the other side unless it knows.
func (c *Client) outcome(id uint32, err error) (Message, error) {
	var answered *reply
	if errors.As(err, &answered) && answered.frame.Type == Error {
		return Message{}, failureOf(answered.frame)
	}
	if errors.As(err, &answered) {
		f := answered.frame
		body, err := decoded(f.Body, f.Flags&encodingBits, f.Size)
		return Message{body, fromPairs(f.Pairs)}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if mine, begun := c.calls[id]; begun {
		stream := c.control
		if mine.onData {
			stream = c.data
		}
		c.send(stream, Frame{Type: Cancel, ID: id})
		c.forget(id)
	}
	return Message{}, err
}

// forget ends a call; after the last the session may end. With the lock.
func (c *Client) forget(id uint32) {
	delete(c.calls, id)
	delete(c.incoming, id)
	if c.leaving && len(c.calls) == 0 {
		c.finish(c.control)
		c.finish(c.data)
	}
	c.wake()
}

func (c *Client) takeFrame(f Frame, from *plane) error {
	switch f.Type {
	case Answer:
		if f.ID > c.last {
			return violation("an answer to no request")
		}
		mine, begun := c.calls[f.ID]
		if !begun {
			return nil // it was cancelled
		}
		if f.Size > c.settings.LargestBody {
			mine.stop(errFailedHere)
			return nil
		}
		if from != nil && f.Flags&flagLarge != 0 {
			c.incoming[f.ID] = &incoming{head: f}
			return nil
		}
		mine.stop(&reply{f})
		c.forget(f.ID)
	case Error:
		if mine, begun := c.calls[f.ID]; begun {
			mine.stop(&reply{f})
			c.forget(f.ID)
		}
	case GoAway:
		c.Reason = f.Reason
		c.leave()
	case Want:
		go c.openData(context.Background())
	}
	return nil
}

// leave ends the session as soon as its calls are through. With the lock.
func (c *Client) leave() {
	c.leaving = true
	c.forget(0)
}

// ended is the server's FIN, or a failure: what was not answered may have been processed.
func (c *Client) ended() {
	for id, mine := range c.calls {
		mine.stop(ErrSession)
		delete(c.calls, id)
	}
	c.leave()
}

// Usable is whether calls can be made.
func (c *Client) Usable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.leaving && c.err == nil
}

// Ping asks the other side for a sign of life, and measures how long that takes.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) { return c.ping(ctx) }

// Close ends the session when its calls are through, and waits until the other side has ended it, too.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	c.leave()
	c.mu.Unlock()
	return c.await(ctx, func() bool { return c.control.ended && (c.data == nil || c.data.ended) })
}

func millisecondsLeft(ctx context.Context) uint32 {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return 0
	}
	return uint32(max(1, time.Until(deadline).Milliseconds()))
}
