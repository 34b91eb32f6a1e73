package kernel

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// fused returns the name of an instruction in a listing that multiplies and adds with one rounding, on arm64 or on
// amd64, or "". The vector forms of amd64 have the same names with a V before them. FMA of fma.go is meant to be one.
func fused(listing []byte) string {
	for line := range bytes.Lines(listing) {
		if bytes.Contains(line, []byte("/fma.go:")) {
			continue
		}
		for _, name := range []string{"FMADD", "FMSUB", "FNMADD", "FNMSUB"} {
			if bytes.Contains(line, []byte(name)) {
				return name
			}
		}
	}
	return ""
}

// Trap fused-product: where Go may fuse a product and a sum into one rounding, this package's code leaves it no chance.
// The compiler's own output is searched, on the two targets that fuse; code that invites fusing shows that the search
// finds it.
func TestNoFusedMultiplyAdd(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the package twice")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("THE SEARCH FOR FUSED INSTRUCTIONS DOES NOT RUN: there is no go command here")
	}
	planted := t.TempDir()
	write(t, filepath.Join(planted, "go.mod"), "module planted\n\ngo 1.26\n")
	write(t, filepath.Join(planted, "p.go"),
		"package planted\n\nfunc F(x, y, z float32) float32 { return x*y + z }\n\n"+
			"func G[T float32 | float64](x, y, z T) T { return x*y + z }\n\nvar _ = G[float32]\n")
	// Generic code is compiled where it is used: the backend uses every loop.
	for _, target := range [][]string{{"GOARCH=arm64"}, {"GOARCH=amd64", "GOAMD64=v3"}} {
		if fused(assembly(t, planted, target)) == "" {
			t.Errorf("%v: the search does not find the fused instruction that was planted", target)
		}
		for _, pkg := range []string{".", "..", "../../../fmath"} {
			if m := fused(assembly(t, pkg, target)); m != "" {
				t.Errorf("%v: %s has the instruction %s; round the product explicitly before it is added, or say FMA", target, pkg,
					m)
			}
		}
	}
}

// assembly compiles the package of a folder and returns the listing.
func assembly(t *testing.T, dir string, target []string) []byte {
	cmd := exec.Command("go", "build", "-gcflags=-S", "-o", os.DevNull, ".")
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), target...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("compiling %s for %v: %v\n%s", dir, target, err, out)
	}
	return out
}

func write(t *testing.T, path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
