package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-msgio"
)

// caller is the requesting half of PointSub's plain wire.
type caller struct {
	self       host.Host
	remote     peer.ID
	protocol   protocol.ID
	mode       string
	timeout    time.Duration
	pause      time.Duration
	maxRead    int
	quiet      bool
	mustEcho   bool // an answer that is not the request is a failure
	body       func(i int) []byte
	ok, failed atomic.Int64
}

// framed is a stream with its frames. A reader may hold a part of a message, so it lives as long as its stream.
type framed struct {
	network.Stream
	reader msgio.Reader
	writer msgio.Writer
}

var errNoAnswer = errors.New("EOF: the peer ended the stream without an answer")

func (c *caller) open() (*framed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
	defer cancel()
	stream, err := c.self.NewStream(ctx, c.remote, c.protocol)
	if err != nil {
		return nil, err
	}
	return &framed{stream, msgio.NewReaderSize(stream, c.maxRead), msgio.NewWriter(stream)}, nil
}

// callInTurn makes one request after the other: all on one stream (many), each on its own (one), or each on its
// own that then stays open (leak), as Go PointSub's clients leave it. A failed stream is replaced by a new one.
func (c *caller) callInTurn(requests []int) {
	var kept *framed
	for turn, i := range requests {
		if turn > 0 {
			time.Sleep(c.pause)
		}
		start := time.Now()
		stream, err := kept, error(nil)
		if stream == nil {
			stream, err = c.open()
		}
		if err != nil {
			c.fail(i, err)
			continue
		}
		answered := c.call(stream, i, start)
		kept = nil
		switch {
		case answered && c.mode == "many":
			kept = stream
		case answered && c.mode == "leak":
		default:
			stream.Close()
		}
	}
	if kept != nil {
		kept.Close()
	}
}

func (c *caller) call(stream *framed, i int, start time.Time) bool {
	request := c.body(i)
	stream.SetDeadline(time.Now().Add(c.timeout))
	if err := stream.writer.WriteMsg(request); err != nil {
		c.fail(i, err)
		return false
	}
	return c.readAnswer(stream, i, request, start)
}

func (c *caller) readAnswer(stream *framed, i int, request []byte, start time.Time) bool {
	answer, err := stream.reader.ReadMsg()
	if errors.Is(err, io.EOF) {
		err = errNoAnswer
	}
	if err != nil {
		c.fail(i, err)
		return false
	}
	defer stream.reader.ReleaseMsg(answer)
	if c.mustEcho && !bytes.Equal(answer, request) {
		c.fail(i, errors.New("the answer is not the request"))
		return false
	}
	c.ok.Add(1)
	if !c.quiet {
		emit("answer", answerLine(i, answer, request, start, fields{}))
	}
	return true
}

// answerLine adds to a line what is said of every answer.
func answerLine(i int, answer, request []byte, start time.Time, line fields) fields {
	line["i"], line["len"], line["sha256"], line["echo"] = i, len(answer), digestOf(answer), bytes.Equal(answer, request)
	line["ms"] = float64(time.Since(start).Microseconds()) / 1000
	if len(answer) <= textLimit && utf8.Valid(answer) {
		line["body"] = string(answer)
	}
	return line
}

// callPipelined writes every request to one stream at once and reads the answers, which come in order.
func (c *caller) callPipelined(requests []int) {
	start := time.Now()
	stream, err := c.open()
	if err != nil {
		for _, i := range requests {
			c.fail(i, err)
		}
		return
	}
	defer stream.Close()
	stream.SetDeadline(start.Add(c.timeout))
	go func() {
		for _, i := range requests {
			if stream.writer.WriteMsg(c.body(i)) != nil {
				return // the reading side reports it
			}
		}
	}()
	for done, i := range requests {
		if !c.readAnswer(stream, i, c.body(i), start) {
			for _, lost := range requests[done+1:] {
				c.fail(lost, errNoAnswer)
			}
			return
		}
	}
}
