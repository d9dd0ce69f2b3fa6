// bench is go-libp2p's row of ../../../bench: an echo server, and a client that pipelines frames on one stream.
//
//	bench serve SECURITY          prints {"endpoint": ADDRESS} and serves until its standard input ends
//	bench load ADDRESS SECURITY   prints {} once connected, then answers each line {"bytes", "concurrency", "seconds"}
//
// SECURITY is noise or tls. A failure is a line {"error": TEXT} and exit code 1.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

const protocolID = "/bench/go-libp2p/1.0.0"

func main() {
	if err := run(os.Args[1:]); err != nil {
		say(map[string]string{"error": err.Error()})
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 2 && arguments[0] == "serve":
		return serve(arguments[1])
	case len(arguments) == 3 && arguments[0] == "load":
		return answerLoads(arguments[1], arguments[2])
	default:
		return fmt.Errorf("serve SECURITY, or load ADDRESS SECURITY")
	}
}

// options are a host's of TCP and yamux with one handshake.
func options(security string) []libp2p.Option {
	handshake := libp2p.Security(noise.ID, noise.New)
	if security == "tls" {
		handshake = libp2p.Security(tls.ID, tls.New)
	}
	return []libp2p.Option{libp2p.DisableRelay(), libp2p.DisableMetrics(), libp2p.Transport(tcp.NewTCPTransport), handshake}
}

func serve(security string) error {
	self, err := libp2p.New(append(options(security), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))...)
	if err != nil {
		return err
	}
	defer self.Close()
	self.SetStreamHandler(protocolID, func(stream network.Stream) {
		if echoFrames(stream) != nil {
			stream.Reset()
		}
	})
	if err := say(map[string]string{"endpoint": fmt.Sprintf("%s/p2p/%s", self.Addrs()[0], self.ID())}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func answerLoads(address, security string) error {
	remote, err := peer.AddrInfoFromString(address)
	if err != nil {
		return err
	}
	self, err := libp2p.New(append(options(security), libp2p.NoListenAddrs)...)
	if err != nil {
		return err
	}
	defer self.Close()
	if err := self.Connect(context.Background(), *remote); err != nil {
		return err
	}
	stream, err := self.NewStream(context.Background(), remote.ID, protocolID)
	if err != nil {
		return err
	}
	calls := newPipeline(stream)
	if err := say(struct{}{}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var asked load
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		done, err := asked.run(calls)
		if err != nil {
			return err
		}
		if err := say(done); err != nil {
			return err
		}
	}
	return nil
}

// say prints one line for the process that started this one.
func say(line any) error {
	return json.NewEncoder(os.Stdout).Encode(line)
}
