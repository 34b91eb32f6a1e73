package live

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove/wires"
)

// TestMain lets this program be the program of a trial.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Getenv(markKey) == "" {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "ticks": // writes a line now and then until it is ended
		for i := 1; ; i++ {
			fmt.Printf("{\"event\":\"tick\",\"round\":%d,\"pid\":%d}\n", i, os.Getpid())
			time.Sleep(5 * time.Millisecond)
		}
	case "parent": // starts another
		cmd := exec.Command(os.Args[0], "ticks")
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		cmd.Wait()
	case "fails":
		fmt.Println("{\"event\":\"begun\"}")
		fmt.Fprintln(os.Stderr, "no way to go on")
		os.Exit(3)
	case "fills": // writes a file
		err := os.WriteFile(os.Args[2], make([]byte, 4096), 0o600)
		fmt.Printf("{\"event\":\"wrote\",\"reason\":%q}\n", fmt.Sprint(err))
	}
	os.Exit(0)
}

const soon = 20 * time.Second

func world(t *testing.T) *World {
	t.Helper()
	w, err := New(os.Args[0], t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func start(t *testing.T, w *World, in *wires.Host, args ...string) *Process {
	t.Helper()
	p, err := w.Start(args[0], in, args...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func await(t *testing.T, p *Process, from *int, event string) Line {
	t.Helper()
	l, err := p.Await(event, from, soon, Is(event))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestStoppedAndContinued: a stopped process writes nothing, and goes on where it was.
func TestStoppedAndContinued(t *testing.T) {
	p := start(t, world(t), nil, "ticks")
	at := 0
	await(t, p, &at, "tick")
	if err := p.Signal(Pause); err != nil {
		t.Fatal(err)
	}
	for late := (*LateError)(nil); !errors.As(errOf(p.Await("tick", &at, 200*time.Millisecond, Is("tick"))), &late); {
	}
	stopped := len(p.Lines())
	p.Signal(Resume)
	if l := await(t, p, &at, "tick"); l.Round != stopped+1 {
		t.Errorf("line %d follows line %d", l.Round, stopped)
	}
	p.Kill()
	if code, err := p.Wait(soon); code != -1 || err != nil {
		t.Errorf("a killed process has code %d (%v)", code, err)
	}
}

func errOf(_ Line, err error) error { return err }

// TestOrphansEnd: the child of a killed process ends with its world, and no process of anybody else is taken for one of
// it.
func TestOrphansEnd(t *testing.T) {
	w := world(t)
	p := start(t, w, nil, "parent")
	child := await(t, p, nil, "tick").PID
	if !w.Owns(child) || child == p.PID() || w.Owns(os.Getpid()) || w.Signal(os.Getpid(), syscall.SIGKILL) == nil {
		t.Fatalf("child %d of %d", child, p.PID())
	}
	p.Kill()
	if !w.Owns(child) {
		t.Error("the child ended with its parent: the test shows nothing")
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if w.Owns(child) {
		t.Error("the child is left")
	}
	if _, err := os.Stat(w.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

// TestEndsAreTold: waiting for what never comes tells the code and what was written to the end.
func TestEndsAreTold(t *testing.T) {
	p := start(t, world(t), nil, "fails")
	await(t, p, nil, "begun")
	var ended *EndedError
	if _, err := p.Await("more", nil, soon, Is("more")); !errors.As(err, &ended) || ended.Code != 3 ||
		p.Errors() != "no way to go on\n" {
		t.Errorf("%v", err)
	}
}

// TestFullDisk: nothing can be written to a full disk, and again to one that was freed; nobody else sees it.
func TestFullDisk(t *testing.T) {
	w := world(t)
	d, err := w.NewDisk("disk", 2<<20)
	if err != nil {
		t.Skip("NOT TRIED HERE, which needs root on Linux: ", err)
	}
	file := filepath.Join(d.Path(), "file")
	for _, full := range []bool{true, false} {
		change := d.Free
		if full {
			change = d.Fill
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if l := await(t, start(t, w, nil, "fills", file), nil, "wrote"); (l.Reason == "<nil>") == full {
			t.Errorf("full %v: %s", full, l.Reason)
		}
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("seen from outside: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(d.Seen(), "file")); err != nil || len(b) != 4096 {
		t.Errorf("%d bytes (%v)", len(b), err)
	}
}

// TestEndWithTheHost: processes in a namespace end with it.
func TestEndWithTheHost(t *testing.T) {
	h, err := wires.NewHost(netip.MustParsePrefix("10.77.0.1/24"))
	if err != nil {
		t.Skip("NOT TRIED HERE, which needs root on Linux: ", err)
	}
	w := world(t)
	p, outside := start(t, w, h, "ticks"), start(t, w, nil, "ticks")
	await(t, p, nil, "tick")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if code, err := p.Wait(soon); code != -1 || err != nil {
		t.Errorf("code %d (%v)", code, err)
	}
	n := len(outside.Lines())
	await(t, outside, &n, "tick") // it goes on
}
