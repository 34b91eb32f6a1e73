package backups_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

// opened returns the flag with which a server takes any client, where there is one.
func opened(t *testing.T) []string {
	t.Helper()
	if o := rhizome(t, "server", "--help"); strings.Contains(o.Out, "--open") {
		return []string{"--open"}
	}
	return nil
}

func backedUp(t *testing.T, dir, file string, more ...string) {
	t.Helper()
	o := rhizome(t, append([]string{"backup", dir, "-o", file}, more...)...)
	if o.Code != exitOK {
		t.Fatalf("%+v", o)
	}
}

func restoredAs(t *testing.T, as, file, dir string, more ...string) {
	t.Helper()
	o := rhizome(t, append([]string{"restore", file, "--as", as, "--dir", dir}, more...)...)
	if o.Code != exitOK {
		t.Fatalf("%+v", o)
	}
}

// TestBackupOfARun makes backups of a run and of a run of processes while they train, kills some of the backups and the
// runs with SIGKILL on the way, and lets restored ones go on: each gives the model of an undisturbed run. A run that
// was over before all of that was done to it is tried again with twice the rounds: a backup plays back what was done so
// far, so it takes as long as that.
func TestBackupOfARun(t *testing.T) {
	for _, more := range [][]string{nil, {"--processes"}} {
		t.Run(strings.Join(append([]string{"run"}, more...), " "), func(t *testing.T) {
			rounds := map[bool]int{false: 800, true: 120}[raceEnabled]
			for !backupsOfARun(t, rounds, more...) {
				if rounds *= 2; rounds > 10000 {
					t.Fatalf("a run of %d rounds was over before its backups were made", rounds/2)
				}
			}
		})
	}
}

// backupsOfARun returns false when the run was over too early.
func backupsOfARun(t *testing.T, rounds int, more ...string) bool {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("long.yaml"), fmt.Sprintf("name: long\nclients: 2\nrounds: %d\nhidden: 8\nbatch: 512\n", rounds))
	want := rhizome(t, "run", in("long.yaml"), "--json", "--dir", in("ref")).Result(t)
	rng := random(t)
	args := func(folder string) []string {
		return append([]string{"run", in("long.yaml"), "--json", "--dir", in(folder)}, more...)
	}
	run := start(t, dir, args("of")...)
	run.Await(t, "round 5", func(e told) bool { return e.Event == "round" && e.Round >= 5 })
	var files []string
	for i := range 2 {
		file := in(fmt.Sprint("backup-", i))
		if _, hit := killed(t, time.Duration(rng.Int64N(int64(200*time.Millisecond))), syscall.SIGKILL, "backup",
			in("of"), "-o", file); hit {
			if _, err := os.Stat(file); err == nil {
				files = append(files, file) // it was there whole, or the restore will say so
			}
		}
		if o, hit := killed(t, time.Duration(rng.Int64N(int64(200*time.Millisecond))), os.Interrupt, "backup", in("of"),
			"-o", file+"-interrupted"); hit {
			if _, err := os.Stat(file + "-interrupted"); err == nil {
				t.Errorf("an interrupted backup made a file: %+v", o)
			}
		}
		if i == 1 {
			run.Cmd.Process.Kill()
			if run.End(t) == exitOK {
				return false
			}
			run = start(t, dir, args("of")...)
			if run.Await(t, "a round after that, or the end", func(e told) bool {
				return e.Event == "round" ||
					e.Event == "done"
			}).Event == "done" {
				run.End(t)
				return false
			}
		}
		backedUp(t, in("of"), file, "--force") // the one that was killed may have made it
		files = append(files, file)
	}
	run.Cmd.Process.Kill()
	if run.End(t) == exitOK {
		return false
	}
	backedUp(t, in("of"), in("stopped"))
	for i, file := range append(files, in("stopped")) {
		again := fmt.Sprint("again-", i)
		restoredAs(t, "move", file, in(again))
		if got := rhizome(t, args(again)...).Result(t); got.ModelSHA256 != want.ModelSHA256 || got.Rounds != rounds {
			t.Errorf("%s: %+v, undisturbed %+v", file, got, want)
		}
	}
	return true
}

