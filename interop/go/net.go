package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/net/gostream"
)

// netListen accepts connections by a net.Listener a play, and HTTP, until its standard input ends.
func netListen(arguments []string) error {
	f := newFlags("net-listen")
	link := linkFlags(f)
	size := f.atLeast(0, "size", 0)
	if err := f.parse(arguments); err != nil {
		return err
	}
	self, err := link.listen(0)
	if err != nil {
		return err
	}
	defer self.Close()
	told, ended := control()
	for name, play := range plays {
		listener, err := gostream.Listen(self, protocol.ID("/net/"+name+"/1.0.0"))
		if err != nil {
			return err
		}
		go acceptAll(listener, func(conn *recorded) { play(conn, stage{*size, told}) })
	}
	if err := serveHTTP(self); err != nil {
		return err
	}
	emitReady(self)
	<-ended
	return nil
}

func acceptAll(listener net.Listener, play func(*recorded)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			recording := record(conn)
			play(recording)
			recording.report()
		}()
	}
}

// netDial opens one connection and plays on it, or asks for something over HTTP.
func netDial(arguments []string) error {
	f := newFlags("net-dial")
	address, id := f.must("addr"), f.must("protocol")
	name := f.oneOf("play", "send", "echo", "digest", "hold", "bye", "reset", "http")
	link := linkFlags(f)
	size, count := f.atLeast(0, "size", 0), f.atLeast(1, "count", 1)
	milliseconds := f.atLeast(1, "timeout-ms", 20_000)
	if err := f.parse(arguments); err != nil {
		return err
	}
	timeout := time.Duration(*milliseconds) * time.Millisecond
	self, remote, err := link.connect(*address, 20*time.Second, withoutLimits())
	if err != nil {
		return err
	}
	defer self.Close()
	dial := func(ctx context.Context) (net.Conn, error) {
		return gostream.Dial(ctx, self, remote, protocol.ID(*id))
	}
	if *name == "http" {
		requestHTTP(dial, *count, *size, timeout)
		return nil
	}
	conn, err := dial(context.Background())
	if err != nil {
		return err
	}
	conn.SetDeadline(time.Now().Add(timeout))
	told, ended := control()
	recording := record(conn)
	plays[*name](recording, stage{*size, told})
	recording.report()
	<-ended // what was written last may still be on its way
	return nil
}

// control is what standard input says: told at its first line, ended at its end.
func control() (told, ended <-chan struct{}) {
	first, end := make(chan struct{}), make(chan struct{})
	go func() {
		input := bufio.NewReader(os.Stdin)
		input.ReadString('\n')
		close(first)
		io.Copy(io.Discard, input)
		close(end)
	}()
	return first, end
}
