// Command release makes what is given away: for each platform one archive with the program, the licence and the README,
// and a file of checksums. The same commit, Go release and flags give the same bytes, wherever it runs.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// platforms are those that archives are made for.
const platforms = "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64,windows/arm64"

// beside are the files of the tree that go with the program.
func beside() []string { return []string{"LICENSE", "README.md"} }

func main() {
	out := flag.String("o", "dist", "the folder for the archives")
	of := flag.String("platforms", platforms, "GOOS/GOARCH, separated by commas")
	version := flag.String("version", "", "as in the names of the archives; empty: what git describes")
	flag.Parse()
	if err := release(*out, *version, strings.Split(*of, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release makes all archives.
func release(out, version string, platforms []string) error {
	if version == "" {
		text, err := command("git", "describe", "--tags", "--always", "--dirty")
		if err != nil {
			return err
		}
		version = strings.TrimPrefix(text, "v")
	}
	when, err := committed()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, platform := range platforms {
		goos, goarch, ok := strings.Cut(platform, "/")
		if !ok {
			return fmt.Errorf("platform %q; want GOOS/GOARCH, such as linux/amd64", platform)
		}
		program, err := build(goos, goarch)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("rhizome_%s_%s_%s", version, goos, goarch)
		packed, ending, err := pack(name, goos, program, when)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, name+ending), packed, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s%s\n", sha256.Sum256(packed), name, ending)
		fmt.Printf("%s%s: %d bytes\n", name, ending, len(packed))
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), sums.Bytes(), 0o644)
}

// build returns the program for a platform: static, without the paths of this machine.
func build(goos, goarch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "rhizome")
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, "./cmd/rhizome")
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=")
	if text, err := c.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s/%s: %w\n%s", goos, goarch, err, text)
	}
	return os.ReadFile(file)
}

// pack returns the archive of a program: a zip for Windows, else a packed tar.
func pack(name, goos string, program []byte, when time.Time) (packed []byte, ending string, err error) {
	binary := "rhizome"
	if goos == "windows" {
		binary += ".exe"
	}
	files := []file{{name + "/" + binary, 0o755, program}}
	for _, path := range beside() {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, "", err
		}
		files = append(files, file{name + "/" + path, 0o644, text})
	}
	if goos == "windows" {
		packed, err = zipped(files, when)
		return packed, ".zip", err
	}
	packed, err = tarred(files, when)
	return packed, ".tar.gz", err
}

// committed returns when the commit was made, which is the time of all files: SOURCE_DATE_EPOCH says otherwise.
func committed() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		var err error
		if text, err = command("git", "log", "-1", "--format=%ct"); err != nil {
			return time.Time{}, err
		}
	}
	s, err := strconv.ParseInt(text, 10, 64)
	return time.Unix(s, 0).UTC(), err
}

func command(name string, args ...string) (string, error) {
	b, err := exec.Command(name, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s: %s", name, exit.Stderr)
	}
	return strings.TrimSpace(string(b)), err
}
