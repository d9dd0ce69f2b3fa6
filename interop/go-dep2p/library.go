// Package main is no program of its own: build.ts lays this folder over the sources of ../go, in which it has first put
// go-dep2p in the place of go-libp2p.
package main

import libp2p "github.com/dep2p/go-dep2p"

// What this build's host library has of its own, as ../go/library.go says it of go-libp2p.
const (
	libraryName   = "go-dep2p"
	libraryModule = "github.com/dep2p/go-dep2p"
	msgioModule   = "github.com/dep2p/go-dep2p" // it brings its own copy, which is what PointSub frames with on it
	dialect       = "dep2p"                     // whose bytes its handshakes sign
	speaksMux     = false                       // it could; but no PointSub on this library ever did
)

// QUIC is left out: the release of quic-go that go-dep2p needs panics on Go 1.26.
var transports = []string{"tcp"}

func quicTransport() libp2p.Option { panic("no flag names QUIC") }
