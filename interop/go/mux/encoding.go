package mux

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
)

var errUndecodable = errors.New("the body does not decode to its size")

const sample = 64 << 10 // bytes of a body that say whether the rest is worth the work

// compressed gives a body in the encoding that makes it shorter, if one does, and that encoding.
func compressed(body []byte) ([]byte, byte) {
	if len(body) > sample {
		if _, encoding := compressed(body[:sample]); encoding == plainBytes {
			return body, plainBytes
		}
	}
	var out bytes.Buffer
	writer, _ := flate.NewWriter(&out, flate.BestSpeed)
	writer.Write(body)
	writer.Close()
	if out.Len() >= len(body) {
		return body, plainBytes
	}
	return out.Bytes(), deflateRaw
}

// decoded undoes an encoding. It takes memory for no more than size bytes, and for those only as they appear.
func decoded(body []byte, encoding byte, size uint32) ([]byte, error) {
	switch {
	case encoding == plainBytes && len(body) == int(size):
		return body, nil
	case encoding != deflateRaw || len(body) >= int(size):
		return nil, errUndecodable
	}
	in := bytes.NewReader(body)
	var out bytes.Buffer
	if _, err := io.Copy(&out, io.LimitReader(flate.NewReader(in), int64(size)+1)); err != nil {
		return nil, errUndecodable
	}
	if out.Len() != int(size) || in.Len() > 0 {
		return nil, errUndecodable
	}
	return out.Bytes(), nil
}
