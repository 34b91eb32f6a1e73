// Package lz4 unpacks LZ4, within bounds: blocks, as Parquet has them, and frames, as Arrow has them.
package lz4

import (
	"encoding/binary"
	"errors"
)

// ErrBroken says that what was to be unpacked is not LZ4, or has another size than it should.
var ErrBroken = errors.New("broken LZ4")

// Block unpacks a block (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md) of n bytes at the most.
func Block(b []byte, n int) ([]byte, error) { return block(make([]byte, 0, n), b) }

// block unpacks a block behind what is there, to which it may refer, within the capacity of out.
func block(out, b []byte) ([]byte, error) {
	at := 0
	length := func(l int) int {
		if l != 15 {
			return l
		}
		for at < len(b) {
			l += int(b[at])
			at++
			if b[at-1] != 255 {
				break
			}
		}
		return l
	}
	for at < len(b) {
		token := b[at]
		at++
		l := length(int(token >> 4))
		if l > len(b)-at || l > cap(out)-len(out) {
			return nil, ErrBroken
		}
		out = append(out, b[at:at+l]...)
		if at += l; at == len(b) {
			return out, nil // the last sequence has no match
		}
		if at+2 > len(b) {
			return nil, ErrBroken
		}
		back := int(b[at]) | int(b[at+1])<<8
		at += 2
		l = length(int(token&15)) + 4
		if back == 0 || back > len(out) || l > cap(out)-len(out) {
			return nil, ErrBroken
		}
		for range l { // it may overlap with what it makes
			out = append(out, out[len(out)-back])
		}
	}
	return out, nil
}

// Frame unpacks a frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md) of n bytes. Its checksums are
// passed over: those who keep what it holds have their own, or none.
func Frame(b []byte, n int) ([]byte, error) {
	if len(b) < 7 || binary.LittleEndian.Uint32(b) != 0x184d2204 || b[4]>>6 != 1 || b[4]&1 != 0 {
		return nil, ErrBroken // no frame, of another version, or with a dictionary
	}
	sums, size := b[4]&0x10 != 0, b[4]&0x08 != 0
	b = b[6:]
	if size {
		if len(b) < 8 || binary.LittleEndian.Uint64(b) != uint64(n) {
			return nil, ErrBroken
		}
		b = b[8:]
	}
	if len(b) < 1 {
		return nil, ErrBroken
	}
	b = b[1:] // the checksum of the header
	out := make([]byte, 0, n)
	for {
		if len(b) < 4 {
			return nil, ErrBroken
		}
		head := binary.LittleEndian.Uint32(b)
		b = b[4:]
		k := int64(head & 0x7fffffff)
		if head == 0 {
			if len(out) != n {
				return nil, ErrBroken
			}
			return out, nil
		}
		if k > int64(len(b)) {
			return nil, ErrBroken
		}
		if head>>31 == 1 { // as it is
			if int(k) > n-len(out) {
				return nil, ErrBroken
			}
			out = append(out, b[:k]...)
		} else {
			var err error
			if out, err = block(out, b[:k]); err != nil {
				return nil, err
			}
		}
		b = b[k:]
		if sums {
			if len(b) < 4 {
				return nil, ErrBroken
			}
			b = b[4:]
		}
	}
}
