package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
)

// send asks a peer a number of requests and reports every answer.
func send(arguments []string) error {
	f := newFlags("send")
	address, id := f.must("addr"), f.must("protocol")
	link := linkFlags(f)
	mode := f.oneOf("mode", "many", "one", "leak")
	count, concurrency := f.atLeast(1, "count", 1), f.atLeast(1, "concurrency", 1)
	size, text := f.atLeast(0, "size", 0), f.String("body", "", "the same text as every body")
	milliseconds := f.atLeast(1, "timeout-ms", 20_000)
	maxRead := f.atLeast(0, "max-read", defaultMaxRead)
	pipeline := f.Bool("pipeline", false, "write all requests of a stream without waiting for answers")
	maxOutbound, pause := f.atLeast(0, "max-outbound", 0), f.atLeast(0, "pause-ms", 0)
	quiet := f.Bool("quiet", false, "print no line for a request that was answered")
	hold := f.Bool("hold", false, "after the last answer keep the connection until standard input ends")
	if err := f.parse(arguments); err != nil {
		return err
	}
	if f.given("size") && f.given("body") {
		return errors.New("send: --size and --body exclude each other")
	}
	if *pipeline && *mode != "many" {
		return errors.New("send: --pipeline needs --mode many")
	}
	timeout := time.Duration(*milliseconds) * time.Millisecond
	limits, err := outboundLimit(*maxOutbound)
	if err != nil {
		return err
	}
	self, remote, err := link.connect(*address, timeout, limits)
	if err != nil {
		return err
	}
	defer self.Close()
	caller := &caller{
		self: self, remote: remote, protocol: protocol.ID(*id), mode: *mode, timeout: timeout, maxRead: *maxRead,
		pause: time.Duration(*pause) * time.Millisecond, quiet: *quiet,
		body: func(i int) []byte {
			if f.given("body") {
				return []byte(*text)
			}
			return body(i, *size)
		},
	}
	caller.callAll(*count, *concurrency, *pipeline)
	emit("done", fields{"ok": caller.ok.Load(), "failed": caller.failed.Load()})
	if *hold {
		io.Copy(io.Discard, os.Stdin)
	}
	return nil
}

// callAll shares the requests out to workers: worker w of n makes the requests w, w+n, w+2n and so on.
func (c *caller) callAll(count, concurrency int, pipeline bool) {
	var workers sync.WaitGroup
	for worker := range min(concurrency, count) {
		requests := []int{}
		for i := worker; i < count; i += concurrency {
			requests = append(requests, i)
		}
		workers.Go(func() {
			if pipeline {
				c.callPipelined(requests)
			} else {
				c.callInTurn(requests)
			}
		})
	}
	workers.Wait()
}

func (c *caller) fail(i int, err error) {
	c.failed.Add(1)
	emit("error", fields{"i": i, "error": fmt.Sprint(err)})
}
