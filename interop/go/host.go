package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"runtime/debug"
	"time"

	libp2p "github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// link is how a host reaches others: its transport and, over TCP, its handshake.
type link struct {
	security  *string
	transport *string
}

func linkFlags(f *flags) link {
	return link{
		security:  f.oneOf("security", "any", "noise", "tls"),
		transport: f.oneOf("transport", transports...),
	}
}

func (l link) options() []libp2p.Option {
	options := []libp2p.Option{libp2p.DisableRelay(), libp2p.DisableMetrics()}
	if *l.transport == "quic" {
		return append(options, quicTransport())
	}
	options = append(options, libp2p.Transport(tcp.NewTCPTransport))
	switch *l.security {
	case "noise":
		options = append(options, libp2p.Security(noise.ID, noise.New))
	case "tls":
		options = append(options, libp2p.Security(tls.ID, tls.New))
	}
	return options
}

// listen starts a host on 127.0.0.1. Port 0 is any free one.
func (l link) listen(port int, more ...libp2p.Option) (host.Host, error) {
	address := fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)
	if *l.transport == "quic" {
		address = fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", port)
	}
	return libp2p.New(append(append(l.options(), libp2p.ListenAddrStrings(address)), more...)...)
}

// identity is always the same for the same number, so that a peer can be restarted; 0 is a new one each time.
func identity(number int) libp2p.Option {
	if number == 0 {
		return libp2p.RandomIdentity
	}
	return func(config *libp2p.Config) error {
		key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(body(number, ed25519.SeedSize)))
		if err != nil {
			return err
		}
		return config.Apply(libp2p.Identity(key))
	}
}

// connect starts a host that only dials, and says what it negotiated.
func (l link) connect(address string, timeout time.Duration, limits libp2p.Option) (host.Host, peer.ID, error) {
	remote, err := peer.AddrInfoFromString(address)
	if err != nil {
		return nil, "", fmt.Errorf("--addr: %w", err)
	}
	self, err := libp2p.New(append(l.options(), libp2p.NoListenAddrs, limits)...)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := self.Connect(ctx, *remote); err != nil {
		self.Close()
		return nil, "", err
	}
	connections := self.Network().ConnsToPeer(remote.ID)
	if len(connections) == 0 {
		self.Close()
		return nil, "", fmt.Errorf("%s hung up right after the handshake", remote.ID)
	}
	state := connections[0].ConnState()
	emit("connected", fields{
		"id":        remote.ID.String(),
		"security":  string(state.Security),
		"muxer":     string(state.StreamMultiplexer),
		"transport": state.Transport,
	})
	return self, remote.ID, nil
}

func moduleVersion(path string) string {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return "unknown"
}

// info says what this binary can do, for tests that run any number of peers.
func info(arguments []string) error {
	if err := newFlags("info").parse(arguments); err != nil {
		return err
	}
	emit("info", fields{
		"name":       libraryName + " " + moduleVersion(libraryModule),
		"dialect":    dialect,
		"transports": transports,
		"security":   []string{"noise", "tls"},
		"modes":      []string{"many", "one"},
		"net":        true,
		"mux":        speaksMux,
		"swarm":      true,
		"smts":       true,
	})
	return nil
}
