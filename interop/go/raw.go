package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const textLimit = 256 // longest answer that is shown as text, in bytes

// serveRaw offers the protocols without frames: the stream is a byte pipe that closes one direction at a time.
func serveRaw(self host.Host) {
	self.SetStreamHandler("/raw/echo/1.0.0", func(stream network.Stream) {
		_, err := io.Copy(stream, stream)
		finishRaw(stream, err)
	})
	self.SetStreamHandler("/raw/digest/1.0.0", func(stream network.Stream) {
		digest := sha256.New()
		count, err := io.Copy(digest, stream)
		if err == nil {
			_, err = fmt.Fprintf(stream, "%d %x", count, digest.Sum(nil))
		}
		finishRaw(stream, err)
	})
	self.SetStreamHandler("/raw/reset/1.0.0", func(stream network.Stream) {
		io.ReadFull(stream, make([]byte, 1))
		io.WriteString(stream, "half")
		io.ReadFull(stream, make([]byte, 1))
		finishRaw(stream, errResetOnPurpose)
	})
}

var errResetOnPurpose = errors.New("reset on purpose")

func finishRaw(stream network.Stream, err error) {
	if err != nil {
		stream.Reset()
		emitEnd(stream, 0, "reset")
		return
	}
	stream.CloseWrite()
	stream.Close()
	emitEnd(stream, 0, "eof")
}

// rawTransfer writes bytes to a stream without frames and reads what comes back meanwhile.
func rawTransfer(arguments []string) error {
	f := newFlags("raw")
	address, id := f.must("addr"), f.must("protocol")
	link := linkFlags(f)
	size := f.atLeast(0, "size", 0)
	halfClose := f.Bool("half-close", false, "close the writing direction after the last byte and read to EOF")
	milliseconds := f.atLeast(1, "timeout-ms", 20_000)
	if err := f.parse(arguments); err != nil {
		return err
	}
	timeout := time.Duration(*milliseconds) * time.Millisecond
	self, remote, err := link.connect(*address, timeout, withoutLimits())
	if err != nil {
		return err
	}
	defer self.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	stream, err := self.NewStream(ctx, remote, protocol.ID(*id))
	if err != nil {
		return err
	}
	defer stream.Close()
	stream.SetDeadline(time.Now().Add(timeout))
	return exchangeRaw(stream, *size, *halfClose)
}

// exchangeRaw reads to EOF when it half-closes; otherwise until as many bytes came back as were sent.
func exchangeRaw(stream network.Stream, size int, halfClose bool) error {
	sent := body(0, size)
	written := make(chan error, 1)
	go func() {
		_, err := stream.Write(sent)
		if err == nil && halfClose {
			err = stream.CloseWrite()
		}
		written <- err
	}()
	var source io.Reader = stream
	if !halfClose {
		source = io.LimitReader(stream, int64(size))
	}
	received, err := io.ReadAll(source)
	if err != nil {
		return fmt.Errorf("reading after %d bytes: %w", len(received), err)
	}
	if err := <-written; err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	line := fields{
		"sent": len(sent), "sentSha256": digestOf(sent),
		"received": len(received), "receivedSha256": digestOf(received),
	}
	if len(received) <= textLimit && utf8.Valid(received) {
		line["text"] = string(received)
	}
	emit("raw", line)
	return nil
}

func digestOf(bytes []byte) string {
	digest := sha256.Sum256(bytes)
	return hex.EncodeToString(digest[:])
}
