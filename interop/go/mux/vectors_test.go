package mux

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"testing"
)

// The vectors of the wire: what they say is what this package writes and reads.
const vectorFile = "../../../test/vectors/mux.json"

type step struct {
	Name, Hex, From, On, Text string
	Frame                     map[string]any
}

type vectors struct {
	Frames, ReadOnly, BadFrames, Compressed []step
	Conversations                           []struct {
		Name  string
		Steps []step
	}
	BadSessions []struct{ Name, From, On, Control, Data string }
}

func read(t *testing.T) (all vectors) {
	t.Helper()
	file, err := os.ReadFile(vectorFile)
	if err == nil {
		err = json.Unmarshal(file, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Frames) < 30 || len(all.BadFrames) < 40 || len(all.BadSessions) < 20 || len(all.Conversations) < 5 {
		t.Fatal("there are fewer vectors than there should be")
	}
	return all
}

func fromHex(t *testing.T, text string) []byte {
	t.Helper()
	decoded, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// decodeOne reads what is to be one frame with its length.
func decodeOne(t *testing.T, text string) (Frame, error) {
	t.Helper()
	in := bytes.NewReader(fromHex(t, text))
	payload, err := readFrame(in)
	if err != nil {
		return Frame{}, err
	}
	if in.Len() > 0 {
		t.Fatalf("%d bytes behind the frame", in.Len())
	}
	return Decode(payload)
}

var typeNames = []string{"hello", "request", "answer", "error", "cancel", "body", "credit", "goaway", "ping", "pong", "want"}
var settingNames = map[byte]string{1: "encodings", 2: "maxBody", 3: "maxRequests", 4: "credit"}
var streamNames = []string{"control", "data"}

// shown is a frame as the vectors show it.
func shown(f Frame) map[string]any {
	number := func(value uint32) any { return float64(value) }
	out := map[string]any{"type": typeNames[f.Type]}
	texts := func(name string, pairs []Pair) {
		if pairs == nil {
			return
		}
		all := map[string]any{}
		for _, pair := range pairs {
			all[pair.Name] = pair.Text
		}
		out[name] = all
	}
	switch f.Type {
	case Hello:
		settings := map[string]any{}
		for _, setting := range f.Settings {
			if name := settingNames[setting.Key]; name != "" {
				settings[name] = number(setting.Value)
			}
		}
		out["stream"], out["token"], out["settings"] = streamNames[f.Stream], hex.EncodeToString(f.Token[:]), settings
	case Request, Answer:
		if f.Type == Request {
			out["timeout"] = number(f.Timeout)
		}
		out["id"], out["size"], out["body"] = number(f.ID), number(f.Size), hex.EncodeToString(f.Body)
		out["encoding"], out["large"] = float64(f.Flags&encodingBits), f.Flags&flagLarge != 0
		texts("metadata", f.Pairs)
	case Error:
		out["id"], out["retryAfter"], out["code"], out["message"] = number(f.ID), number(f.RetryAfter), f.Code, f.Message
		out["retryable"], out["notProcessed"] = f.Flags&flagRetryable != 0, f.Flags&flagUnprocessed != 0
		texts("details", f.Pairs)
	case Cancel:
		out["id"] = number(f.ID)
	case Body:
		out["id"], out["last"], out["bytes"] = number(f.ID), f.Flags&flagLast != 0, hex.EncodeToString(f.Body)
	case Credit:
		out["bytes"] = number(f.Bytes)
	case GoAway:
		out["reason"] = float64(f.Reason)
	case Ping, Pong:
		out["bytes"] = hex.EncodeToString(f.Data[:])
	}
	return out
}

func TestFramesAreReadAndWritten(t *testing.T) {
	all := read(t)
	steps := all.Frames
	for _, conversation := range all.Conversations {
		for _, each := range conversation.Steps {
			each.Name = conversation.Name
			steps = append(steps, each)
		}
	}
	for _, each := range steps {
		f, err := decodeOne(t, each.Hex)
		if err != nil {
			t.Errorf("%s: %v", each.Name, err)
			continue
		}
		if !reflect.DeepEqual(shown(f), each.Frame) {
			t.Errorf("%s: read as %v", each.Name, shown(f))
		}
		if written := hex.EncodeToString(Encode(f)); written != each.Hex {
			t.Errorf("%s: written as %s", each.Name, written)
		}
		if each.From == "" {
			continue
		}
		if err := Check(f, each.From == "client", streamOf(each.On)); err != nil {
			t.Errorf("%s: %v", each.Name, err)
		}
	}
}

func streamOf(name string) byte {
	if name == "data" {
		return Data
	}
	return Control
}

func TestWhatIsOnlyRead(t *testing.T) {
	for _, each := range read(t).ReadOnly {
		f, err := decodeOne(t, each.Hex)
		switch {
		case err != nil:
			t.Errorf("%s: %v", each.Name, err)
		case each.Frame == nil && f.Type < firstFree:
			t.Errorf("%s: not ignored", each.Name)
		case each.Frame != nil && !reflect.DeepEqual(shown(f), each.Frame):
			t.Errorf("%s: read as %v", each.Name, shown(f))
		}
	}
}

func TestBadFramesAreViolations(t *testing.T) {
	for _, each := range read(t).BadFrames {
		if f, err := decodeOne(t, each.Hex); err == nil {
			t.Errorf("%s: read as %v", each.Name, shown(f))
		}
	}
}

func TestCompressedBodies(t *testing.T) {
	for _, each := range read(t).Compressed {
		f, err := decodeOne(t, each.Hex)
		if err != nil {
			t.Fatalf("%s: %v", each.Name, err)
		}
		body, err := decoded(f.Body, f.Flags&encodingBits, f.Size)
		isOffered := f.Flags&encodingBits == deflateRaw
		if (err == nil) != (each.Text != "" && isOffered) || err == nil && string(body) != each.Text {
			t.Errorf("%s: %q, %v", each.Name, body, err)
		}
	}
}

// What goes wrong before the fields of a frame are read.
func TestLengths(t *testing.T) {
	for length, isFine := range map[uint32]bool{0: false, 1: true, maxFrame: true, maxFrame + 1: false, 1 << 31: false} {
		in := binary.BigEndian.AppendUint32(nil, length)
		if isFine {
			in = append(in, make([]byte, length)...)
		}
		if _, err := readFrame(bytes.NewReader(in)); (err == nil) != isFine {
			t.Errorf("a length of %d: %v", length, err)
		}
	}
}
