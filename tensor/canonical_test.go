package tensor_test

import (
	"bytes"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
	"pgregory.net/rapid"
)

// agrees holds ParseCanonical against its slow and obvious form: parse any
// spelling, write it again, compare.
func agrees(t interface{ Fatalf(string, ...any) }, b []byte, lim tensor.Limits) (accepted bool) {
	x, err := tensor.Parse(b, lim)
	want := err == nil && bytes.Equal(x.Append(nil), b)
	y, err := tensor.ParseCanonical(b, lim)
	switch {
	case want != (err == nil):
		t.Fatalf("%x: canonical is %v, ParseCanonical gives %v", b, want, err)
	case err != nil && !isTyped(err):
		t.Fatalf("%x: untyped error %v", b, err)
	case err == nil && !y.Equal(x):
		t.Fatalf("%x: another tensor", b)
	}
	return want
}

// Encodings that were edited a little, so that many of them get far.
func TestParseCanonical(t *testing.T) {
	accepted, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		b := draw(t).Append(nil)
		if !agrees(t, b, tensor.DefaultLimits()) {
			t.Fatalf("%x: not accepted as it was written", b)
		}
		for range rapid.IntRange(1, 3).Draw(t, "edits") {
			i := rapid.IntRange(0, len(b)).Draw(t, "at")
			switch cut := min(i, len(b)-1); rapid.IntRange(0, 2).Draw(t, "edit") {
			case 0:
				b[cut] = rapid.Byte().Draw(t, "byte")
			case 1:
				b = append(b[:cut:cut], b[cut+1:]...)
			case 2:
				b = append(b[:i:i], append([]byte{rapid.Byte().Draw(t, "byte")}, b[i:]...)...)
			}
			if len(b) == 0 {
				break
			}
		}
		if agrees(t, b, tensor.DefaultLimits()) {
			accepted++
		} else {
			refused++
		}
	})
	if (accepted == 0 || refused == 0) && !testing.Short() { // a short run may draw one kind only
		t.Errorf("%d edits were accepted and %d refused: the test tries one kind only", accepted, refused)
	}
}

// Spellings that Parse reads and Append does not write, one by one.
func TestNotCanonical(t *testing.T) {
	for name, b := range map[string]string{
		"dims not packed":     "\x08\x01\x10\x01\x4a\x04abcd",
		"dims empty":          "\x0a\x00\x10\x01\x4a\x04abcd",
		"dims twice":          "\x0a\x01\x01\x0a\x01\x01\x10\x01\x4a\x04abcd",
		"long dim":            "\x0a\x02\x81\x00\x10\x01\x4a\x04abcd",
		"long length of dims": "\x0a\x81\x00\x01\x10\x01\x4a\x04abcd",
		"long type":           "\x10\x81\x00\x4a\x04abcd",
		"type beyond 32 bits": "\x10\x81\x80\x80\x80\x10\x4a\x04abcd",
		"long tag":            "\x90\x00\x01\x4a\x04abcd",
		"long length":         "\x10\x01\x4a\x84\x00abcd",
		"empty raw_data":      "\x0a\x01\x00\x10\x01\x4a\x00",
		"typed list":          "\x10\x01\x25\x00\x00\x80\x3f",
		"type after data":     "\x4a\x04abcd\x10\x01",
		"a name":              "\x10\x01\x4a\x04abcd\x42\x01x",
		"a location":          "\x10\x01\x4a\x04abcd\x70\x00",
	} {
		if _, err := tensor.Parse([]byte(b), tensor.DefaultLimits()); err != nil {
			t.Errorf("%s: Parse gives %v, so it is no spelling of a tensor", name, err)
		}
		if agrees(t, []byte(b), tensor.DefaultLimits()) {
			t.Errorf("%s: accepted", name)
		}
	}
}
