package main

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-msgio"
)

// What Go PointSub v1.1 does unless it is told otherwise.
const (
	writeTimeout       = 30 * time.Second
	defaultIdle        = 30 * time.Second
	defaultMaxRead     = 8 << 20
	defaultMaxRequests = 10_000
)

// service is the serving half of PointSub's plain wire, with the limits that its versions differ in.
type service struct {
	one         bool
	idle        time.Duration
	maxRead     int
	maxRequests int
	maxOpen     int
	open        atomic.Int64
}

// serve answers requests until its standard input ends.
func serve(arguments []string) error {
	f := newFlags("serve")
	mode := f.oneOf("mode", "many", "one")
	link := linkFlags(f)
	idle := f.atLeast(1, "idle-ms", int(defaultIdle/time.Millisecond))
	maxRead := f.atLeast(0, "max-read", defaultMaxRead)
	maxRequests := f.atLeast(1, "max-requests", defaultMaxRequests)
	maxOpen, maxInbound := f.atLeast(0, "max-open", 0), f.atLeast(0, "max-inbound", inboundStreams)
	wire, settings := f.oneOf("wire", "plain", "mux", "both"), muxFlags(f)
	key, port := f.atLeast(0, "identity", 0), f.atLeast(0, "port", 0)
	if err := f.parse(arguments); err != nil {
		return err
	}
	limits, err := inboundLimit(*maxInbound)
	if err != nil {
		return err
	}
	self, err := link.listen(*port, identity(*key), limits)
	if err != nil {
		return err
	}
	defer self.Close()
	told, ended := control()
	offered := &service{
		one: *mode == "one", idle: time.Duration(*idle) * time.Millisecond,
		maxRead: *maxRead, maxRequests: *maxRequests, maxOpen: *maxOpen,
	}
	if *wire != "mux" {
		offered.offer(self)
		serveRaw(self)
	}
	if *wire != "plain" {
		serveMux(self, settings(), *maxRequests, told)
	}
	emitReady(self)
	<-ended
	return nil
}

// offer serves every handler.
func (s *service) offer(self host.Host) {
	for protocol, handler := range handlers {
		self.SetStreamHandler(protocol, func(stream network.Stream) { s.run(stream, handler) })
	}
}

func emitReady(self host.Host) {
	addresses := []string{}
	for _, address := range self.Addrs() {
		addresses = append(addresses, address.String()+"/p2p/"+self.ID().String())
	}
	emit("ready", fields{"id": self.ID().String(), "addrs": addresses})
}

// run serves one stream to its end. Whatever ends it, Go PointSub closes: FIN, never a reset.
func (s *service) run(stream network.Stream, handler handler) {
	open := s.open.Add(1)
	defer s.open.Add(-1)
	requests, reason := 0, "full"
	if s.maxOpen == 0 || int(open) <= s.maxOpen {
		requests, reason = s.exchange(stream, handler)
	}
	stream.Close()
	emitEnd(stream, requests, reason)
}

func emitEnd(stream network.Stream, requests int, reason string) {
	emit("stream", fields{"protocol": string(stream.Protocol()), "requests": requests, "reason": reason})
}

func (s *service) exchange(stream network.Stream, handler handler) (requests int, reason string) {
	reader := msgio.NewReaderSize(stream, s.maxRead)
	writer := msgio.NewWriter(stream)
	for requests < s.maxRequests {
		stream.SetReadDeadline(time.Now().Add(s.idle))
		request, err := reader.ReadMsg()
		if err != nil {
			return requests, whyReadFailed(err)
		}
		answer, failure := handler(request, requests+1)
		if failure != nil && !s.one {
			return requests, "handler"
		}
		if failure != nil {
			answer = []byte("处理请求失败: " + failure.Error())
		}
		stream.SetWriteDeadline(time.Now().Add(writeTimeout))
		err = writer.WriteMsg(answer)
		reader.ReleaseMsg(request)
		if err != nil {
			return requests, "reset"
		}
		requests++
		switch {
		case failure != nil:
			return requests, "handler"
		case s.one:
			return requests, "one"
		}
	}
	return requests, "max-requests"
}

func whyReadFailed(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, msgio.ErrMsgTooLarge):
		return "too-large"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "eof"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "idle"
	default:
		return "reset"
	}
}
