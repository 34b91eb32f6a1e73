package rhizome

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// childDir, when set, makes the test binary a program that embeds a node there, and calls it until it is killed.
const childDir = "RHIZOME_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		callForEver(dir)
	}
	goleak.VerifyTestMain(m)
}

// counter is a program of one place that counts its calls, and tells the host each.
func counter(t testing.TB, name string) *Program {
	t.Helper()
	p, err := compiled(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compiled(name string) (*Program, error) {
	g := graph.New(name)
	n := g.Input(g.Place("here"), "count", types.Int())[0]
	g.AppEmit("counted", n)
	return Compile(g)
}

func callForEver(dir string) {
	p, err := compiled("counter")
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	n, err := Open(ctx, dir, Config{Program: p})
	if err != nil {
		panic(err)
	}
	from, _ := strconv.Atoi(os.Getenv(childDir + "_FROM"))
	for i := from; ; i++ {
		if err := n.Call(ctx, "count", value.Int(i)); err != nil {
			panic(err)
		}
		fmt.Println(i)
	}
}

// TestKilledWhileCalled kills a program that embeds a node, again and again, while it calls the node: every call that
// had returned is there, none is there twice, and the events of all lives have the numbers 1 to n.
func TestKilledWhileCalled(t *testing.T) {
	dir, last := t.TempDir(), -1
	for life := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir, childDir+"_FROM="+strconv.Itoa(1000*life))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 10+7*life && lines.Scan(); n++ {
			if last, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
		}
		cmd.Process.Kill()
		for lines.Scan() {
			last, _ = strconv.Atoi(lines.Text())
		}
		cmd.Wait()
	}
	n, err := Open(t.Context(), dir, Config{Program: counter(t, "counter")})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close(context.Background())
	if err := n.Call(t.Context(), "count", value.Int(1<<20)); err != nil {
		t.Fatal(err)
	}
	at, seen, told := uint64(0), -1, 0
	for ev := range n.Events(t.Context()) {
		if at++; ev.Number != at || ev.Name != "counted" {
			t.Fatalf("event %d is number %d: %s", at, ev.Number, ev.Name)
		}
		v := int(ev.Value.(value.Int))
		if v == 1<<20 {
			break
		}
		if v != seen+1 && v%1000 != 0 {
			t.Fatalf("%d comes after %d: a call that had returned is lost, or is there twice", v, seen)
		}
		seen = v
		told++
	}
	if seen < last || told < 5*10 {
		t.Errorf("%d events up to %d, and the last call that returned was %d", told, seen, last)
	}
}

// TestConfigIsChecked: what cannot be is refused by field, and leaves no node behind.
func TestConfigIsChecked(t *testing.T) {
	p := counter(t, "counter")
	kind := component.Kind{Role: "protocol", Name: "own", New: func(component.Env) (component.Component,
		error) {
		return nil, nil
	}}
	for field, c := range map[string]Config{
		"Program":             {},
		"Place":               {Program: p, Place: "server"},
		"Options":             {Program: p, Options: map[string]any{"model": 1}},
		"Components[1]":       {Program: p, Components: []component.Kind{kind, kind}},
		"Components[0]":       {Program: p, Components: []component.Kind{{Role: "protocol", Name: "own"}}},
		"Store.SnapshotBytes": {Program: p, SnapshotBytes: -1},
		"Store.SnapshotWork":  {Program: p, SnapshotWork: -1},
	} {
		dir := filepath.Join(t.TempDir(), "node")
		_, err := Open(t.Context(), dir, c)
		var wrong *ConfigError
		if !errors.As(err, &wrong) || wrong.Field != field || wrong.Want == "" {
			t.Errorf("%s: %v", field, err)
		}
		if names, _ := os.ReadDir(dir); len(names) > 2 { // the lock and the key
			t.Errorf("%s: %v are left", field, names)
		}
	}
	if _, err := Open(t.Context(), "", Config{Program: p}); !errors.As(err, new(*ConfigError)) {
		t.Errorf("without a directory: %v", err)
	}
	if _, err := Open(t.Context(), t.TempDir(), Config{Program: p, Key: []byte{1}}); !errors.As(err,
		new(*identity.KeyError)) {
		t.Errorf("a key of one byte: %v", err)
	}
}

