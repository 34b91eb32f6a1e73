package journal

import "fmt"

// TrimSegment clears what lies in the content of a segment behind its last record below next, as if nothing had been
// appended after it. It is for copies of the file of a journal that goes on, and returns how many records are left. A
// content that is no segment, or that ends before next although it is to reach it, is an error.
func TrimSegment(b []byte, next uint64) (records uint64, err error) {
	if len(b) < segmentHeaderBytes {
		return 0, fmt.Errorf("journal: a segment of %d bytes; want at least its header of %d", len(b),
			segmentHeaderBytes)
	}
	h, err := decodeSegmentHeader(b)
	if err != nil {
		return 0, err
	}
	end := int64(segmentHeaderBytes)
	got, _, err := walk(b, h, func(lsn uint64, payload []byte) error {
		if lsn >= next {
			return errStop
		}
		end += recordBytes(len(payload))
		return nil
	})
	if err != nil && err != errStop {
		return 0, err
	}
	clear(b[end:])
	return got - h.first, nil
}

// SegmentFirst returns the number of the first record in a segment's name.
func SegmentFirst(name string) (first uint64, ok bool) {
	return numberIn(name, segmentPrefix, segmentSuffix)
}
