package engine

import "testing"

// TestLargeBuffersAreForLargePackets: of a buffer that a packet without values takes, nothing is left for a model.
func TestLargeBuffersAreForLargePackets(t *testing.T) {
	s := NewScratch()
	s.Recycle(make([]byte, 31<<10))
	s.Recycle(make([]byte, 300))
	s.Recycle(make([]byte, scratchRawBytes+1))
	for _, k := range []struct{ bytes, want int }{{0, 300}, {0, 0}, {30 << 10, 31 << 10}, {30 << 10, 0}} {
		if b := s.raw(k.bytes); cap(b) != k.want || len(b) != 0 {
			t.Errorf("for %d bytes: %d of %d; want an empty buffer of %d", k.bytes, len(b), cap(b), k.want)
		}
	}
}
