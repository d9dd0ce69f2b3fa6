package mux

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Message is a request or an answer.
type Message struct {
	Body     []byte
	Metadata map[string]string
}

// Failure is an error as it travels.
type Failure struct {
	Code        string
	Message     string
	Retryable   bool
	Unprocessed bool
	RetryAfter  time.Duration
	Details     map[string]string
}

func (e *Failure) Error() string { return e.Code + ": " + e.Message }

func (e *Failure) frame(id uint32) Frame {
	f := Frame{
		Type: Error, ID: id, Code: e.Code, Message: e.Message, Pairs: toPairs(e.Details),
		RetryAfter: uint32(e.RetryAfter.Milliseconds()),
	}
	if e.Retryable {
		f.Flags |= flagRetryable
	}
	if e.Unprocessed {
		f.Flags |= flagUnprocessed
	}
	return f
}

func failureOf(f Frame) *Failure {
	return &Failure{
		Code: f.Code, Message: f.Message, Details: fromPairs(f.Pairs),
		Retryable:   f.Flags&flagRetryable != 0,
		Unprocessed: f.Flags&flagUnprocessed != 0,
		RetryAfter:  time.Duration(f.RetryAfter) * time.Millisecond,
	}
}

func refusal(code, message string) *Failure {
	return &Failure{Code: code, Message: message, Unprocessed: true}
}

func overload(code, message string) *Failure {
	return &Failure{Code: code, Message: message, Retryable: true, Unprocessed: true}
}

func tooLarge(size, limit uint32) *Failure {
	return refusal("ERR_MESSAGE_TOO_LARGE", fmt.Sprintf("%d bytes, and %d are accepted", size, limit))
}

func toPairs(texts map[string]string) []Pair {
	pairs := []Pair(nil)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		pairs = append(pairs, Pair{name, texts[name]})
	}
	return pairs
}

func fromPairs(pairs []Pair) map[string]string {
	texts := map[string]string{}
	for _, pair := range pairs {
		texts[pair.Name] = pair.Text
	}
	return texts
}

// withBody gives a frame the body of a message, compressed where that helps, and whether it has to be sent as a large one.
func (s Settings) withBody(f Frame, message Message) (head Frame, body []byte, large bool) {
	body, encoding := message.Body, plainBytes
	if s.Compress {
		body, encoding = compressed(message.Body)
	}
	f.Flags, f.Size, f.Pairs = encoding, uint32(len(message.Body)), toPairs(message.Metadata)
	return f, body, len(body) > maxInline
}

func binaryTime(now time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(now.UnixNano()))
}
