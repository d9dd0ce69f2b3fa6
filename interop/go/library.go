package main

import (
	libp2p "github.com/libp2p/go-libp2p"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
)

// What this build's host library has of its own. All other files are shared with the build on go-dep2p, which takes
// ../../go-dep2p/library.go in place of this one and imports go-dep2p wherever go-libp2p is named.
const (
	libraryName   = "go-libp2p"
	libraryModule = "github.com/libp2p/go-libp2p"
	msgioModule   = "github.com/libp2p/go-msgio"
	dialect       = "libp2p" // whose bytes its handshakes sign
	speaksMux     = true
)

var transports = []string{"tcp", "quic"}

func quicTransport() libp2p.Option { return libp2p.Transport(quic.NewTransport) }
