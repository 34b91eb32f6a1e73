package lives_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestAFolderOfARunWentBack: a folder of a run that was copied back is older than those of the other nodes. The run
// goes on, to the model of an undisturbed one, and says which folder went back; it used to say nothing.
func TestAFolderOfARunWentBack(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	run := func(more ...string) []string {
		return append([]string{"run", "--json", "--rounds", "120", "--clients", "2", "--dir"}, more...)
	}
	want := rhizome(t, run(in("ref"))...).Result(t)
	stopAt := func(round int) {
		s := start(t, dir, run(in("run"))...)
		s.Await(t, "a round", func(e told) bool { return e.Event == "round" && e.Round >= round })
		s.Cmd.Process.Kill()
		s.End(t)
	}
	stopAt(10)
	copied(t, in("run/client-01"), in("copy"))
	stopAt(30)
	moved(t, in("copy"), in("run/client-01"))
	s := start(t, dir, run(in("run"))...)
	said := s.Await(t, "the word that a folder went back", isEvent("surpassed"))
	if said.Node != "client-01" || !strings.Contains(said.Text, "the directory of client-01 is from") ||
		!strings.Contains(said.Text, "server saw this node") {
		t.Errorf("%+v", said)
	}
	if done := s.Await(t, "the result", isEvent("done")); done.ModelSHA256 != want.ModelSHA256 {
		t.Errorf("%+v, undisturbed %+v", done, want)
	}
	if code := s.End(t); code != exitOK {
		t.Errorf("code %d: %s", code, s.Errs)
	}
}
