package msg

import (
	"errors"
	"fmt"
	"slices"

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

// Marshal appends the frame of b to dst and returns the extended slice; on an
// error it returns dst as it was.
func Marshal(dst []byte, b *Batch, c Compression) ([]byte, error) {
	size := b.SizeVT()
	if size > maxBatch {
		return dst, fmt.Errorf("batch of %d bytes is larger than the limit of %d", size, maxBatch)
	}
	if c == S2 {
		return marshalS2(dst, b, size)
	}
	out := slices.Grow(dst, frameHeader+size)
	out = append(out, magic0, magic1, version, 0)
	start := len(out)
	out = out[:start+size]
	if _, err := b.MarshalToSizedBufferVT(out[start:]); err != nil {
		return dst, err
	}
	return out, nil
}

// marshalS2 puts the plain form behind the place of the compressed one, so
// that both come out of one allocation, or none.
func marshalS2(dst []byte, b *Batch, size int) ([]byte, error) {
	most := s2.MaxEncodedLen(size)
	out := slices.Grow(dst, frameHeader+most+size)
	out = append(out, magic0, magic1, version, flagS2)
	start := len(out)
	room := out[start : start+most+size]
	plain := room[most:]
	if _, err := b.MarshalToSizedBufferVT(plain); err != nil {
		return dst, err
	}
	block := s2.Encode(room[:most:most], plain)
	return out[:start+len(block)], nil
}

// Unmarshal decodes one frame into b, overwriting the events, processes and
// other entries that b held: a reader that keeps a batch decodes the next
// frame into another one. Strings and bytes in b share frame's memory unless
// it was compressed, so the caller must not change frame afterwards; strings
// of an earlier frame stay as they are. Every error matches [ErrMalformed] and
// leaves b in no useful state.
func Unmarshal(frame []byte, b *Batch) error {
	if len(frame) < frameHeader || frame[0] != magic0 || frame[1] != magic1 {
		return fmt.Errorf("%w: no frame header", ErrMalformed)
	}
	if frame[2] != version {
		return fmt.Errorf("%w: frame version %d, this program reads %d", ErrMalformed, frame[2], version)
	}
	if frame[3]&^flagS2 != 0 {
		return fmt.Errorf("%w: unknown frame flags %#x", ErrMalformed, frame[3])
	}
	payload := frame[frameHeader:]
	if frame[3]&flagS2 != 0 {
		n, err := s2.DecodedLen(payload)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if n > maxBatch {
			return fmt.Errorf("%w: %d bytes, the limit is %d", ErrMalformed, n, maxBatch)
		}
		if payload, err = s2.Decode(nil, payload); err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
	}
	if len(payload) > maxBatch {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrMalformed, len(payload), maxBatch)
	}
	b.ResetVT()
	if err := b.UnmarshalVTUnsafe(payload); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return b.check()
}

// check verifies the indexes of the tables once, so that readers need not.
// Those in arguments are checked where they are read, see [Record.ArgAt]:
// what an argument's word means is known to who has the event in its
// catalogue.
func (b *Batch) check() error {
	// Lengths are compared as 64 bits: an index may be larger than an int.
	processes, containers := uint64(len(b.Processes)), uint64(len(b.Containers))
	strings, files := uint64(len(b.Strings)), uint64(len(b.Files))
	for i, p := range b.Processes {
		if uint64(p.Container) > containers {
			return fmt.Errorf("%w: process %d names container %d of %d", ErrMalformed, i, p.Container, containers)
		}
		for _, a := range p.Ancestors {
			if uint64(a) >= processes {
				return fmt.Errorf("%w: process %d names ancestor %d of %d", ErrMalformed, i, a, processes)
			}
		}
	}
	for i, e := range b.Events {
		switch {
		case uint64(e.Process) >= processes:
			return fmt.Errorf("%w: event %d names process %d of %d", ErrMalformed, i, e.Process, processes)
		case uint64(e.Comm) >= strings:
			return fmt.Errorf("%w: event %d names string %d of %d", ErrMalformed, i, e.Comm, strings)
		case uint64(e.File) > files:
			return fmt.Errorf("%w: event %d names file %d of %d", ErrMalformed, i, e.File, files)
		}
		for _, d := range e.Dirs {
			if d == 0 || uint64(d) > files {
				return fmt.Errorf("%w: event %d names directory %d of %d", ErrMalformed, i, d, files)
			}
		}
	}
	return nil
}
