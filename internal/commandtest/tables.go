package commandtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// Flowers writes a table of three classes by name, and a quantity.
func Flowers(t *testing.T, path string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	b.WriteString("long,wide,species,price\n")
	for i := range 480 {
		k := float64(i % 3)
		long, wide := 3*k+rng.NormFloat64(), k*k+rng.NormFloat64()*0.5
		fmt.Fprintf(&b, "%.3f,%.3f,%s,%.3f\n", long, wide, []string{"ash", "elm", "rose"}[i%3], 2*long-wide+1)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Pictures writes a table of pictures of 10x10, one a row, of four classes.
func Pictures(t *testing.T, path string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "p%d,", i)
	}
	b.WriteString("what\n")
	for i := range 320 {
		for k := range 100 {
			v := rng.NormFloat64() * 0.3
			if row, col := k/10, k%10; i%4 == 0 && row < 3 || i%4 == 1 && col < 3 || i%4 == 2 && row > 6 {
				v++
			}
			fmt.Fprintf(&b, "%.3f,", v)
		}
		fmt.Fprintf(&b, "%s\n", []string{"top", "left", "bottom", "none"}[i%4])
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
