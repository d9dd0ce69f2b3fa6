package main

import (
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/protocol"
	"pointsub.test/wirepeer/mux"
)

// muxFlags are what both sides of the mux wire can be told to say of themselves.
func muxFlags(f *flags) func() mux.Settings {
	largest, inFlight := f.atLeast(1, "largest", int(mux.Default.LargestBody)), f.atLeast(1, "in-flight", int(mux.Default.InFlight))
	credit := f.atLeast(1, "credit", int(mux.Default.Credit))
	plain := f.Bool("no-compression", false, "send every body as it is")
	return func() mux.Settings {
		return mux.Settings{
			LargestBody: uint32(*largest), InFlight: uint32(*inFlight), Credit: uint32(*credit), Compress: !*plain,
		}
	}
}

// serveMux offers every handler on the mux wire, until it is told to stop.
func serveMux(self host.Host, settings mux.Settings, maxRequests int, told <-chan struct{}) {
	server := &mux.Server{
		Settings: settings, MaxRequests: maxRequests,
		OnEnd: func(session *mux.Session, err error) {
			reason := "end"
			if err != nil {
				reason = err.Error()
			}
			emit("session", fields{
				"protocol": string(session.Protocol()), "requests": session.Requests, "reason": reason,
				"received": session.Traffic().Received, "sent": session.Traffic().Sent,
				"pings": session.Traffic().Pings,
			})
		},
	}
	for id, handler := range muxHandlers {
		server.Serve(self, protocol.ID(id), handler)
	}
	go func() {
		<-told
		for id := range muxHandlers {
			self.RemoveStreamHandler(protocol.ID(id) + mux.Suffix)
		}
		server.Drain()
		emit("drained", nil)
	}()
}
