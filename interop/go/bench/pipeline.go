package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"sync"
)

const (
	headerBytes = 4
	// bufferBytes is what reading and writing gather, for a frame of the largest body fits in.
	bufferBytes = 128 << 10
)

// echoFrames answers each frame with itself, and sends what it has when no more have come.
func echoFrames(stream io.ReadWriter) error {
	in, out := bufio.NewReaderSize(stream, bufferBytes), bufio.NewWriterSize(stream, bufferBytes)
	var header [headerBytes]byte
	var body []byte
	for {
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint32(header[:]))
		if cap(body) < size {
			body = make([]byte, size)
		}
		body = body[:size]
		if _, err := io.ReadFull(in, body); err != nil {
			return err
		}
		out.Write(header[:])
		out.Write(body)
		if in.Buffered() >= headerBytes {
			continue
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// call is a request on its way: its answer, as long as the request, is put in place of the one before.
type call struct {
	request, answer []byte
	done            chan error
}

// pipeline sends requests one behind the other; the n-th answer is the n-th request's.
type pipeline struct {
	asked, sent chan *call
	failed      chan struct{}
	once        sync.Once
	err         error
}

func newPipeline(stream io.ReadWriter) *pipeline {
	p := &pipeline{asked: make(chan *call, 64), sent: make(chan *call, 1024), failed: make(chan struct{})}
	go func() { p.fail(p.write(bufio.NewWriterSize(stream, bufferBytes))) }()
	go func() { p.fail(p.read(bufio.NewReaderSize(stream, bufferBytes))) }()
	return p
}

func (p *pipeline) fail(err error) {
	p.once.Do(func() {
		p.err = err
		close(p.failed)
	})
}

func (p *pipeline) do(c *call) error {
	select {
	case p.asked <- c:
	case <-p.failed:
		return p.err
	}
	select {
	case err := <-c.done:
		return err
	case <-p.failed:
		return p.err
	}
}

// write sends what has gathered when nobody asks any more.
func (p *pipeline) write(out *bufio.Writer) error {
	var header [headerBytes]byte
	for c := range p.asked {
		p.sent <- c
		binary.BigEndian.PutUint32(header[:], uint32(len(c.request)))
		out.Write(header[:])
		out.Write(c.request)
		if len(p.asked) > 0 {
			continue
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (p *pipeline) read(in *bufio.Reader) error {
	var header [headerBytes]byte
	for {
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return err
		}
		c := <-p.sent
		size := int(binary.BigEndian.Uint32(header[:]))
		if size != len(c.answer) {
			c.done <- wrongAnswer(size, len(c.request))
			return io.ErrUnexpectedEOF
		}
		if _, err := io.ReadFull(in, c.answer); err != nil {
			return err
		}
		c.done <- nil
	}
}
