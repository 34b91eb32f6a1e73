package digits

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"testing"
)

func TestLoad(t *testing.T) {
	x, y, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(x) != Count*Pixels || len(y) != Count {
		t.Fatalf("%d values, %d labels", len(x), len(y))
	}
	var classes [Classes]int
	for _, c := range y {
		classes[c]++
	}
	if want := [Classes]int{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}; classes != want {
		t.Errorf("classes %v, want %v", classes, want)
	}
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:8]); got != "9f578524b6cec1fc" {
		t.Errorf("the images changed: %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	row := strings.Repeat("1,", Pixels) + "3\n"
	for name, text := range map[string]string{
		"short file": row,
		"short row":  "1,2,3\n",
		"pixel":      "17" + strings.Repeat(",1", Pixels) + "\n",
		"label":      strings.Repeat("1,", Pixels) + "10\n",
		"not number": "x" + strings.Repeat(",1", Pixels) + "\n",
		"too long":   strings.Repeat(row, Count+1),
	} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		if d := parse(b.Bytes()); d.err == nil || d.x != nil {
			t.Errorf("%s: was read", name)
		}
	}
	if d := parse([]byte("no gzip")); d.err == nil {
		t.Error("what is not packed was read")
	}
}
