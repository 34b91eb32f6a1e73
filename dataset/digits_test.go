package dataset

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math"
	"strings"
	"testing"
)

func TestDigits(t *testing.T) {
	x, y := imagesOf(t, openSource(t, Digits, nil))
	if len(x) != digitsCount*digitsPixels || len(y) != digitsCount {
		t.Fatalf("%d values, %d labels", len(x), len(y))
	}
	var classes [digitsClasses]int
	for _, c := range y {
		classes[c]++
	}
	if want := [digitsClasses]int{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}; classes != want {
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

func TestPackedDigitsRefused(t *testing.T) {
	row := strings.Repeat("1,", digitsPixels) + "3\n"
	for name, text := range map[string]string{
		"short file": row,
		"short row":  "1,2,3\n",
		"pixel":      "17" + strings.Repeat(",1", digitsPixels) + "\n",
		"label":      strings.Repeat("1,", digitsPixels) + "10\n",
		"not number": "x" + strings.Repeat(",1", digitsPixels) + "\n",
		"too long":   strings.Repeat(row, digitsCount+1),
	} {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		if d := unpackDigits(b.Bytes()); d.err == nil || d.x != nil {
			t.Errorf("%s: was read", name)
		}
	}
	if d := unpackDigits([]byte("no gzip")); d.err == nil {
		t.Error("what is not packed was read")
	}
}

// openSource opens a kind, and parses a file where one is given.
func openSource(t testing.TB, kind string, file []byte, settings ...string) Source {
	t.Helper()
	s, err := trySource(kind, file, settings...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func trySource(kind string, file []byte, settings ...string) (Source, error) {
	k, err := Find(kind)
	if err != nil {
		return nil, err
	}
	env := Env{Settings: []byte(strings.Join(settings, "")), Seed: 3, Node: "0"}
	if file == nil {
		return k.Open(env)
	}
	return k.Parse(env, io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file))))
}

// imagesOf reads all of a source of a classification.
func imagesOf(t testing.TB, s Source) ([]float32, []int64) {
	t.Helper()
	b := s.Schema().Batch(s.Len())
	if err := s.Read(all(s.Len()), b); err != nil {
		t.Fatal(err)
	}
	return b.Features.Float32, b.Labels.Int64
}
