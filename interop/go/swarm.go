package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// plan is the first line on standard input: whom each peer calls, and how often each of them.
type plan struct {
	Calls [][]string `json:"calls"`
	Each  int        `json:"each"`
}

// swarm is many peers in one process, each of them a server and then also a client.
func swarm(arguments []string) error {
	f := newFlags("swarm")
	id := f.must("protocol")
	count, size := f.atLeast(1, "peers", 1), f.atLeast(0, "size", 0)
	mode, concurrency := f.oneOf("mode", "many", "one", "leak"), f.atLeast(1, "concurrency", 10)
	link := linkFlags(f)
	milliseconds := f.atLeast(1, "timeout-ms", 20_000)
	if err := f.parse(arguments); err != nil {
		return err
	}
	peers := []host.Host{}
	for range *count {
		limits, err := streamLimits(inboundStreams, outboundStreams)
		if err != nil {
			return err
		}
		self, err := link.listen(0, limits)
		if err != nil {
			return err
		}
		defer self.Close()
		(&service{idle: defaultIdle, maxRead: defaultMaxRead, maxRequests: defaultMaxRequests}).offer(self)
		emitReady(self)
		peers = append(peers, self)
	}
	input := json.NewDecoder(os.Stdin)
	var task plan
	if err := input.Decode(&task); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	timeout := time.Duration(*milliseconds) * time.Millisecond
	task.run(peers, *concurrency, func(self host.Host, remote peer.ID) *caller {
		return &caller{
			self: self, remote: remote, protocol: protocol.ID(*id), mode: *mode, timeout: timeout,
			maxRead: defaultMaxRead, quiet: true, mustEcho: true,
			body: func(i int) []byte { return body(i, *size) },
		}
	})
	io.Copy(io.Discard, os.Stdin)
	return nil
}

// run lets some peers at a time call, each of them one target after the other.
func (p plan) run(peers []host.Host, concurrency int, calling func(self host.Host, remote peer.ID) *caller) {
	var workers sync.WaitGroup
	var ok, failed atomic.Int64
	turns := make(chan struct{}, concurrency)
	for i, targets := range p.Calls[:min(len(p.Calls), len(peers))] {
		workers.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			for _, target := range targets {
				answered := p.callOne(peers[i], target, calling)
				ok.Add(int64(answered))
				failed.Add(int64(p.Each - answered))
			}
		})
	}
	workers.Wait()
	emit("done", fields{"ok": ok.Load(), "failed": failed.Load()})
}

// callOne makes the calls of one peer to another, and counts those that were answered.
func (p plan) callOne(self host.Host, target string, calling func(self host.Host, remote peer.ID) *caller) int {
	remote, err := peer.AddrInfoFromString(target)
	if err != nil {
		emit("error", fields{"i": 0, "error": err.Error()})
		return 0
	}
	self.Peerstore().AddAddrs(remote.ID, remote.Addrs, time.Hour)
	caller := calling(self, remote.ID)
	requests := make([]int, p.Each)
	for i := range requests {
		requests[i] = i
	}
	caller.callInTurn(requests)
	return int(caller.ok.Load())
}
