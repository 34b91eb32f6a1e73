package libp2p

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	headBytes  = 4        // of a frame: the length of the packet
	batchBytes = 64 << 10 // what the writer puts together at most
	// packets up to here are put together with others; larger ones are written from where they are
	copyBytes  = 32 << 10
	trustBytes = 64 << 10 // what a length alone may have allocated
)

// FrameError says that a peer's stream broke the framing.
type FrameError struct {
	Bytes uint32 // the length that it claimed
	Max   int
}

// Error names the claim and the bound.
func (e *FrameError) Error() string {
	return fmt.Sprintf("transport/libp2p: a frame claims %d bytes, want at most %d", e.Bytes, e.Max)
}

// frameReader reads the frames of one stream. It is thread-unsafe.
type frameReader struct {
	r       *bufio.Reader
	max     int
	largest int // packet that came over this stream so far
}

func newFrameReader(r io.Reader, max int) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 4<<10), max: max}
}

// next returns the next packet, io.EOF at a clean end, a *FrameError, or the stream's error.
func (f *frameReader) next() ([]byte, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return nil, err
	}
	claim := binary.BigEndian.Uint32(head[:])
	if uint64(claim) > uint64(f.max) {
		return nil, &FrameError{claim, f.max}
	}
	n := int(claim)
	// A peer that sent much already may announce four times as much; otherwise the buffer grows with what arrives.
	have := min(n, max(trustBytes, 4*f.largest))
	raw := make([]byte, have)
	for got := 0; ; {
		k, err := io.ReadFull(f.r, raw[got:])
		if got += k; err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if got == n {
			break
		}
		grown := make([]byte, min(n, 4*got))
		copy(grown, raw)
		raw = grown
	}
	f.largest = max(f.largest, n)
	return raw, nil
}

// frameWriter writes frames to one stream. It is thread-unsafe.
type frameWriter struct {
	w   io.Writer
	buf []byte
}

// write writes packets in order. All but the last must be of at most copyBytes, and together they fit in batchBytes, as
// record.take has it.
func (f *frameWriter) write(packets [][]byte) error {
	f.buf = f.buf[:0]
	for _, p := range packets {
		f.buf = binary.BigEndian.AppendUint32(f.buf, uint32(len(p)))
		if len(p) <= copyBytes {
			f.buf = append(f.buf, p...)
			continue
		}
		if _, err := f.w.Write(f.buf); err != nil {
			return err
		}
		f.buf = f.buf[:0]
		if _, err := f.w.Write(p); err != nil {
			return err
		}
	}
	if len(f.buf) == 0 {
		return nil
	}
	_, err := f.w.Write(f.buf)
	if cap(f.buf) > copyBytes { // a quiet link need not keep the room of a busy one
		f.buf = nil
	}
	return err
}
