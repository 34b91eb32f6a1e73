package nodes_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
)

// TestSecretsGoNowhere: the secret of an invitation stands in the line that a server prints to be pasted, and nowhere
// else: not in what a client says when it is stopped, in no status or list, in no dump, and in no file of either. A
// client used to print its whole command line, and a run of processes the invitation that its server had made for
// nobody.
func TestSecretsGoNowhere(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	server := start(t, dir, "server", "--json", "--dir", in("server"), "--listen", loopback, "--rounds", "100000",
		"--clients", "1")
	invited := server.Await(t, "invitation", isEvent("invitation")).Invitation
	i, err := invitation.Parse(invited)
	if err != nil {
		t.Fatal(err)
	}
	client := start(t, dir, "join", invited, "--json", "--dir", in("client"), "--listen", loopback)
	server.Await(t, "round 3", func(e told) bool { return e.Event == "round" && e.Round >= 3 })
	client.Cmd.Process.Signal(os.Interrupt)
	if code := client.End(t); code != exitInterrupted || !strings.Contains(client.Errs.String(),
		"to go on: rhizome join --json --dir") {
		t.Errorf("stopped with code %d, %s", code, client.Errs)
	}
	said := client.Errs.String()
	for _, args := range [][]string{{"status", "--json"}, {"status"}, {"peers", "--json"}, {"members", "--json"},
		{"invite", "list", "--json"}} {
		for _, name := range []string{"server", "client"} {
			o := rhizome(t, append(args, "--dir", in(name))...)
			said += o.Out + o.Err
		}
	}
	server.Cmd.Process.Signal(os.Interrupt)
	server.End(t)
	said += server.Errs.String()
	for _, name := range []string{"server", "client"} {
		o := rhizome(t, "journal", "dump", in(name), "--json")
		said += o.Out + o.Err
	}
	if strings.Contains(said, invited) || strings.Contains(said, string(i.Secret[:])) {
		t.Error("the invitation is in what was said")
	}
	for line := range strings.Lines(said) {
		if strings.Contains(line, "rhizome:A") {
			t.Errorf("an invitation is in %.200q", line)
		}
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, i.Secret[:]) || bytes.Contains(b, []byte(invited)) {
			t.Errorf("the secret is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range [][]string{{"--json"}, nil} {
		if o := rhizome(t, append([]string{"run", "--processes", "--rounds", "3", "--clients", "2", "--dir",
			in("run" + strings.Join(more, ""))}, more...)...); o.Code != exitOK || strings.Contains(o.Out+o.Err,
			"rhizome:A") {
			t.Errorf("a run of processes: exit code %d, %s%s", o.Code, o.Out, o.Err)
		}
	}
}
