package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"
)

// handler answers one request; served counts the requests of its stream, this one included.
type handler func(request []byte, served int) ([]byte, error)

var handlers = map[protocol.ID]handler{
	"/echo/1.0.0":  func(request []byte, _ int) ([]byte, error) { return request, nil },
	"/upper/1.0.0": func(request []byte, _ int) ([]byte, error) { return bytes.ToUpper(request), nil },
	"/fail/1.0.0":  func([]byte, int) ([]byte, error) { return nil, errors.New("this handler always fails") },
	"/slow/1.0.0":  slow,
	"/count/1.0.0": func(_ []byte, served int) ([]byte, error) { return []byte(strconv.Itoa(served)), nil },
}

// slow sleeps as many milliseconds as its body says, then echoes it.
func slow(request []byte, _ int) ([]byte, error) {
	milliseconds, err := strconv.Atoi(string(request))
	if err != nil || milliseconds < 0 {
		return nil, fmt.Errorf("not a number of milliseconds: %q", request)
	}
	time.Sleep(time.Duration(milliseconds) * time.Millisecond)
	return request, nil
}
