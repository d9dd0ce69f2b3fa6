package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// stage is what a play may need besides its connection.
type stage struct {
	size int
	told <-chan struct{}
}

// plays are what one side does on a connection: the same whether it listened or dialled.
var plays = map[string]func(conn *recorded, on stage){
	"echo": func(conn *recorded, _ stage) {
		io.Copy(conn, conn)
		conn.Close()
	},
	// digest answers what it can only know after the half-close.
	"digest": func(conn *recorded, _ stage) {
		io.Copy(io.Discard, conn)
		if conn.end == "eof" {
			fmt.Fprintf(conn, "%d %x", conn.received, conn.in.Sum(nil))
		}
		conn.Close()
	},
	// send ends first, and reads meanwhile and afterwards.
	"send": func(conn *recorded, on stage) {
		written := make(chan struct{})
		go func() {
			defer close(written)
			if _, err := conn.Write(body(0, on.size)); err == nil {
				conn.CloseWrite()
			}
		}()
		io.Copy(io.Discard, conn)
		<-written
		conn.Close()
	},
	// hold reads nothing until it is told to. The empty write opens the stream: of a protocol that identify has told it
	// of, Go sends not even the name before it has something to say.
	"hold": func(conn *recorded, on stage) {
		conn.Write(nil)
		<-on.told
		io.Copy(io.Discard, conn)
		conn.Close()
	},
	// bye and reset end both directions after a byte: properly, or not at all.
	"bye": func(conn *recorded, _ stage) {
		io.ReadFull(conn, make([]byte, 1))
		io.WriteString(conn, "bye")
		conn.Close()
	},
	"reset": func(conn *recorded, _ stage) {
		io.WriteString(conn, "half")
		io.ReadFull(conn, make([]byte, 1))
		conn.Reset()
	},
}

// streamConn is what a libp2p stream can do besides as a net.Conn, as a *net.TCPConn can.
type streamConn interface {
	net.Conn
	CloseWrite() error
	Reset() error
	Protocol() protocol.ID
}

// recorded is a connection that remembers what went through it and how it ended.
type recorded struct {
	streamConn
	in, out        hash.Hash
	received, sent int
	text           []byte // what was received, as long as it is short
	end            string // how reading ended
	writeError     string
}

func record(conn net.Conn) *recorded {
	return &recorded{streamConn: conn.(streamConn), in: sha256.New(), out: sha256.New()}
}

func (r *recorded) Read(into []byte) (int, error) {
	count, err := r.streamConn.Read(into)
	r.in.Write(into[:count])
	r.received += count
	if r.received <= textLimit {
		r.text = append(r.text, into[:count]...)
	}
	if err != nil {
		r.end = howEnded(err)
	}
	return count, err
}

func (r *recorded) Write(bytes []byte) (int, error) {
	count, err := r.streamConn.Write(bytes)
	r.out.Write(bytes[:count])
	r.sent += count
	if err != nil {
		r.writeError = howEnded(err)
	}
	return count, err
}

func (r *recorded) report() {
	line := fields{
		"protocol": string(r.Protocol()), "peer": r.RemoteAddr().String(), "end": r.end,
		"sent": r.sent, "sentSha256": fmt.Sprintf("%x", r.out.Sum(nil)),
		"received": r.received, "receivedSha256": fmt.Sprintf("%x", r.in.Sum(nil)),
	}
	if r.received <= textLimit && utf8.Valid(r.text) {
		line["text"] = string(r.text)
	}
	if r.writeError != "" {
		line["writeError"] = r.writeError
	}
	emit("conn", line)
}

func howEnded(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, io.EOF):
		return "eof"
	case errors.Is(err, network.ErrReset):
		return "reset"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	default:
		return err.Error()
	}
}
