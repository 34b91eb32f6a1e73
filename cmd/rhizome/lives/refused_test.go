package lives_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// one returns the only file, or the first, last or middle one, of those that a pattern names.
func one(t *testing.T, dir, pattern string, at float64) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s in %s: %v, %v", pattern, dir, files, err)
	}
	return files[int(at*float64(len(files)-1))]
}

// gone removes the files that a pattern names.
func gone(pattern string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s in %s: %v, %v", pattern, dir, files, err)
		}
		for _, f := range files {
			os.Remove(f)
		}
	}
}

// change rewrites a file.
func change(pattern string, at float64, f func([]byte) []byte) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := one(t, dir, pattern, at)
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, f(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func flipped(b []byte) []byte {
	b[len(b)/3] ^= 4
	return b
}

func emptied([]byte) []byte { return nil }

// halted makes a job in the middle of its rounds, in directories below dir: server, client0 and client1, the peer of a
// gossip job, a run, and a run of processes. Their processes are gone. The journals are longer than what is kept of
// them.
func halted(t *testing.T, dir string) (digest, address string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	for i, name := range []string{"part0.csv", "part1.csv"} {
		if o := rhizome(t, "data", "digits", "--part", fmt.Sprint(i), "--of", "2", "-o", in(name)); o.Code != 0 {
			t.Fatal(o)
		}
	}
	write(t, in("long.yaml"), "name: long\nclients: 2\nrounds: 100000\nhidden: 8\nbatch: 512\n")
	server := start(t, dir, "server", in("long.yaml"), "--open", "--json", "--dir", in("server"), "--listen", loopback)
	at := server.Await(t, "its address", isEvent("listening"))
	clients := []*started{server}
	for i := range 2 {
		clients = append(clients, start(t, dir, "join", "--json", "--dir", in(fmt.Sprint("client", i)), "--listen",
			loopback, "--member", fmt.Sprint(i),
			"--trust", at.Digest, "--data", in(fmt.Sprintf("part%d.csv", i)), at.Addresses[0]))
	}
	run := start(t, dir, "run", in("long.yaml"), "--json", "--dir", in("run"))
	procs := start(t, dir, "run", in("long.yaml"), "--json", "--processes", "--dir", in("procs"))
	peer := start(t, dir, "peer", "gossip", "--alone", "--json", "--rounds", "10000", "--period", "20ms", "--dir",
		in("peer"), "--listen", loopback)
	peer.Await(t, "its address", isEvent("listening"))
	for _, s := range []*started{server, run, procs} {
		s.Await(t, "round 900", func(e told) bool { return e.Event == "round" && e.Round >= 900 })
	}
	for _, s := range append(clients, run, procs, peer) {
		s.Cmd.Process.Signal(syscall.SIGKILL)
		s.End(t)
	}
	// what SIGKILL left of sockets cannot be copied
	for _, pattern := range []string{"*/control.sock", "*/*/control.sock"} {
		socks, _ := filepath.Glob(in(pattern))
		for _, s := range socks {
			os.Remove(s)
		}
	}
	return at.Digest, at.Addresses[0]
}

// TestRefusedStartChangesNothing drives every refusal of a start on a directory that holds a node or a run: exit code
// 2, one line that says what is wrong, and not one byte, name or time of a file differs afterwards, but for the files
// of locks (case 10).
func TestRefusedStartChangesNothing(t *testing.T) {
	base := t.TempDir()
	digest, address := halted(t, base)
	in := func(name string) string { return filepath.Join(base, name) }
	write(t, in("other.yaml"), "name: other\nclients: 2\nrounds: 3\n")
	server := []string{"server", in("long.yaml"), "--listen", loopback}
	join := []string{"join", "--listen", loopback}
	peer := []string{"peer", "gossip", "--alone", "--rounds", "10000", "--period", "20ms", "--listen", loopback}
	run := []string{"run", in("long.yaml")}
	procs := []string{"run", in("long.yaml"), "--processes"}
	more := func(args []string, add ...string) []string { return append(slices.Clone(args), add...) }
	nothing := func(*testing.T, string) {}
	lookOnly := func(t *testing.T, dir string) { write(t, filepath.Join(dir, directory.LookFile), "{}") }
	newer := func(b []byte) []byte { return []byte(strings.Replace(string(b), `"format":2`, `"format":9`, 1)) }
	for _, c := range []struct {
		name, dir string
		harm      func(*testing.T, string)
		args      []string
		want      []string
	}{
		{"another job", "server", nothing, []string{"server", in("other.yaml")},
			[]string{"holds the job long, not other"}},
		{"other settings", "server", nothing, more(server, "--rounds", "7"), []string{"rounds 100000, not 7"}},
		{"a server's directory for a client", "server", nothing, join, []string{"belongs to a server"}},
		{"a bad address", "server", nothing, []string{"server", in("long.yaml"), "--listen", "localhost:1"},
			[]string{"localhost:1"}},
		{"to look at only", "server", lookOnly, server,
			[]string{"to be looked at only", "rhizome restore FILE --dir NEW --as move"}},
		{"no key", "server", gone("identity.key"), server, []string{"identity.key is gone", "rhizome restore"}},
		{"a damaged key", "server", change("identity.key", 0, flipped), server, []string{"identity.key", "damaged"}},
		{"a key for all", "server", func(t *testing.T, dir string) {
			os.Chmod(filepath.Join(dir, "identity.key"),
				0o644)
		}, server, []string{"0600"}},
		{"no record", "server", gone("node.json"), server, []string{"has lost its node.json", "rhizome restore"}},
		{"a damaged record", "server", change("node.json", 0, flipped), server, []string{"damaged node.json"}},
		{"a newer record", "server", change("node.json", 0, newer), server, []string{"format 9"}},
		{"no snapshots", "server", gone("snapshot-*"), server, []string{"has lost its snapshots", "sound",
			"begins with record"}},
		{"damaged snapshots", "server", func(t *testing.T, dir string) {
			files, _ := filepath.Glob(filepath.Join(dir, "snapshot-*.snap"))
			for _, f := range files {
				b, _ := os.ReadFile(f)
				write(t, f, string(flipped(b)))
			}
		}, server, []string{"none of its snapshots that is whole", "damaged at byte"}},
		{"no middle segment", "server", func(t *testing.T, dir string) { os.Remove(one(t, dir, "journal-*.seg", 0.6)) },
			server, []string{"in no file", "segments between the two are gone"}},
		{"an empty middle segment", "server", change("journal-*.seg", 0.6, emptied), server,
			[]string{"the file is empty", "later segment"}},
		{"a damaged segment", "server", change("journal-*.seg", 0.6, flipped), server, []string{"damaged at byte"}},

		{"another server", "client0", nothing,
			more(join, strings.Split(address, "/p2p/")[0]+"/p2p/12D3KooWBGTUea5ckHqjvc6WmHDipNM2EqbYbm63FfE8begdj6Jv"),
			[]string{"holds a client of the server"}},
		{"other data", "client0", nothing, more(join, "--data", in("part1.csv")), []string{"SHA-256"}},
		{"no data", "client0", nothing, more(join, "--data", in("none.csv")), []string{"none.csv"}},
		{"a bad address for a client", "client0", nothing, more(join[:1], "--listen", "nowhere"), []string{"nowhere"}},
		{"a client's directory for a server", "client0", nothing, server, []string{"belongs to a client"}},
		{"a client's directory for a peer", "client0", nothing, peer, []string{"belongs to a client"}},
		{"a client without its key", "client0", gone("identity.key"), join, []string{"identity.key is gone"}},
		{"a client without its record", "client0", gone("node.json"), more(join, "--trust", digest, address),
			[]string{"has lost its node.json"}},
		{"a client without the program", "client0", gone("artifact.onnx"), join,
			[]string{"has lost its artifact.onnx"}},
		{"a client with another program", "client0", change("artifact.onnx", 0, flipped), join,
			[]string{"artifact.onnx"}},
		{"a client without snapshots", "client0", gone("snapshot-*"), join, []string{"has lost its snapshots"}},
		{"a client without a middle segment", "client0",
			func(t *testing.T, dir string) { os.Remove(one(t, dir, "journal-*.seg", 0.5)) }, join,
			[]string{"in no file"}},
		{"a client to look at only", "client0", lookOnly, join, []string{"to be looked at only"}},

		{"other settings of a peer", "peer", nothing, more(peer, "--period", "50ms"), []string{"period"}},
		{"a peer with another beginning", "peer", nothing, more(peer, "--bootstrap", address), []string{"other peers"}},
		{"a peer without its key", "peer", gone("identity.key"), peer, []string{"identity.key is gone"}},
		{"a peer without its record", "peer", gone("node.json"), peer, []string{"has lost its node.json"}},
		{"a peer with a damaged segment", "peer",
			change("journal-*.seg", 0, func(b []byte) []byte { b[600] ^= 0xff; return b }), peer, []string{"journal"}},
		{"a peer to look at only", "peer", lookOnly, peer, []string{"to be looked at only"}},

		{"another job of a run", "run", nothing, []string{"run", in("other.yaml")}, []string{"a run of the job long"}},
		{"other settings of a run", "run", nothing, more(run, "--rounds", "5"), []string{"rounds 100000, not 5"}},
		{"a run as processes", "run", nothing, procs, []string{"share a process"}},
		{"a run of a newer format", "run", change("run.json", 0, newer), run, []string{"format 9"}},
		{"a run without a client", "run",
			func(t *testing.T, dir string) { os.RemoveAll(filepath.Join(dir, "client-01")) }, run,
			[]string{"has lost the state of client-01"}},
		{"a run without a client's snapshots, keeping more", "run", gone("client-01/snapshot-*"),
			more(run, "--keep", "9"), []string{"client-01", "has lost its snapshots"}},
		{"a run with a client's segment gone", "run",
			func(t *testing.T, dir string) { os.Remove(one(t, dir, "client-01/journal-*.seg", 0.5)) }, run,
			[]string{"client-01", "in no file"}},
		{"a run to look at only", "run", lookOnly, run, []string{"to be looked at only"}},

		{"processes as a run", "procs", nothing, run, []string{"--processes"}},
		{"processes without a key", "procs", gone("client-01/identity.key"), procs,
			[]string{"client-01", "identity.key"}},
		{"processes without a record", "procs", gone("client-00/node.json"), procs,
			[]string{"client-00", "has lost its node.json"}},
		{"processes without snapshots", "procs", gone("server/snapshot-*"), procs, []string{"has lost its snapshots"}},
		{"processes without a program", "procs", gone("client-00/artifact.onnx"), procs,
			[]string{"has lost its artifact.onnx"}},
		{"processes to look at only", "procs", lookOnly, procs, []string{"to be looked at only"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), c.dir)
			if err := os.CopyFS(dir, os.DirFS(in(c.dir))); err != nil {
				t.Fatal(err)
			}
			filepath.WalkDir(dir, func(p string, e fs.DirEntry, _ error) error {
				if e.Type().IsRegular() {
					os.Chmod(p, 0o600)
				}
				return nil
			})
			c.harm(t, dir)
			before := whole(t, dir)
			o := rhizome(t, more(c.args, "--json", "--dir", dir)...)
			if o.Code != exitBad || strings.Count(o.Err, "\n") != 1 {
				t.Errorf("exit code %d, %q", o.Code, o.Err)
			}
			for _, want := range c.want {
				if !strings.Contains(o.Err, want) {
					t.Errorf("%q is not in %q", want, o.Err)
				}
			}
			if d := differing(before, whole(t, dir)); len(d) > 0 {
				t.Errorf("these differ: %q", d)
			}
			t.Log(strings.ReplaceAll(o.Err, dir, "DIR"))
		})
	}
	t.Run("busy", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "server")
		if err := os.CopyFS(dir, os.DirFS(in("server"))); err != nil {
			t.Fatal(err)
		}
		lock, err := vfs.OS().Lock(filepath.Join(dir, "process.lock"))
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Close()
		before := whole(t, dir)
		o := rhizome(t, append(server, "--dir", dir)...)
		if d := differing(before, whole(t, dir)); o.Code != exitBad || len(d) > 0 || !strings.Contains(o.Err,
			"in use by another process") {
			t.Errorf("%+v; these differ: %q", o, d)
		}
	})
}
