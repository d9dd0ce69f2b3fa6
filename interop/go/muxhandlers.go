package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"pointsub.test/wirepeer/mux"
)

// muxHandlers are what is served on the mux wire: those of the plain one, and some that it has no way for.
var muxHandlers = map[string]mux.Handler{
	"/echo/1.0.0": func(_ context.Context, request mux.Message, _ *mux.Session) (mux.Message, error) {
		return request, nil // its metadata, too
	},
	"/upper/1.0.0": func(_ context.Context, request mux.Message, _ *mux.Session) (mux.Message, error) {
		return mux.Message{Body: bytes.ToUpper(request.Body)}, nil
	},
	"/fail/1.0.0":     muxFail,
	"/slow/1.0.0":     muxSlow,
	"/hold/1.0.0":     muxHold,
	"/bytes/1.0.0":    muxBytes,
	"/deadline/1.0.0": muxDeadline,
	"/ping/1.0.0":     muxPing,
}

// muxFail fails with the error that the request's metadata describes; without any, with one it keeps to itself.
func muxFail(_ context.Context, request mux.Message, _ *mux.Session) (mux.Message, error) {
	code := request.Metadata["code"]
	if code == "" {
		return mux.Message{}, errors.New("this handler always fails")
	}
	milliseconds, _ := strconv.Atoi(request.Metadata["retry-after"])
	failure := &mux.Failure{
		Code: code, Message: string(request.Body), Details: maps.Clone(request.Metadata),
		Retryable: request.Metadata["retryable"] == "true", RetryAfter: time.Duration(milliseconds) * time.Millisecond,
	}
	for _, name := range []string{"code", "retryable", "retry-after"} {
		delete(failure.Details, name)
	}
	return mux.Message{}, failure
}

func muxSlow(ctx context.Context, request mux.Message, _ *mux.Session) (mux.Message, error) {
	milliseconds, err := strconv.Atoi(string(request.Body))
	if err != nil {
		return mux.Message{}, err
	}
	select {
	case <-time.After(time.Duration(milliseconds) * time.Millisecond):
		return request, nil
	case <-ctx.Done():
		return mux.Message{}, context.Cause(ctx)
	}
}

// muxHold waits until nobody needs the answer any more, and says why.
func muxHold(ctx context.Context, request mux.Message, _ *mux.Session) (mux.Message, error) {
	_, bounded := ctx.Deadline()
	emit("call", fields{"body": string(request.Body), "begun": true, "bounded": bounded})
	<-ctx.Done()
	emit("call", fields{"body": string(request.Body), "begun": false, "end": context.Cause(ctx).Error()})
	return mux.Message{}, context.Cause(ctx)
}

// muxBytes answers so many bytes of the vectors' pattern.
func muxBytes(_ context.Context, request mux.Message, _ *mux.Session) (mux.Message, error) {
	size, err := strconv.Atoi(string(request.Body))
	return mux.Message{Body: pattern(size)}, err
}

// muxDeadline answers how many milliseconds are left for the request.
func muxDeadline(ctx context.Context, _ mux.Message, _ *mux.Session) (mux.Message, error) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return mux.Message{Body: []byte("none")}, nil
	}
	return mux.Message{Body: fmt.Append(nil, time.Until(deadline).Milliseconds())}, nil
}

// muxPing pings its caller, and answers how many milliseconds that took.
func muxPing(ctx context.Context, _ mux.Message, with *mux.Session) (mux.Message, error) {
	taken, err := with.Ping(ctx)
	return mux.Message{Body: fmt.Append(nil, taken.Milliseconds())}, err
}
