package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
)

// muxSend asks a peer a number of requests on the mux wire and reports every answer.
func muxSend(arguments []string) error {
	f := newFlags("mux-send")
	address, id := f.must("addr"), f.must("protocol")
	link, settings := linkFlags(f), muxFlags(f)
	wire := f.oneOf("wire", "mux", "auto")
	count, concurrency := f.atLeast(1, "count", 1), f.atLeast(1, "concurrency", 1)
	sizes, text := f.numbers("size"), f.String("body", "", "the same text as every body")
	large, largeSize := f.atLeast(0, "large", 0), f.atLeast(0, "large-size", 32<<20)
	compressible := f.Bool("compressible", false, "bodies that get much smaller")
	milliseconds, cancel := f.atLeast(1, "timeout-ms", 20_000), f.atLeast(0, "cancel-ms", 0)
	metadata := f.pairs("metadata")
	ping := f.Bool("ping", false, "ping the peer first")
	hold := f.Bool("hold", false, "after the last answer keep the session until standard input ends")
	if err := f.parse(arguments); err != nil {
		return err
	}
	timeout := time.Duration(*milliseconds) * time.Millisecond
	self, remote, err := link.connect(*address, timeout, withoutLimits())
	if err != nil {
		return err
	}
	defer self.Close()
	plain := &caller{
		self: self, remote: remote, protocol: protocol.ID(*id), mode: "many", timeout: timeout, maxRead: 8 << 20,
		body: func(i int) []byte {
			size := (*sizes)[i%len(*sizes)]
			switch {
			case f.given("body"):
				return []byte(*text)
			case *compressible:
				return bytes.Repeat(fmt.Appendf(nil, "request %d, ", i), size/8+1)[:size]
			}
			return body(i, size)
		},
	}
	m := &muxCaller{caller: plain, settings: settings(), metadata: metadata, cancel: time.Duration(*cancel) * time.Millisecond}
	spoken, err := m.negotiate(*wire == "auto")
	switch {
	case err != nil:
		return err
	case spoken == "plain":
		plain.callAll(*count, *concurrency, false)
	default:
		if *ping {
			m.ping()
		}
		stop := m.beside(*large, *largeSize)
		m.callAll(*count, *concurrency)
		stop()
	}
	emit("done", fields{
		"ok": plain.ok.Load(), "failed": plain.failed.Load(), "wire": spoken, "sessions": len(m.all),
		"received": m.traffic().Received, "sent": m.traffic().Sent,
	})
	if *hold {
		io.Copy(io.Discard, os.Stdin)
	}
	return m.close()
}

// numbers adds a flag that takes one number or several: 1,20,300.
func (f *flags) numbers(name string) *[]int {
	numbers := []int{0}
	f.Func(name, "whole numbers", func(list string) error {
		numbers = nil
		for text := range strings.SplitSeq(list, ",") {
			number, err := strconv.ParseUint(text, 10, 31)
			if err != nil {
				return err
			}
			numbers = append(numbers, int(number))
		}
		return nil
	})
	return &numbers
}

// pairs adds a flag that takes names with texts: one=this,two=that.
func (f *flags) pairs(name string) map[string]string {
	pairs := map[string]string{}
	f.Func(name, "name=text,name=text", func(list string) error {
		for pair := range strings.SplitSeq(list, ",") {
			key, text, found := strings.Cut(pair, "=")
			if !found {
				return fmt.Errorf("%q is no name=text", pair)
			}
			pairs[key] = text
		}
		return nil
	})
	return pairs
}
