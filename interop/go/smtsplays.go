package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// smtsPlays are what one side does with a transporter: how many messages and bytes came, and what ended it.
var smtsPlays = map[string]func(s smts) (messages, bytes int, err error){
	// echo answers every message, to the FIN.
	"echo": func(s smts) (messages, count int, err error) {
		for {
			message, err := s.Receive()
			if err != nil {
				return messages, count, err
			}
			messages, count = messages+1, count+len(message)
			if err := s.Send(message); err != nil {
				return messages, count, err
			}
		}
	},
	// stream sends every stream back when it is whole, to the FIN.
	"stream": func(s smts) (messages, count int, err error) {
		for {
			var whole bytes.Buffer
			if err := s.ReceiveStream(&whole); err != nil {
				return messages, count, err
			}
			messages, count = messages+1, count+whole.Len()
			if err := s.SendStream(&whole); err != nil {
				return messages, count, err
			}
		}
	},
	// digest answers a stream with a message.
	"digest": func(s smts) (messages, count int, err error) {
		var whole bytes.Buffer
		if err := s.ReceiveStream(&whole); err != nil {
			return 0, whole.Len(), err
		}
		return 1, whole.Len(), s.Send(fmt.Appendf(nil, "%d %s", whole.Len(), digestOf(whole.Bytes())))
	},
}

func smtsFlags(f *flags) func() smtsVersion {
	processor := f.oneOf("processor", "default", "advanced")
	version := f.oneOf("version", "v1.2.4", "v1.2.2")
	patience := f.atLeast(1, "patience-ms", 5_000)
	return func() smtsVersion {
		return smtsVersion{*processor == "advanced", *version == "v1.2.2", time.Duration(*patience) * time.Millisecond}
	}
}

// smtsListen offers every play, and the protocols without frames, until its standard input ends.
func smtsListen(arguments []string) error {
	f := newFlags("smts-listen")
	link, version := linkFlags(f), smtsFlags(f)
	if err := f.parse(arguments); err != nil {
		return err
	}
	self, err := link.listen(0)
	if err != nil {
		return err
	}
	defer self.Close()
	_, ended := control()
	for name, play := range smtsPlays {
		self.SetStreamHandler(protocol.ID("/smts/"+name+"/1.0.0"), func(stream network.Stream) {
			messages, count, err := play(smts{stream, version()})
			stream.Close()
			emit("smts", fields{
				"protocol": string(stream.Protocol()), "messages": messages, "bytes": count, "end": smtsEnd(err),
			})
		})
	}
	serveRaw(self)
	emitReady(self)
	<-ended
	return nil
}

func smtsEnd(err error) string {
	if err == nil {
		return ""
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "cut"
	}
	return howEnded(err)
}

// smtsDial sends messages, or streams, one after the other, and reads what comes back; then it half-closes and reads
// to the FIN.
func smtsDial(arguments []string) error {
	f := newFlags("smts-dial")
	address, id := f.must("addr"), f.must("protocol")
	play := f.oneOf("play", "messages", "streams", "stream-of-unknown-size")
	link, version := linkFlags(f), smtsFlags(f)
	sizes := f.numbers("size")
	if err := f.parse(arguments); err != nil {
		return err
	}
	self, remote, err := link.connect(*address, 20*time.Second, withoutLimits())
	if err != nil {
		return err
	}
	defer self.Close()
	_, ended := control()
	stream, err := self.NewStream(context.Background(), remote, protocol.ID(*id))
	if err != nil {
		return err
	}
	stream.SetDeadline(time.Now().Add(20 * time.Second))
	failed := 0
	for i, size := range *sizes {
		sent := body(i, size)
		received, err := smtsExchange(smts{stream, version()}, *play, sent, i == len(*sizes)-1)
		if err != nil {
			failed++
			emit("error", fields{"i": i, "error": err.Error()})
			break
		}
		emit("answer", fields{
			"i": i, "len": len(received), "sha256": digestOf(received), "echo": bytes.Equal(received, sent), "ms": 0,
		})
	}
	stream.CloseWrite()
	rest, err := io.ReadAll(stream)
	stream.Close()
	emit("smts", fields{"protocol": *id, "messages": len(*sizes) - failed, "bytes": len(rest), "end": smtsEnd(err)})
	<-ended
	return nil
}

func smtsExchange(s smts, play string, sent []byte, isLast bool) ([]byte, error) {
	failure := make(chan error, 1)
	go func() {
		var err error
		switch play {
		case "messages":
			err = s.Send(sent)
		case "streams":
			err = s.SendStream(bytes.NewReader(sent))
		default:
			err = s.SendStream(io.MultiReader(bytes.NewReader(sent)))
		}
		if err == nil && isLast {
			err = s.CloseWrite() // all that ends a stream of v1.2.2
		}
		failure <- err
	}()
	var received []byte
	var err error
	if play == "messages" {
		received, err = s.Receive()
	} else {
		var whole bytes.Buffer
		err = s.ReceiveStream(&whole)
		received = whole.Bytes()
	}
	return received, errors.Join(err, <-failure)
}
