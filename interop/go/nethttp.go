package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/p2p/net/gostream"
)

// serveHTTP answers at /net/80: the body that came, and in headers what was asked for and by whom; at /too-large a
// refusal, without having read the body.
func serveHTTP(self host.Host) error {
	listener, err := gostream.Listen(self, "/net/80")
	if err != nil {
		return err
	}
	go http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/too-large" {
			http.Error(answer, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		http.NewResponseController(answer).EnableFullDuplex()
		answer.Header().Set("X-Asked", request.Method+" "+request.URL.Path)
		answer.Header().Set("X-Peer", request.RemoteAddr)
		io.Copy(answer, request.Body)
	}))
	return nil
}

// requestHTTP posts bodies one after the other, which share a connection if the server keeps it alive.
func requestHTTP(dial func(context.Context) (net.Conn, error), count, size int, timeout time.Duration) {
	client := http.Client{Timeout: timeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}
	defer client.CloseIdleConnections()
	failed := 0
	for i := range count {
		start := time.Now()
		sent := body(i, size)
		received, err := postHTTP(&client, sent)
		if err != nil {
			failed++
			emit("error", fields{"i": i, "error": err.Error()})
			continue
		}
		emit("answer", fields{
			"i": i, "len": len(received), "sha256": digestOf(received), "echo": bytes.Equal(received, sent),
			"ms": float64(time.Since(start).Microseconds()) / 1000,
		})
	}
	emit("done", fields{"ok": count - failed, "failed": failed})
}

func postHTTP(client *http.Client, sent []byte) ([]byte, error) {
	answer, err := client.Post("http://peer/echo", "application/octet-stream", bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", answer.Status)
	}
	return io.ReadAll(answer.Body)
}