// TestBackupOfNodes brings back a server, and then a client, from backups that were made while they ran, after they had
// gone on for a while and were killed: the job goes on to the model of an undisturbed run, although each of them is
// behind what the others saw.
func TestBackupOfNodes(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	rounds := map[bool]int{false: 1500, true: 400}[raceEnabled]
	write(t, in("long.yaml"), fmt.Sprintf("name: long\nclients: 2\nrounds: %d\nhidden: 8\nbatch: 512\n", rounds))
	want := rhizome(t, "run", in("long.yaml"), "--json", "--dir", in("ref")).Result(t)
	serve := append([]string{"server", in("long.yaml"), "--json", "--listen", loopback, "--dir"}, in("server"))
	server := start(t, dir, append(serve, opened(t)...)...)
	at := server.Await(t, "its address", isEvent("listening"))
	clients := make([]*started, 2)
	for i := range clients {
		clients[i] = start(t, dir, "join", "--json", "--listen", loopback, "--member", fmt.Sprint(i), "--trust",
			at.Digest, "--dir", in(fmt.Sprint("client", i)), at.Addresses[0])
	}
	after := func(s *started, more int) int {
		first := s.Await(t, "a round", func(e told) bool { return e.Event == "round" }).Round
		return s.Await(t, "later rounds", func(e told) bool {
			return e.Event == "round" &&
				e.Round >= first+more
		}).Round
	}
	after(server, 20)
	backedUp(t, in("server"), in("server.rz"))
	backedUp(t, in("client1"), in("client1.rz"))
	backedUp(t, in("client1"), in("keyless.rz"), "--without-key")
	reached := after(server, 30)

	server.Cmd.Process.Kill()
	server.End(t)
	t.Run("to look at", func(t *testing.T) { onlyLooked(t, dir, serve) })
	restoredAs(t, "move", in("server.rz"), in("again"))
	server = start(t, dir, append([]string{"server", "--json", "--dir", in("again")}, opened(t)...)...)
	if first := server.Await(t, "a round", isEvent("round")).Round; first > reached {
		t.Fatalf("the restored server goes on at round %d, and the old one was at %d", first, reached)
	}
	server.Await(t, "more rounds than there were", func(e told) bool {
		return e.Event == "round" &&
			e.Round > reached+20
	})

	// Somebody starts the old life again, beside the new one, and ends it before it has trained the job to its end: the
	// clients would end with it. They have seen it.
	old := start(t, dir, append(serve, opened(t)...)...)
	old.Await(t, "its address", isEvent("listening"))
	after(old, 3)
	old.Cmd.Process.Kill()
	old.End(t)
	stuck := time.AfterFunc(commandtest.Patience(), func() { server.Cmd.Process.Kill() })
	if code := server.End(t); code != exitSuperseded { // of two, the one that began later goes on
		t.Fatalf("two lives of a server: exit code %d of the one that began first\n%s", code, server.Errs)
	}
	stuck.Stop()
	server = start(t, dir, append([]string{"server", "--json", "--dir", in("again")}, opened(t)...)...)
	after(server, 20)

	clients[1].Cmd.Process.Kill()
	clients[1].End(t)
	if o := rhizome(t, "restore", in("keyless.rz"), "--as", "move", "--dir", in("none")); o.Code != exitBad ||
		!strings.Contains(o.Err, "--key FILE") {
		t.Errorf("without its key: %+v", o)
	}
	if o := rhizome(t, "restore", in("keyless.rz"), "--as", "move", "--dir", in("none"), "--key",
		in("client0")); o.Code != exitBad || !strings.Contains(o.Err, "is the key of") {
		t.Errorf("with another key: %+v", o)
	}
	restoredAs(t, "move", in("keyless.rz"), in("client-again"), "--key", in("client1/identity.key"))
	for _, name := range []string{"client0", "client-again"} { // one runs, one is stopped
		if o := rhizome(t, "members", "--dir", in(name)); o.Code != exitBad || !strings.Contains(o.Err,
			"are known to its server") {
			t.Errorf("members of a client: %+v", o)
		}
	}
	clients[1] = start(t, dir, "join", "--json", "--dir", in("client-again"), "--listen", loopback)
	got := server.Await(t, "the result", isEvent("done"))
	if got.ModelSHA256 != want.ModelSHA256 || got.Rounds != rounds {
		t.Errorf("%+v, undisturbed %+v", got, want)
	}
	for i, s := range append(clients, server) {
		if code := s.End(t); code != exitOK {
			t.Errorf("%d: exit code %d\n%s", i, code, s.Errs)
		}
	}
	noKeysIn(t, in("keyless.rz"), in("client1"))
}

