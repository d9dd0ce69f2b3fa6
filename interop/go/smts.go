package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// Flags and sizes of the frames of PointSub v1.2.
const (
	smtsFirst      = 0x01
	smtsLast       = 0x02
	smtsCompressed = 0x04
	smtsCompact    = 0x40

	smtsCompactEnd   = 65_536
	smtsCompressFrom = 1024
	smtsDataTimeout  = 30 * time.Second
)

var (
	errSMTSChecksum = errors.New("校验和不匹配")
	errSMTSNoStart  = errors.New("protocol violation: received non-first fragment without start marker")
)

// smtsVersion is what the releases from v1.2.1 on differ in.
type smtsVersion struct {
	advanced bool          // the advanced frame processor, which compresses and decompresses
	noLast   bool          // v1.2.1 and v1.2.2 send no last frame when the end of a stream comes alone
	patience time.Duration // for the next frame of a stream: 5 s in every release
}

// smts is PointSub v1.2's message transporter with the frame processor below it, its misreading included.
type smts struct {
	network.Stream
	smtsVersion
}

// Send writes the header and the data one after the other, as Go does.
func (s smts) Send(data []byte) error { return s.writeFrame(data, 0) }

func (s smts) writeFrame(data []byte, flags uint32) error {
	if s.advanced && len(data) > smtsCompressFrom {
		var zipped bytes.Buffer
		writer, _ := gzip.NewWriterLevel(&zipped, 6)
		writer.Write(data)
		writer.Close()
		if float64(zipped.Len())/float64(len(data)) < 0.9 {
			data, flags = zipped.Bytes(), flags|smtsCompressed
		}
	}
	if _, err := s.Write(smtsHeader(data, flags)); err != nil {
		return err
	}
	if len(data) == 0 {
		return nil
	}
	_, err := s.Write(data)
	return err
}

func smtsHeader(data []byte, flags uint32) []byte {
	checksum := crc32.ChecksumIEEE(data)
	if len(data) < smtsCompactEnd {
		header := binary.BigEndian.AppendUint16(nil, uint16(len(data)))
		return append(header, byte(checksum), byte(flags|smtsCompact))
	}
	header := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	header = binary.BigEndian.AppendUint32(header, checksum)
	return binary.BigEndian.AppendUint32(header, flags)
}

// Receive knows no flags but the compression, and has no deadline.
func (s smts) Receive() ([]byte, error) {
	data, _, err := s.readFrame(0)
	return data, err
}

// readFrame takes bit 6 of the fourth byte for the sign of a short header. In a long one that byte is the lowest of
// the size, so it misreads every long frame whose size has that bit, as Go does.
func (s smts) readFrame(patience time.Duration) ([]byte, uint32, error) {
	if patience > 0 {
		s.SetReadDeadline(time.Now().Add(patience))
		defer s.SetReadDeadline(time.Time{})
	}
	header := make([]byte, 4, 12)
	if _, err := io.ReadFull(s, header); err != nil {
		return nil, 0, err
	}
	size, checksum, flags := uint32(binary.BigEndian.Uint16(header)), uint32(header[2]), uint32(header[3])
	mask := uint32(0xff)
	if header[3]&smtsCompact == 0 {
		header = header[:12]
		if _, err := io.ReadFull(s, header[4:]); err != nil {
			return nil, 0, err
		}
		size, checksum = binary.BigEndian.Uint32(header), binary.BigEndian.Uint32(header[4:])
		flags, mask = binary.BigEndian.Uint32(header[8:]), 0xffffffff
	}
	if patience > 0 {
		s.SetReadDeadline(time.Now().Add(smtsDataTimeout))
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(s, data); err != nil {
		return nil, 0, err
	}
	if size > 0 && checksum != 0 && crc32.ChecksumIEEE(data)&mask != checksum {
		return nil, 0, errSMTSChecksum
	}
	if !s.advanced || flags&smtsCompressed == 0 || size == 0 {
		return data, flags, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, 0, err
	}
	data, err = io.ReadAll(reader)
	return data, flags, err
}

// SendStream sends a chunk for each Read, and an empty last frame when the end comes alone.
func (s smts) SendStream(reader io.Reader) error {
	buffer := make([]byte, smtsChunkSize(reader))
	for flags := uint32(smtsFirst); ; {
		count, err := reader.Read(buffer)
		if err == io.EOF {
			flags |= smtsLast
		}
		if count > 0 || (err == io.EOF && !s.noLast) {
			more := flags
			if count == 0 {
				more = smtsLast // never the first, not even when there was none
			}
			if sendErr := s.writeFrame(buffer[:count], more); sendErr != nil {
				return sendErr
			}
			flags = 0
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func smtsChunkSize(reader io.Reader) int {
	sized, known := reader.(interface{ Size() int64 })
	switch {
	case known && sized.Size() < 128<<10:
		return 4 << 10
	case known && sized.Size() < 1<<20:
		return 16 << 10
	default:
		return 64 << 10
	}
}

// ReceiveStream gives up when a frame does not begin in time.
func (s smts) ReceiveStream(writer io.Writer) error {
	for started := false; ; {
		data, flags, err := s.readFrame(s.patience)
		if err != nil {
			return err
		}
		started = started || flags&smtsFirst != 0
		if !started {
			return errSMTSNoStart
		}
		if _, err := writer.Write(data); err != nil {
			return err
		}
		if flags&smtsLast != 0 {
			return nil
		}
	}
}
