package main

import (
	"encoding/binary"
	"math/rand/v2"
)

// body makes the pseudo-random bytes of request i: the same in every run, different in every request.
func body(i, size int) []byte {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], uint64(i))
	bytes := make([]byte, size)
	rand.NewChaCha8(seed).Read(bytes)
	return bytes
}

// pattern makes the bytes that every vector of this project is made of.
func pattern(size int) []byte {
	bytes := make([]byte, size)
	for i := range bytes {
		bytes[i] = byte((7*i + 3) % 251)
	}
	return bytes
}