// TestServerOfEndedJobGoesBack ends a job, puts its server back to where it was in the middle of it, and starts all
// again: the clients, which know the job to be over, go on with it to the same model. Where the server is not there
// they end, as before.
func TestServerOfEndedJobGoesBack(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("job.yaml"), "name: again\nclients: 2\nrounds: 200\nhidden: 8\nbatch: 512\n")
	serve := append([]string{"server", in("job.yaml"), "--json", "--listen", loopback, "--dir", in("server")},
		opened(t)...)
	server := start(t, dir, serve...)
	at := server.Await(t, "its address", isEvent("listening"))
	join := func(more ...string) (clients []*started) {
		for i := range 2 {
			args := []string{"join", "--json", "--listen", loopback, "--member", fmt.Sprint(i), "--trust", at.Digest,
				"--dir", in(fmt.Sprint("client", i))}
			clients = append(clients, start(t, dir, append(args, more...)...))
		}
		return clients
	}
	ends := func(of ...*started) {
		t.Helper()
		for _, s := range of {
			if code := s.End(t); code != exitOK {
				t.Fatalf("exit code %d\n%s", code, s.Errs)
			}
		}
	}
	clients := join(at.Addresses[0])
	server.Await(t, "a round", func(e told) bool { return e.Event == "round" && e.Round >= 5 })
	backedUp(t, in("server"), in("server.rz"))
	first := server.Await(t, "the result", isEvent("done"))
	ends(append(clients, server)...)

	ends(join()...) // nobody answers
	restoredAs(t, "move", in("server.rz"), in("again"))
	server = start(t, dir, append([]string{"server", "--json", "--dir", in("again")}, opened(t)...)...)
	server.Await(t, "its address", isEvent("listening"))
	clients = join()
	if got := server.Await(t, "the result", isEvent("done")); got.ModelSHA256 != first.ModelSHA256 {
		t.Errorf("%+v, before %+v", got, first)
	}
	ends(append(clients, server)...)
	ends(join()...)
}

// noKeysIn holds what a backup without keys holds against the file of a key.
func noKeysIn(t *testing.T, file, node string) {
	t.Helper()
	o := rhizome(t, "restore", file, "--as", "look", "--dir", file+"-looked")
	if _, err := os.Stat(filepath.Join(file+"-looked", "identity.key")); o.Code != exitOK || !os.IsNotExist(err) {
		t.Errorf("%+v, %v", o, err)
	}
	for name := range whole(t, file+"-looked") {
		b, err := os.ReadFile(filepath.Join(file+"-looked", name))
		key, err2 := os.ReadFile(filepath.Join(node, "identity.key"))
		if err2 != nil || err == nil && strings.Contains(string(b), string(key[27:60])) {
			t.Errorf("%s holds a key (%v)", name, err2)
		}
	}
}

// onlyLooked restores a backup of a server to be looked at: it can be, nothing starts on it, no key is in it, and
// nothing of it changes.
func onlyLooked(t *testing.T, dir string, serve []string) {
	in := func(name string) string { return filepath.Join(dir, name) }
	if o := rhizome(t, "restore", in("server.rz"), "--dir", in("look")); o.Code != exitBad || !strings.Contains(o.Err,
		"--as move") {
		t.Errorf("nobody to ask: %+v", o)
	}
	if _, err := os.Stat(in("look")); err == nil {
		t.Error("a restore that nobody agreed to made a directory")
	}
	o := rhizome(t, "restore", in("server.rz"), "--dir", in("look"), "--as", "look", "--json")
	var line struct {
		Event, As, What string
		Round           int
		Records         int
	}
	if err := json.Unmarshal([]byte(o.Out), &line); err != nil || line.Event != "restore" || line.What != "server" ||
		line.Round == 0 || line.Records == 0 {
		t.Fatalf("%+v: %+v, %v", o, line, err)
	}
	if _, err := os.Stat(in("look/identity.key")); !os.IsNotExist(err) {
		t.Errorf("the key: %v", err)
	}
	before := whole(t, in("look"))
	for _, args := range []string{"snapshot inspect look", "snapshot verify look", "journal verify look",
		"journal dump look", "status --dir look", "peers --dir look"} {
		cmd, out, errs := command(t, strings.Fields(args)...)
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if o := finish(t, cmd, out, errs); o.Code != exitOK || o.Out == "" {
			t.Errorf("%s: %+v", args, o)
		}
	}
	for _, args := range [][]string{
		append(append([]string{}, serve[:len(serve)-1]...), in("look")), {"join", "--dir", in("look")},
		{"peer", "gossip", "--dir", in("look")},
		{"invite", "--dir", in("look")}, {"members", "remove", "0", "--dir", in("look")},
		{"block", "12D3KooWBGTUea5ckHqjvc6WmHDipNM2EqbYbm63FfE8begdj6Jv", "--dir", in("look")},
		{"snapshot", "migrate", in("look")},
	} {
		if o := rhizome(t, args...); o.Code != exitBad || !strings.Contains(o.Err, "to be looked at only") {
			t.Errorf("%v: %+v", args, o)
		}
	}
	if d := differing(before, whole(t, in("look"))); len(d) > 0 {
		t.Errorf("these differ: %q", d)
	}
}