// TestDirectoryIsOneNodes: a directory has one process at a time, and goes on with the program that it was made with.
func TestDirectoryIsOneNodes(t *testing.T) {
	dir, p := t.TempDir(), counter(t, "counter")
	n, err := Open(t.Context(), dir, Config{Program: p})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), dir, Config{Program: p}); !errors.As(err, new(*LockedError)) {
		t.Errorf("a second node: %v", err)
	}
	self := n.Self()
	for range 2 { // as with defer beside a Close whose error counts
		if err := n.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Call(t.Context(), "count", value.Int(1)); !errors.As(err, new(*StoppedError)) {
		t.Errorf("a call of a closed node: %v", err)
	}
	for range n.Events(t.Context()) {
		t.Error("a closed node tells an event")
	}
	for field, c := range map[string]Config{
		"Seed":          {Program: p, Seed: 2},
		"Key":           {Program: p, Key: ed25519.NewKeyFromSeed(make([]byte, 32))},
		"Program":       {Program: counter(t, "another")},
		`Peers["here"]`: {Program: p, Peers: map[string][]PeerID{"here": {self}}},
	} {
		_, err := Open(t.Context(), dir, c)
		var other *ConfigError
		if !errors.As(err, &other) || other.Field != field || !strings.Contains(err.Error(), "Config."+field) {
			t.Errorf("another %s: %v", field, err)
		}
	}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := LoadProgram(b)
	if err != nil || stored.Digest() != p.Digest() || len(stored.Places()) != 1 {
		t.Fatalf("%v, %v", stored, err)
	}
	n, err = Open(t.Context(), dir, Config{Program: stored, Place: "here"})
	if err != nil || n.Self() != self {
		t.Fatalf("%v: %v, before %v", err, n, self)
	}
	if err := n.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadProgram(b[:len(b)/2]); err == nil {
		t.Error("half a program is loaded")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(gone, dir, Config{Program: p}); !errors.Is(err, context.Canceled) {
		t.Errorf("a recovery whose context has ended: %v", err)
	}
}

// TestPeerOfAKey: who a node is follows from its key, before there is a directory; what is no key is refused.
func TestPeerOfAKey(t *testing.T) {
	key := ed25519.NewKeyFromSeed([]byte("a seed of thirty-two bytes, fine"))
	p, err := PeerOf(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), t.TempDir(), Config{Program: counter(t, "counter"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close(context.Background())
	if n.Self() != p {
		t.Errorf("the node is %s, its key says %s", n.Self(), p)
	}
	if p, err := PeerOf(nil); err == nil {
		t.Errorf("no key is that of %q", p)
	}
}

// TestCallsAreRefused: a call that the program cannot take says so, and the node goes on.
func TestCallsAreRefused(t *testing.T) {
	n, err := Open(t.Context(), t.TempDir(), Config{Program: counter(t, "counter")})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close(context.Background())
	for _, c := range []struct {
		input string
		in    []value.Value
	}{{"cuont", []value.Value{value.Int(1)}}, {"count", nil}, {"count", []value.Value{value.Int(1), value.Int(2)}},
		{"count", []value.Value{nil}}, {"count", []value.Value{value.String("one")}},
		{"count", []value.Value{value.Float(1)}}} {
		if err := n.Call(t.Context(), c.input, c.in...); !errors.As(err, new(*RefusedError)) {
			t.Errorf("%s(%v): %v", c.input, c.in, err)
		}
	}
	if err := n.Call(t.Context(), "count", value.Int(7)); err != nil {
		t.Error(err)
	}
	late, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	told := 0
	for ev := range n.Events(late) {
		time.AfterFunc(50*time.Millisecond, cancel) // another would be there by then
		if told++; ev.Value != value.Int(7) {
			t.Errorf("event %v", ev)
		}
	}
	if told != 1 {
		t.Errorf("%d events", told)
	}
}

// TestManyCallers: calls from many goroutines are each there once.
func TestManyCallers(t *testing.T) {
	n, err := Open(t.Context(), t.TempDir(), Config{Program: counter(t, "counter")})
	if err != nil {
		t.Fatal(err)
	}
	const callers, calls = 20, 50
	failed := make(chan error, callers)
	for c := range callers {
		go func() {
			for i := range calls {
				if err := n.Call(t.Context(), "count", value.Int(c*calls+i)); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	seen := map[value.Value]bool{}
	for ev := range n.Events(t.Context()) {
		if seen[ev.Value] {
			t.Errorf("%v is there twice", ev.Value)
		}
		if seen[ev.Value] = true; len(seen) == callers*calls {
			break
		}
	}
	for range callers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if err := n.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
