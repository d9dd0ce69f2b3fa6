package main

import (
	libp2p "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
)

const (
	inboundStreams  = 75  // what a Go peer admits from each other peer and protocol, on a machine of 24 GiB
	outboundStreams = 151 // and what it opens

	libraryMemory = 3 << 30 // an eighth of such a machine, which is what the library takes its limits from
	libraryFiles  = 4096
)

// streamLimits sets how many streams each other peer may have on each protocol; more are reset, or not even opened.
// The library would take all its limits from this machine's memory, which a test must not.
func streamLimits(inbound, outbound int) (libp2p.Option, error) {
	defaults := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&defaults)
	limits := rcmgr.PartialLimitConfig{ProtocolPeerDefault: rcmgr.ResourceLimits{
		StreamsInbound:  rcmgr.LimitVal(inbound),
		StreamsOutbound: rcmgr.LimitVal(outbound),
	}}
	manager, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Build(defaults.Scale(libraryMemory, libraryFiles))))
	return libp2p.ResourceManager(manager), err
}

// withoutLimits is for peers whose tests are about the other one.
func withoutLimits() libp2p.Option { return libp2p.ResourceManager(&network.NullResourceManager{}) }

// inboundLimit is the server's; 0 is none at all.
func inboundLimit(inbound int) (libp2p.Option, error) {
	if inbound == 0 {
		return withoutLimits(), nil
	}
	return streamLimits(inbound, outboundStreams)
}

// outboundLimit is the client's; 0 is none at all.
func outboundLimit(outbound int) (libp2p.Option, error) {
	if outbound == 0 {
		return withoutLimits(), nil
	}
	return streamLimits(inboundStreams, outbound)
}
