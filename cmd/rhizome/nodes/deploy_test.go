package nodes_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// TestServerAndClients does what the README shows: a server, and two clients with files of their own data. A client and
// the server are killed with SIGKILL on the way and started again with the same commands. All end well with the model
// of a run in one process, and no key has got anywhere (trap secret-in-snapshot).
func TestServerAndClients(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for i, part := range []string{"0", "1"} {
		if o := rhizome(t, "data", "digits", "--part", part, "--of", "2", "-o",
			in([]string{"part0.csv", "part1.csv"}[i])); o.Code != 0 {
			t.Fatal(o)
		}
	}
	job := []string{"--rounds", "60", "--clients", "2"}
	want := rhizome(t, append([]string{"run", "--json", "--dir", in("run")}, job...)...).Result(t)
	keys := ""
	for _, name := range []string{"refused", "client1"} {
		keys += strings.TrimSpace(rhizome(t, "id", "--new", "--dir", in(name)).Out) + "  # " + name + "\n"
	}
	write(t, in("sites.txt"), keys)
	serve := append([]string{"server", "--json", "--dir", in("server"), "--listen", loopback, "--allow",
		in("sites.txt")}, job...)
	server := start(t, dir, serve...)
	at := server.Await(t, "address", isEvent("listening"))
	invitation := server.Await(t, "invitation", isEvent("invitation")).Invitation
	if len(at.Addresses) == 0 || len(at.Digest) != 64 || len(invitation) > 140 {
		t.Fatalf("%+v %s", at, invitation)
	}
	join := func(name string, more ...string) []string {
		return append([]string{"join", "--json", "--dir", in(name), "--listen", loopback, "--data",
			in("part" + name[len(name)-1:] + ".csv")}, more...)
	}

	t.Run("refused", func(t *testing.T) { refusedJoins(t, dir, at.Addresses[0], at.Digest, invitation) })

	// One is invited, the key of the other is named at the server.
	first := start(t, dir, join("client0", "--member", "0", invitation)...)
	first.Await(t, "a start", isEvent("listening"))
	second := start(t, dir, join("client1", "--member", "1", at.Addresses[0], "--trust", at.Digest)...)
	server.Await(t, "round 5", func(e told) bool { return e.Event == "round" && e.Round >= 5 })
	first.Cmd.Process.Kill()
	first.End(t)
	first = start(t, dir, join("client0")...) // it knows the server
	at.Round = server.Await(t, "a round after that", func(e told) bool {
		return e.Event == "round" &&
			e.Round >= 10
	}).Round
	server.Cmd.Process.Kill()
	server.End(t)
	server = start(t, dir, serve...)
	done := server.Await(t, "the result", isEvent("done"))
	if done.ModelSHA256 != want.ModelSHA256 || done.Rounds != 60 || at.Round >= 60 {
		t.Errorf("%+v, in one process %+v", done, want)
	}
	for name, c := range map[string]*started{"client0": first, "client1": second} {
		if e := c.Await(t, "the word that it is done", isEvent("done")); e.ModelSHA256 != want.ModelSHA256 {
			t.Errorf("%s was told %+v", name, e)
		}
		if code := c.End(t); code != exitOK {
			t.Errorf("%s: exit code %d, %s", name, code, c.Errs)
		}
	}
	if code := server.End(t); code != exitOK {
		t.Errorf("server: exit code %d, %s", code, server.Errs)
	}
	if again := rhizome(t, append(join("client0"), invitation)...); again.Code != exitOK || !strings.Contains(again.Out,
		want.ModelSHA256) {
		t.Errorf("a client that was done: %+v", again)
	}
	noKeys(t, dir, "server", "client0", "client1")
}

