package mux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"
)

// ErrViolation is what a frame that the wire does not allow is; whoever sees one resets the session.
var ErrViolation = errors.New("violation")

func violation(format string, values ...any) error {
	return fmt.Errorf("%w: %s", ErrViolation, fmt.Sprintf(format, values...))
}

var (
	errorCode = regexp.MustCompile(`^ERR_[A-Z0-9_]{1,60}$`)
	pairName  = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)
)

// cursor takes a frame's fields one after the other. Behind the first that is not there everything is empty.
type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) bytes(count int) []byte {
	if c.err == nil && len(c.rest) < count {
		c.err = violation("a frame shorter than its fields")
	}
	if c.err != nil {
		return make([]byte, min(count, 8))
	}
	taken := c.rest[:count]
	c.rest = c.rest[count:]
	return taken
}

func (c *cursor) u8() byte    { return c.bytes(1)[0] }
func (c *cursor) u16() uint16 { return binary.BigEndian.Uint16(c.bytes(2)) }
func (c *cursor) u32() uint32 { return binary.BigEndian.Uint32(c.bytes(4)) }

func (c *cursor) text(length, most int) string {
	if c.err == nil && length > most {
		c.err = violation("a text of %d bytes", length)
	}
	text := c.bytes(length)
	if c.err == nil && !utf8.Valid(text) {
		c.err = violation("a text that is not UTF-8")
	}
	return string(text)
}

func (c *cursor) flags(defined byte) byte {
	flags := c.u8()
	if c.err == nil && flags&^defined != 0 {
		c.err = violation("flags %08b", flags)
	}
	return flags
}

func (c *cursor) all() []byte { return c.bytes(len(c.rest)) }

func (c *cursor) pairs() []Pair {
	length := int(c.u16())
	if c.err == nil && length > maxPairs {
		c.err = violation("pairs of %d bytes", length)
	}
	inner := cursor{rest: c.bytes(length), err: c.err}
	pairs, seen := []Pair(nil), map[string]bool{}
	for inner.err == nil && len(inner.rest) > 0 {
		pair := Pair{Name: inner.text(int(inner.u8()), 64)}
		pair.Text = inner.text(int(inner.u16()), maxPairs)
		if inner.err == nil && (seen[pair.Name] || !pairName.MatchString(pair.Name)) {
			inner.err = violation("a pair with the name %q", pair.Name)
		}
		seen[pair.Name] = true
		pairs = append(pairs, pair)
	}
	c.err = inner.err
	return pairs
}

func (c *cursor) settings() []Setting {
	settings, seen := []Setting(nil), map[byte]bool{}
	for c.err == nil && len(c.rest) > 0 {
		setting := Setting{c.u8(), c.u32()}
		switch {
		case c.err != nil:
		case seen[setting.Key],
			setting.Key == keyCompression && setting.Value&1 == 0,
			setting.Key == keyInFlight && setting.Value == 0:
			c.err = violation("the setting %d: %d", setting.Key, setting.Value)
		}
		seen[setting.Key] = true
		settings = append(settings, setting)
	}
	return settings
}

// Decode reads a frame from its bytes, without its length. Of a type that is free for additions it gives the type alone.
func Decode(payload []byte) (Frame, error) {
	c := cursor{rest: payload}
	f := Frame{Type: Type(c.u8())}
	switch f.Type {
	case Hello:
		f.Stream = c.u8()
		copy(f.Token[:], c.bytes(8))
		f.Settings = c.settings()
		if c.err == nil && f.Stream > Data {
			c.err = violation("a HELLO for the stream %d", f.Stream)
		}
	case Request:
		f.ID, f.Flags, f.Timeout, f.Size, f.Pairs, f.Body = c.u32(), c.flags(7), c.u32(), c.u32(), c.pairs(), c.all()
	case Answer:
		f.ID, f.Flags, f.Size, f.Pairs, f.Body = c.u32(), c.flags(7), c.u32(), c.pairs(), c.all()
	case Error:
		f.ID, f.Flags, f.RetryAfter = c.u32(), c.flags(flagRetryable|flagUnprocessed), c.u32()
		f.Code = c.text(int(c.u8()), 64)
		f.Message = c.text(int(c.u16()), maxMessage)
		f.Pairs = c.pairs()
		if c.err == nil && !errorCode.MatchString(f.Code) {
			c.err = violation("the error code %q", f.Code)
		}
	case Cancel:
		f.ID = c.u32()
	case Body:
		f.ID, f.Flags, f.Body = c.u32(), c.flags(flagLast), c.all()
	case Credit:
		f.Bytes = c.u32()
	case GoAway:
		f.Reason = c.u8()
	case Ping, Pong:
		copy(f.Data[:], c.bytes(8))
	case Want:
	default:
		if f.Type < firstFree {
			return f, violation("the unknown type %d", f.Type)
		}
		return f, nil
	}
	if c.err == nil && len(c.rest) > 0 {
		c.err = violation("a frame longer than its fields")
	}
	if c.err == nil && (f.Type == Request || f.Type == Answer) {
		c.err = checkMessage(f)
	}
	return f, c.err
}

func checkMessage(f Frame) error {
	large, encoding, length := f.Flags&flagLarge != 0, f.Flags&encodingBits, len(f.Body)
	switch {
	case encoding == encodingBits:
		return violation("the encoding 3")
	case large && length > 0:
		return violation("a large message with a body in its first frame")
	case length > maxInline:
		return violation("a body of %d bytes in one frame", length)
	case !large && encoding == plainBytes && length != int(f.Size), !large && encoding != plainBytes && length >= int(f.Size):
		return violation("a body of %d bytes that is to be %d", length, f.Size)
	}
	return nil
}

// Check says whether a frame may come from this side of a session on this stream.
func Check(f Frame, fromClient bool, stream byte) error {
	wrong := false
	switch f.Type {
	case Hello:
		wrong = f.Stream != stream
	case Request, Answer:
		wrong = fromClient != (f.Type == Request) || (f.Flags&flagLarge != 0) != (stream == Data)
	case Error, GoAway, Want:
		wrong = fromClient || stream != Control
	case Cancel:
		wrong = !fromClient
	case Body:
		wrong = stream != Data
	case Credit, Ping, Pong:
		wrong = stream != Control
	}
	if wrong {
		return violation("a frame of type %d on the wrong stream or from the wrong side", f.Type)
	}
	return nil
}
