package draw

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// The numbers of a key are part of what a job means, like those of a stream.
func TestGoldenBitsOfAKey(t *testing.T) {
	k := NewKey(42, "golden", 7)
	var b []byte
	for i := range uint64(200) {
		b = binary.LittleEndian.AppendUint64(b, k.At(i))
		b = binary.LittleEndian.AppendUint64(b, uint64(k.Below(i, int(i)+1)))
	}
	const golden = "2876f40272289012"
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:8]); got != golden {
		t.Errorf("the drawn numbers changed: %s, want %s", got, golden)
	}
	// The reference implementation starts at 0 with these.
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} {
		if got := Key(0).At(uint64(i)); got != want {
			t.Errorf("number %d of SplitMix64 is %x, want %x", i, got, want)
		}
	}
}

func TestNumbersOfAKeyAreUniform(t *testing.T) {
	if k := NewKey(1, "x"); k.Below(0, 0) != 0 || k.Below(0, -3) != 0 || k.Below(5, 1) != 0 || k == NewKey(1, "y") ||
		k == NewKey(2, "x") {
		t.Error("a bound below 2 gives 0, and each purpose and seed has a key")
	}
	const m, draws = 7, 70000
	var count [m]int
	k := NewKey(3, "below")
	for i := range uint64(draws) {
		count[k.Below(i, m)]++
	}
	for i, c := range count {
		if c < draws/m*95/100 || c > draws/m*105/100 {
			t.Errorf("%d was drawn %d times of %d", i, c, draws)
		}
	}
}
