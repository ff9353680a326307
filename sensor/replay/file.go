package replay

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/tripline/tripline/pkg/msg"
)

// magic is how a recording begins: name, version, line end.
const magic = "TLREC\x00\x01\n"

// versionAt is where the version stands in magic.
const versionAt = 6

// recordHeader is the length of what stands before each frame, in bytes.
const recordHeader = 8

// castagnoli is the table of CRC-32C; the package keeps one for all.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// maxFrame bounds what a record may claim to hold, in bytes: more than any
// frame that this program writes.
const maxFrame = 32 << 20

// ErrFormat is matched by the errors of [Reader] about what is in the file.
var ErrFormat = errors.New("not a recording that this program can read")

// ErrTruncated says that the file ends in the middle of a record.
var ErrTruncated = errors.New("the recording ends in the middle of a record")

// Writer records batches. It is not safe for concurrent use.
type Writer struct {
	w     *bufio.Writer
	frame []byte
}

// NewWriter begins a recording in w.
func NewWriter(w io.Writer) (*Writer, error) {
	b := bufio.NewWriterSize(w, 256<<10)
	if _, err := b.WriteString(magic); err != nil {
		return nil, err
	}
	return &Writer{w: b}, nil
}

// Write appends a batch.
func (w *Writer) Write(b *msg.Batch) error {
	frame, err := msg.Marshal(w.frame[:0], b, msg.S2)
	if err != nil {
		return err
	}
	w.frame = frame
	var head [recordHeader]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(frame)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(frame, castagnoli()))
	if _, err := w.w.Write(head[:]); err != nil {
		return err
	}
	_, err = w.w.Write(frame)
	return err
}

// Flush writes out what is buffered.
func (w *Writer) Flush() error { return w.w.Flush() }

// Reader reads a recording.
type Reader struct {
	r      *bufio.Reader
	offset int64
}

// NewReader reads the beginning of a recording.
func NewReader(r io.Reader) (*Reader, error) {
	b := bufio.NewReaderSize(r, 256<<10)
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(b, head); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: shorter than its header", ErrFormat)
		}
		return nil, err
	}
	if string(head[:versionAt]) != magic[:versionAt] || head[versionAt+1] != magic[versionAt+1] {
		return nil, fmt.Errorf("%w: it does not begin with TLREC", ErrFormat)
	}
	if head[versionAt] != magic[versionAt] {
		return nil, fmt.Errorf("%w: version %d, expected %d", ErrFormat, head[versionAt], magic[versionAt])
	}
	return &Reader{r: b, offset: int64(len(magic))}, nil
}

// Read returns the next batch: [io.EOF] at the end, [ErrTruncated] when the
// last record is incomplete, otherwise errors that match [ErrFormat] and say
// at which byte of the file.
func (r *Reader) Read() (*msg.Batch, error) {
	var head [recordHeader]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return nil, truncated(err)
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxFrame {
		return nil, fmt.Errorf("%w: record of %d bytes at byte %d", ErrFormat, n, r.offset)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(r.r, frame); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, truncated(err)
	}
	if crc32.Checksum(frame, castagnoli()) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, fmt.Errorf("%w: record at byte %d is damaged", ErrFormat, r.offset)
	}
	b := &msg.Batch{}
	if err := msg.Unmarshal(frame, b); err != nil {
		return nil, fmt.Errorf("%w: record at byte %d: %w", ErrFormat, r.offset, err)
	}
	r.offset += recordHeader + int64(n)
	return b, nil
}

func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTruncated
	}
	return err
}
