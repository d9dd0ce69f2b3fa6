package mux

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/libp2p/go-libp2p/core/network"
)

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
