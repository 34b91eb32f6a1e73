package arrow

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestCutStreams: wherever a stream is cut within a message, that it is cut is said.
func TestCutStreams(t *testing.T) {
	b, err := os.ReadFile("testdata/no_batches_stream.arrow")
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(b)-8; n++ {
		if _, err := Open(bytes.NewReader(b[:n]), int64(n)); err == nil || !strings.Contains(err.Error(), "is cut") {
			t.Errorf("of %d bytes %d: %v", len(b), n, err)
		}
	}
}
