package commandtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Hash returns the SHA-256 of bytes in hexadecimal digits.
func Hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Tree returns the names and contents of all files below a directory, without those of locks.
func Tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "lock" {
			return err
		}
		content, err := os.ReadFile(p)
		b.WriteString(p + " " + Hash(content) + "\n")
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return b.String()
}

// Whole returns the names, contents and times of all files below a directory, without those of locks.
func Whole(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.Name() == "lock" || e.Name() == "process.lock" {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		if out[rel] = info.Mode().String(); !e.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(p)
		out[rel] += fmt.Sprint(" ", info.ModTime().UnixNano(), " ", Hash(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Differing names the files in which two trees differ.
func Differing(a, b map[string]string) (out []string) {
	for name, was := range a {
		if b[name] != was {
			out = append(out, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			out = append(out, name+" (new)")
		}
	}
	slices.Sort(out)
	return out
}

// Write writes a file, with its folders, and returns its path.
func Write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// RoundsIn returns how many rounds the metrics in a directory have: whole lines, each of the round behind the one
// before it.
func RoundsIn(t *testing.T, dir string) (n int) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "round_metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		n++
		var r struct{ Round int }
		if err := json.Unmarshal(line, &r); err != nil || r.Round != n {
			t.Fatalf("line %d of the metrics: %v, round %d", n, err, r.Round)
		}
	}
	return n
}
