package libp2p

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
)

// FuzzFrames reads any stream: its packets are those that it holds, in order, and it ends with an end, in the middle,
// or with a length that is too large. A length alone allocates no more than trustBytes.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 7, 0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add(append([]byte{0, 0, 0x40, 0}, make([]byte, 100)...))
	fuzzing.RunWithin(f, func(n int) int { return 2*trustBytes + 16*n }, func(t *testing.T, b []byte) {
		const most = 1 << 20
		r, rest := newFrameReader(bytes.NewReader(b), most), b
		for {
			packet, err := r.next()
			if err == nil {
				if len(packet) > most || len(rest) < 4+len(packet) ||
					int(binary.BigEndian.Uint32(rest)) != len(packet) || !bytes.Equal(rest[4:4+len(packet)], packet) {
					t.Fatalf("%x is read from %x", packet, rest)
				}
				rest = rest[4+len(packet):]
				continue
			}
			var frame *FrameError
			switch {
			case err == io.EOF && len(rest) == 0:
			case errors.Is(err, io.ErrUnexpectedEOF) && len(rest) > 0:
			case errors.As(err, &frame) && len(rest) >= 4 && frame.Bytes > most:
			default:
				t.Fatalf("%x ends with %v", rest, err)
			}
			return
		}
	})
}
