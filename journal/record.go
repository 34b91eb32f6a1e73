package journal

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

const (
	recordHeaderBytes = 24
	recordAlign       = 8
	lsnLimit          = 1 << 62 // no journal gets there; a number above it is damage
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
	padding    [recordAlign]byte
)

// recordHeader is the fixed part of a record.
type recordHeader struct {
	length  uint32
	crc     uint32 // of the payload
	lsn     uint64
	durable uint64 // all records below it were durable when this one was written, and perhaps more
}

// recordBytes is what a payload of n bytes takes in a segment.
func recordBytes(n int) int64 {
	return recordHeaderBytes + (int64(n)+recordAlign-1)&^(recordAlign-1)
}

func (h recordHeader) bytes() int64 { return recordBytes(int(h.length)) }

// saltedCRC begins a checksum: with the salt, so that a stranger cannot forge it, and with a part that binds the rest.
func saltedCRC(salt uint64, head []byte) uint32 {
	var b [8]byte
	le.PutUint64(b[:], salt)
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, head)
}

// appendRecord appends a whole record to b. The checksum of the payload covers the LSN, so that the payload of one record under the
// head of another does not pass.
func appendRecord(b []byte, salt, lsn, durable uint64, payload []byte) []byte {
	var h [recordHeaderBytes]byte
	pad := padding[:recordBytes(len(payload))-recordHeaderBytes-int64(len(payload))]
	le.PutUint32(h[0:], uint32(len(payload)))
	le.PutUint64(h[8:], lsn)
	le.PutUint32(h[16:], uint32(min(lsn-durable, math.MaxUint32)))
	crc := crc32.Update(saltedCRC(salt, h[8:16]), castagnoli, payload)
	le.PutUint32(h[4:], crc32.Update(crc, castagnoli, pad))
	le.PutUint32(h[20:], saltedCRC(salt, h[:20]))
	b = append(b, h[:]...)
	b = append(b, payload...)
	return append(b, pad...)
}

// parseHead reads the head of a record, if b begins with one.
func parseHead(b []byte, salt uint64) (recordHeader, bool) {
	if len(b) < recordHeaderBytes {
		return recordHeader{}, false
	}
	h := recordHeader{length: le.Uint32(b), crc: le.Uint32(b[4:]), lsn: le.Uint64(b[8:])}
	behind := uint64(le.Uint32(b[16:]))
	if h.lsn == 0 || h.lsn >= lsnLimit || behind >= h.lsn || le.Uint32(b[20:]) != saltedCRC(salt, b[:20]) {
		return recordHeader{}, false
	}
	h.durable = h.lsn - behind
	return h, true
}

// parseRecord reads a whole record, if b begins with one. The payload is a part of b.
func parseRecord(b []byte, salt uint64) (h recordHeader, payload []byte, ok bool) {
	h, ok = parseHead(b, salt)
	if !ok || int64(len(b)) < h.bytes() {
		return h, nil, false
	}
	if crc32.Update(saltedCRC(salt, b[8:16]), castagnoli, b[recordHeaderBytes:h.bytes()]) != h.crc {
		return h, nil, false
	}
	return h, b[recordHeaderBytes : recordHeaderBytes+int64(h.length)], true
}
