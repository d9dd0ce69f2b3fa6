package mux

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// puppet is a stream of which the test has the other end.
type puppet struct {
	network.Stream
	in    *io.PipeReader
	other *io.PipeWriter
	reset chan struct{}

	mu      sync.Mutex
	written []byte
}

func newPuppet() *puppet {
	in, other := io.Pipe()
	return &puppet{in: in, other: other, reset: make(chan struct{}, 4)}
}

func (p *puppet) Read(to []byte) (int, error)     { return p.in.Read(to) }
func (p *puppet) CloseWrite() error               { return nil }
func (p *puppet) SetReadDeadline(time.Time) error { return nil }
func (p *puppet) Protocol() protocol.ID           { return "/served/1.0.0" + Suffix }
func (p *puppet) Conn() network.Conn              { return conn{} }

func (p *puppet) Write(from []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.written = append(p.written, from...)
	return len(from), nil
}

// answered waits until some bytes have been written.
func (p *puppet) answered(part []byte) bool {
	for range 5_000 {
		p.mu.Lock()
		found := bytes.Contains(p.written, part)
		p.mu.Unlock()
		if found {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func (p *puppet) Reset() error {
	p.reset <- struct{}{}
	return p.in.Close()
}

type conn struct{ network.Conn }

func (conn) RemotePeer() peer.ID { return "somebody" }

// play sends the puppet's part, and says whether the other side resets the stream.
func (p *puppet) play(part []byte) bool {
	go p.other.Write(part)
	select {
	case <-p.reset:
		return true
	case <-time.After(5 * time.Second):
		return false
	}
}

func holdOn(ctx context.Context, _ Message, _ *Session) (Message, error) {
	<-ctx.Done()
	return Message{}, ctx.Err()
}

func TestBadSessionsAreReset(t *testing.T) {
	all := read(t)
	token := fromHex(t, "deadbeef00010203")
	for _, each := range all.BadSessions {
		control, part := newPuppet(), fromHex(t, each.Control)
		if each.From == "server" {
			client := NewClient(nil, control, Default)
			if !control.play(bytes.ReplaceAll(part, token, client.token[:])) {
				t.Errorf("%s: not noticed by the client", each.Name)
			}
			continue
		}
		server := &Server{Settings: Default}
		go server.accept(control, holdOn)
		if each.On == "control" {
			if !control.play(part) {
				t.Errorf("%s: not noticed by the server", each.Name)
			}
			continue
		}
		control.other.Write(part)
		for server.count() == 0 {
			time.Sleep(time.Millisecond)
		}
		data := newPuppet()
		go server.accept(data, holdOn)
		if !data.play(fromHex(t, each.Data)) {
			t.Errorf("%s: not noticed by the server", each.Name)
		}
		<-control.reset
	}
}

// The client's part of whole sessions: a PING at the end of each is answered.
func TestConversationsAreUnderstood(t *testing.T) {
	ping := Frame{Type: Ping, Data: [8]byte{9, 9, 9}}
	pong := Frame{Type: Pong, Data: ping.Data}
	for _, each := range read(t).Conversations {
		server, streams := &Server{Settings: Default}, map[string]*puppet{"control": newPuppet(), "data": newPuppet()}
		opened := map[string]bool{}
		for _, step := range each.Steps {
			if step.From == "server" {
				continue
			}
			if !opened[step.On] {
				opened[step.On] = true
				go server.accept(streams[step.On], holdOn)
			}
			streams[step.On].other.Write(fromHex(t, step.Hex))
			for server.count() == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		streams["control"].other.Write(Encode(ping))
		if !streams["control"].answered(Encode(pong)) {
			t.Errorf("%s: not understood", each.Name)
		}
	}
}

func (s *Server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}
