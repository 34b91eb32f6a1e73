package parquet

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/rhizome-ml/rhizome/internal/lz4"
)

// Codec is what pages are packed by.
type Codec int

// The codecs.
const (
	Uncompressed Codec = iota
	Snappy
	Gzip
	Lzo
	Brotli
	Lz4
	Zstd
	Lz4Raw
)

var codecNames = []string{"nothing", "snappy", "gzip", "lzo", "brotli", "lz4 (of Hadoop)", "zstd", "lz4"}

// String names it.
func (c Codec) String() string {
	if c < 0 || int(c) >= len(codecNames) {
		return fmt.Sprintf("codec %d", int(c))
	}
	return codecNames[c]
}

// ratios are how much larger than its packed bytes a page can be: what a file claims beyond it is a lie.
var ratios = map[Codec]int{Uncompressed: 1, Snappy: 64, Gzip: 1100, Zstd: 1 << 16, Lz4Raw: 256}

// pageMax bounds a page.
const pageMax = 64 << 20

// unzstd is one decoder for all files, as making one takes longer than a page. It is safe for concurrent use.
var unzstd = sync.OnceValue(func() *zstd.Decoder {
	z, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(pageMax)) // options are right
	return z
})

var errUnpack = errors.New("a page does not unpack")

// unpack returns the n bytes of a page.
func unpack(c Codec, b []byte, n int) ([]byte, error) {
	ratio, known := ratios[c]
	switch {
	case !known:
		return nil, errorf("it is packed by %v; write it with zstd, snappy, gzip, lz4 or none", c)
	case n < 0 || n > pageMax || n/ratio > len(b)+1:
		return nil, errorf("a page of %d bytes, packed by %v, says that it has %d; at most %d are read", len(b), c, n,
			pageMax)
	}
	var out []byte
	err := errUnpack
	switch c {
	case Uncompressed:
		out, err = b, nil
	case Snappy:
		if size, bad := snappy.DecodedLen(b); bad == nil && size == n {
			out, err = snappy.Decode(nil, b)
		}
	case Gzip:
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(b)); err == nil {
			out, err = io.ReadAll(io.LimitReader(z, int64(n)+1))
		}
	case Zstd:
		out, err = unzstd().DecodeAll(b, make([]byte, 0, n))
	case Lz4Raw:
		out, err = lz4.Block(b, n)
	}
	if err != nil || len(out) != n {
		return nil, errorf("a page of %d bytes, packed by %v, unpacks to %d of %d bytes (%v)", len(b), c, len(out), n,
			err)
	}
	return out, nil
}
