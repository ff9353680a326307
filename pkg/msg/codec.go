package msg

import (
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// A frame is two magic bytes, the version, a byte of flags, and the protobuf.
const (
	magic0  = 'T'
	magic1  = 'L'
	version = 1

	frameHeader = 4
	flagS2      = 1 << 0

	// maxBatch bounds what a frame may claim to hold, in bytes. A batch is
	// flushed at 64 KiB; enrichment and a long command line can multiply it.
	maxBatch = 16 << 20
)

// ErrMalformed is matched by every error of [Unmarshal]: the frame is not one
// that this version can read and will not become one by trying again.
var ErrMalformed = errors.New("malformed batch")

// Compression says when [Marshal] compresses.
type Compression uint8

const (
	// Plain never compresses: right for loopback and in-process hops.
	Plain Compression = iota
	// S2 always compresses: right for files and remote hops.
	S2
)

// Marshal appends the frame of b to dst and returns the extended slice.
func Marshal(dst []byte, b *Batch, c Compression) ([]byte, error) {
	size := b.SizeVT()
	if size > maxBatch {
		return dst, fmt.Errorf("batch of %d bytes is larger than the limit of %d", size, maxBatch)
	}
	if c == S2 {
		plain, err := b.MarshalVT()
		if err != nil {
			return dst, err
		}
		dst = append(dst, magic0, magic1, version, flagS2)
		return append(dst, s2.Encode(nil, plain)...), nil
	}
	dst = append(dst, magic0, magic1, version, 0)
	start := len(dst)
	if cap(dst)-start < size {
		dst = append(dst, make([]byte, size)...)
	} else {
		dst = dst[:start+size]
	}
	if _, err := b.MarshalToSizedBufferVT(dst[start:]); err != nil {
		return dst[:start-frameHeader], err
	}
	return dst, nil
}

// Unmarshal decodes one frame into b, which is reset first. Strings and bytes
// in b share frame's memory unless it was compressed, so the caller must not
// change frame afterwards. Every error matches [ErrMalformed].
func Unmarshal(frame []byte, b *Batch) error {
	if len(frame) < frameHeader || frame[0] != magic0 || frame[1] != magic1 {
		return fmt.Errorf("%w: no frame header", ErrMalformed)
	}
	if frame[2] != version {
		return fmt.Errorf("%w: frame version %d, this program reads %d", ErrMalformed, frame[2], version)
	}
	payload := frame[frameHeader:]
	if frame[3]&^flagS2 != 0 {
		return fmt.Errorf("%w: unknown frame flags %#x", ErrMalformed, frame[3])
	}
	if frame[3]&flagS2 != 0 {
		n, err := s2.DecodedLen(payload)
		if err != nil || n > maxBatch {
			return fmt.Errorf("%w: s2 block of %d bytes", ErrMalformed, n)
		}
		if payload, err = s2.Decode(nil, payload); err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	b.ResetVT()
	if err := b.UnmarshalVTUnsafe(payload); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return b.check()
}

// check verifies every index of the batch once, so that readers need not.
func (b *Batch) check() error {
	for i, p := range b.Processes {
		if int(p.Container) > len(b.Containers) {
			return fmt.Errorf("%w: process %d names container %d of %d", ErrMalformed, i, p.Container, len(b.Containers))
		}
		for _, a := range p.Ancestors {
			if int(a) >= len(b.Processes) {
				return fmt.Errorf("%w: process %d names ancestor %d of %d", ErrMalformed, i, a, len(b.Processes))
			}
		}
	}
	for i, e := range b.Events {
		switch {
		case int(e.Process) >= len(b.Processes):
			return fmt.Errorf("%w: event %d names process %d of %d", ErrMalformed, i, e.Process, len(b.Processes))
		case int(e.Comm) >= len(b.Strings):
			return fmt.Errorf("%w: event %d names string %d of %d", ErrMalformed, i, e.Comm, len(b.Strings))
		case int(e.File) > len(b.Files):
			return fmt.Errorf("%w: event %d names file %d of %d", ErrMalformed, i, e.File, len(b.Files))
		}
	}
	return nil
}
