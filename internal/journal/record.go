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

// saltCRC is the state with which every checksum of a segment begins: after its salt, so that a stranger cannot forge
// one.
func saltCRC(salt uint64) uint32 {
	var b [8]byte
	le.PutUint64(b[:], salt)
	return crc32.Checksum(b[:], castagnoli)
}

// appendRecord appends a whole record to b. The checksum of the payload covers the LSN, so that the payload of one
// record under the head of another does not pass.
func appendRecord(b []byte, seed uint32, lsn, durable uint64, payload []byte) []byte {
	start := len(b)
	b = le.AppendUint32(b, uint32(len(payload)))
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, lsn)
	b = le.AppendUint32(b, uint32(min(lsn-durable, math.MaxUint32)))
	b = le.AppendUint32(b, 0)
	b = append(b, payload...)
	b = append(b, padding[:recordBytes(len(payload))-recordHeaderBytes-int64(len(payload))]...)
	record := b[start:]
	le.PutUint32(record[4:], payloadCRC(seed, record))
	le.PutUint32(record[20:], headCRC(seed, record))
	return b
}

// payloadCRC is the checksum of the LSN, the payload and the padding of a whole record.
func payloadCRC(seed uint32, record []byte) uint32 {
	return crc32.Update(crc32.Update(seed, castagnoli, record[8:16]), castagnoli, record[recordHeaderBytes:])
}

// headCRC is the checksum of the head of a record.
func headCRC(seed uint32, record []byte) uint32 { return crc32.Update(seed, castagnoli, record[:20]) }

// parseHead reads the head of a record, if b begins with one.
func parseHead(b []byte, seed uint32) (recordHeader, bool) {
	if len(b) < recordHeaderBytes {
		return recordHeader{}, false
	}
	h := recordHeader{length: le.Uint32(b), crc: le.Uint32(b[4:]), lsn: le.Uint64(b[8:])}
	behind := uint64(le.Uint32(b[16:]))
	if h.lsn == 0 || h.lsn >= lsnLimit || behind >= h.lsn || le.Uint32(b[20:]) != headCRC(seed, b) {
		return recordHeader{}, false
	}
	h.durable = h.lsn - behind
	return h, true
}

// parseRecord reads a whole record, if b begins with one. The payload is a part of b.
func parseRecord(b []byte, seed uint32) (h recordHeader, payload []byte, ok bool) {
	h, ok = parseHead(b, seed)
	if !ok || int64(len(b)) < h.bytes() {
		return h, nil, false
	}
	if payloadCRC(seed, b[:h.bytes()]) != h.crc {
		return h, nil, false
	}
	return h, b[recordHeaderBytes : recordHeaderBytes+int64(h.length)], true
}