// refusedJoins tries what a client must not do: exit code 2, one line, and no place of the job is taken.
func refusedJoins(t *testing.T, dir, address, digest, invitation string) {
	in := func(name string) string { return filepath.Join(dir, name) }
	good, err := os.ReadFile(in("part0.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(good), "\n")
	write(t, in("bad.csv"), lines[0]+strings.Replace(lines[1], ",", ",99,", 1))
	write(t, in("pixel.csv"), lines[0]+lines[1]+strings.Replace(lines[2], ",", ",17,", 1)[2:])
	write(t, in("empty.csv"), "")
	write(t, in("binary.csv"), "\x00\x01\x02\x03")
	if o := rhizome(t, "id", "--new", "--dir", in("open")); o.Code != 0 {
		t.Fatal(o)
	}
	os.Chmod(in("open/identity.key"), 0o644)
	other := strings.Replace(digest, digest[:1], map[bool]string{true: "b", false: "a"}[digest[0] == 'a'], 1)
	write(t, in("matrix.npy"), "\x93NUMPY\x01\x00")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"nobody agreed", []string{address}, "to agree: rhizome join"},
		{"another program was agreed to", []string{address, "--trust", other}, "nothing of it runs"},
		{"a digest of few digits", []string{address, "--trust", digest[:12]}, "at least the first 32"},
		{"a digest that is none", []string{address, "--trust", "yes"}, "64 hex digits"},
		{"another program was agreed to than the invitation's", []string{invitation, "--trust", other},
			"nothing of it runs"},
		{"a stranger", []string{address, "--trust", digest, "--dir", in("stranger")}, "closed, and does not know"},
		{"a mistyped invitation",
			[]string{invitation[:60] + map[bool]string{true: "B", false: "A"}[invitation[60] == 'A'] + invitation[61:]},
			"is mistyped"},
		{"half an invitation", []string{invitation[:80]}, "is cut short"},
		{"a file of another kind", []string{invitation, "--data", in("matrix.npy")}, "NumPy"},
		{"a bad file and nobody there", []string{"/ip4/127.0.0.1/tcp/1/p2p/" + strings.Split(address, "/p2p/")[1],
			"--data", in("binary.csv")}, "binary.csv: it is binary"},
		{"a bad line", []string{address, "--trust", digest, "--data", in("bad.csv")}, "bad.csv: line 2: 66 fields"},
		{"an empty file", []string{address, "--trust", digest, "--data", in("empty.csv")}, "is empty"},
		{"no such file", []string{address, "--trust", digest, "--data", in("none.csv")}, "none.csv"},
		{"no such place", []string{address, "--trust", digest, "--member", "2"}, "places 0 to 1"},
		{"no address", nil, "rhizome server prints"},
		{"no peer id", []string{strings.Split(address, "/p2p/")[0]}, "/p2p/"},
		{"another peer than is there",
			[]string{strings.Split(address, "/p2p/")[0] + "/p2p/12D3KooWBGTUea5ckHqjvc6WmHDipNM2EqbYbm63FfE8begdj6Jv"},
			"another peer is there"},
		{"no multiaddr", []string{"localhost:4001"}, "perhaps /dns4/localhost/tcp/4001/p2p/"},
		{"a web address", []string{"http://192.0.2.7:4001/"}, "do not speak http"},
		{"half a multiaddr", []string{"/ip4/192.0.2.7"}, "want /tcp/<port>"},
		{"nobody there", []string{"/ip4/127.0.0.1/tcp/1/p2p/" + strings.Split(address, "/p2p/")[1], "--wait", "300ms"},
			"tried for 300ms"},
		{"a key that others may read", []string{address, "--dir", in("open")}, "0600"},
		{"the directory of the server", []string{address, "--dir", in("server")}, "in use by another process"},
	} {
		o := rhizome(t, append([]string{"join", "--json", "--listen", loopback, "--dir", in("refused")}, c.args...)...)
		if o.Code != exitBad || strings.Count(o.Err, "\n") != 1 || !strings.Contains(o.Err, c.want) {
			t.Errorf("%s: exit code %d, %q; want %q", c.name, o.Code, o.Err, c.want)
		}
	}
	if names, err := vfs.OS().List(in("refused")); err != nil || strings.Contains(strings.Join(names, " "),
		"artifact") {
		t.Errorf("a refused join left %q, %v", names, err)
	}
}

// noKeys looks for the keys of nodes in all files below a directory, in every form that comes to mind.
func noKeys(t *testing.T, dir string, nodes ...string) {
	t.Helper()
	var secrets [][]byte
	for _, name := range nodes {
		id, err := identity.Read(vfs.OS(), filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		seed := id.Key().Seed()
		for _, text := range []string{
			hex.EncodeToString(seed), base64.StdEncoding.EncodeToString(seed)[:42],
			base64.URLEncoding.EncodeToString(seed)[:42],
		} {
			secrets = append(secrets, []byte(text))
		}
		secrets = append(secrets, seed)
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == identity.File {
			return err
		}
		b, err := os.ReadFile(path)
		for _, s := range secrets {
			if bytes.Contains(b, s) {
				t.Errorf("a key is in %s", path)
			}
		}
		files++
		return err
	})
	if err != nil || files < 20 {
		t.Errorf("%d files were looked at, %v", files, err)
	}
}
