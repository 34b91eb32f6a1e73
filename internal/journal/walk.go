package journal

import "fmt"

// walk calls fn for the records of a segment from its first on, up to the first that is not whole or not the next in
// number. It returns the number and the offset of that one, and the error of fn, if it gave one.
func walk(buf []byte, h segmentHeader, fn func(lsn uint64, payload []byte) error) (next uint64, end int64, err error) {
	next, end = h.first, segmentHeaderBytes
	seed := saltCRC(h.salt)
	for {
		r, payload, ok := parseRecord(buf[end:], seed)
		if !ok || r.lsn != next {
			return next, end, nil
		}
		if err := fn(next, payload); err != nil {
			return next, end, err
		}
		next++
		end += r.bytes()
	}
}

// tail looks at what lies behind the last whole record of the last segment, where record number next is broken. If a
// record behind it was written when next was durable already, next was not torn by a crash but damaged later, and the
// reason says so. Else dropped counts the heads of records behind it, and reach is where the last of them ends.
//
// Only heads are checked, in one pass: their salted checksum is enough to tell a record from a payload that imitates
// one.
func tail(buf []byte, salt, next uint64) (dropped, reach int, reason string) {
	seed := saltCRC(salt)
	for off := 0; off+recordHeaderBytes <= len(buf); {
		h, ok := parseHead(buf[off:], seed)
		switch {
		case !ok:
			off += recordAlign
			continue
		case off == 0 && h.lsn != next:
			// The place of record next was free when next was written, so no crash can put another one there.
			return 0, 0, fmt.Sprintf("record %d is in its place", h.lsn)
		case h.lsn > next && h.durable > next:
			return 0, 0, fmt.Sprintf("the record does not match its checksums, and record %d behind it was written "+
				"when it was durable", h.lsn)
		case h.lsn > next:
			dropped++
			reach = off + recordHeaderBytes
		}
		off += recordHeaderBytes
	}
	return dropped, reach, ""
}
