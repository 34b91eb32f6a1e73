package same

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Variant is another build of this program, or another setting of its runtime.
type Variant struct {
	Name  string
	build []string // arguments of go build
	env   []string // of the build, and of the run
	run   []string // of the run
}

// Variants are those that are compared with the process itself, which runs on one thread.
func Variants() []Variant {
	v := []Variant{
		{Name: "GOMAXPROCS=1 GOGC=10", run: []string{"GOMAXPROCS=1", "GOGC=10"}},
		{Name: "GOMAXPROCS=2 GOGC=400", run: []string{"GOMAXPROCS=2", "GOGC=400"}},
		{Name: "race detector", build: []string{"-race"}, env: []string{"CGO_ENABLED=1"},
			run: []string{"GOMAXPROCS=2"}},
	}
	if runtime.GOARCH == "amd64" {
		v = append(v, Variant{Name: "GOARCH=386", build: []string{}, env: []string{"GOARCH=386", "CGO_ENABLED=0"},
			run: []string{"GOMAXPROCS=1"}},
			Variant{Name: "GOAMD64=v3", build: []string{}, env: []string{"GOAMD64=v3"}, run: []string{"GOMAXPROCS=1"}})
	}
	return v
}

// executable is the program of a variant, which Prepare has built into dir, or this one.
func (v Variant) executable(dir string) (string, error) {
	if v.build == nil {
		return os.Executable()
	}
	return filepath.Join(dir, strings.Map(func(r rune) rune {
		if r == ' ' || r == '=' {
			return '-'
		}
		return r
	}, v.Name)+".program"), nil
}

func (v Variant) make(path string) error {
	args := append(append([]string{"build", "-o", path}, v.build...), "github.com/rhizome-ml/rhizome/cmd/rhizome")
	cmd := exec.Command("go", args...)
	cmd.Env = append(append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", runtime.NumCPU())), v.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf(
			"the program for %s cannot be built here (the proof wants the go command and the source tree): %w\n%s",
			v.Name, err, out)
	}
	return nil
}

// answerer is a running variant.
type answerer struct {
	Variant
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
	errs bytes.Buffer
}

// start starts a variant that answers seeds.
func (v Variant) start(dir string, command []string) (*answerer, error) {
	path, err := v.executable(dir)
	if err != nil {
		return nil, err
	}
	a := &answerer{Variant: v, cmd: exec.Command(path, command...)}
	a.cmd.Env = append(os.Environ(), v.run...)
	a.cmd.Stderr = &a.errs
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	a.out = bufio.NewScanner(out)
	a.out.Buffer(nil, 1<<20)
	return a, a.cmd.Start()
}

func (a *answerer) ask(seed uint64) error {
	_, err := fmt.Fprintln(a.in, seed)
	return err
}

func (a *answerer) answer() (string, error) {
	if a.out.Scan() {
		return a.out.Text(), nil
	}
	a.in.Close()
	return "", fmt.Errorf("%s ended: %v\n%s", a.Name, a.cmd.Wait(), a.errs.String())
}

func (a *answerer) stop() {
	a.in.Close()
	a.cmd.Wait() // it has answered what it was asked
}
