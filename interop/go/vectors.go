package main

import (
	"bytes"
	"encoding/hex"

	"github.com/libp2p/go-msgio"
)

const hexLimit = 512 // longest frame that is printed whole, in bytes

// vectors prints the frames that the real go-msgio makes of messages of the usual and the awkward sizes.
func vectors(arguments []string) error {
	if err := newFlags("vectors").parse(arguments); err != nil {
		return err
	}
	frames := []fields{}
	for _, size := range []int{0, 1, 5, 255, 256, 300, 65535, 65536} {
		var wire bytes.Buffer
		if err := msgio.NewWriter(&wire).WriteMsg(pattern(size)); err != nil {
			return err
		}
		frame := fields{"size": size, "total": wire.Len(), "sha256": digestOf(wire.Bytes())}
		if wire.Len() <= hexLimit {
			frame["hex"] = hex.EncodeToString(wire.Bytes())
		}
		frames = append(frames, frame)
	}
	emit("vectors", fields{
		"source":  "`wire-peer vectors`, frames written by " + msgioModule + " " + moduleVersion(msgioModule),
		"pattern": "byte i of a message is (7i + 3) % 251",
		"frames":  frames,
	})
	return nil
}
