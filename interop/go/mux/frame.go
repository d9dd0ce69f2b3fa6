// Package mux speaks the mux wire, version 1. It was written from docs/wire.md alone, to show that this can be done;
// names and numbers are those of that page.
package mux

import (
	"encoding/binary"
	"io"
)

// Type is the kind of a frame.
type Type byte

// The types of frames.
const (
	Hello Type = iota
	Request
	Answer
	Error
	Cancel
	Body
	Credit
	GoAway
	Ping
	Pong
	Want
	firstFree = 128
)

// The two streams of a session, as a HELLO names them.
const (
	Control byte = 0
	Data    byte = 1
)

// Flags of REQUEST and ANSWER, of BODY, and of ERROR.
const (
	encodingBits byte = 0b011
	plainBytes   byte = 0
	deflateRaw   byte = 1
	flagLarge    byte = 0b100

	flagLast byte = 1

	flagRetryable   byte = 1
	flagUnprocessed byte = 2
)

// Keys of the settings in a HELLO.
const (
	keyCompression byte = 1
	keyLargestBody byte = 2
	keyInFlight    byte = 3
	keyCredit      byte = 4
)

// The limits of the wire, in bytes.
const (
	maxFrame   = 327_680
	maxInline  = 262_144
	maxPairs   = 8_192
	maxMessage = 4_096
	maxPiece   = 65_536
)

// Setting is one of a HELLO.
type Setting struct {
	Key   byte
	Value uint32
}

// Pair is a name with a text: metadata, or a detail of an error.
type Pair struct{ Name, Text string }

// Frame is any frame; which fields count, its type says.
type Frame struct {
	Type       Type
	Stream     byte
	Token      [8]byte
	Settings   []Setting
	ID         uint32
	Flags      byte
	Timeout    uint32 // ms
	Size       uint32
	Pairs      []Pair
	Body       []byte
	RetryAfter uint32 // ms
	Code       string
	Message    string
	Bytes      uint32
	Reason     byte
	Data       [8]byte
}

// Encode gives the bytes of a frame, its length in front.
func Encode(f Frame) []byte {
	out := make([]byte, 4, 64+len(f.Body))
	out = append(out, byte(f.Type))
	u16, u32 := binary.BigEndian.AppendUint16, binary.BigEndian.AppendUint32
	switch f.Type {
	case Hello:
		out = append(append(out, f.Stream), f.Token[:]...)
		for _, setting := range f.Settings {
			out = u32(append(out, setting.Key), setting.Value)
		}
	case Request:
		out = append(u32(out, f.ID), f.Flags)
		out = u32(u32(out, f.Timeout), f.Size)
		out = append(appendPairs(out, f.Pairs), f.Body...)
	case Answer:
		out = u32(append(u32(out, f.ID), f.Flags), f.Size)
		out = append(appendPairs(out, f.Pairs), f.Body...)
	case Error:
		out = u32(append(u32(out, f.ID), f.Flags), f.RetryAfter)
		out = append(append(out, byte(len(f.Code))), f.Code...)
		out = append(u16(out, uint16(len(f.Message))), f.Message...)
		out = appendPairs(out, f.Pairs)
	case Cancel:
		out = u32(out, f.ID)
	case Body:
		out = append(append(u32(out, f.ID), f.Flags), f.Body...)
	case Credit:
		out = u32(out, f.Bytes)
	case GoAway:
		out = append(out, f.Reason)
	case Ping, Pong:
		out = append(out, f.Data[:]...)
	}
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

func appendPairs(out []byte, pairs []Pair) []byte {
	start := len(out)
	out = append(out, 0, 0)
	for _, pair := range pairs {
		out = append(append(out, byte(len(pair.Name))), pair.Name...)
		out = append(binary.BigEndian.AppendUint16(out, uint16(len(pair.Text))), pair.Text...)
	}
	binary.BigEndian.PutUint16(out[start:], uint16(len(out)-start-2))
	return out
}

// readFrame reads the bytes of one frame, without its length. At the end of the stream it gives io.EOF.
func readFrame(in io.Reader) ([]byte, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(in, prefix[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(prefix[:])
	if length < 1 || length > maxFrame {
		return nil, violation("a frame of %d bytes", length)
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(in, payload); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return payload, nil
}
