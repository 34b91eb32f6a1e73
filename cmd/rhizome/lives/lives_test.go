package lives_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDirectoriesThatWentBack brings directories of real processes back from copies: that of a client, that of the
// server, and one of which a copy runs beside the original. The job goes on each time, the node that went back says so,
// of two at once the one that began first ends with a code and a reason of its own, and the model at the end is that of
// an undisturbed run: nothing counts twice. Each of these used to stall the job for ever, in silence.
func TestDirectoriesThatWentBack(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for i, part := range []string{"0", "1"} {
		if o := rhizome(t, "data", "digits", "--part", part, "--of", "2", "-o",
			in([]string{"part0.csv", "part1.csv"}[i])); o.Code != 0 {
			t.Fatal(o)
		}
	}
	rounds := 2000 // more than all of this takes
	if raceEnabled {
		rounds = 500
	}
	job := []string{"--rounds", strconv.Itoa(rounds), "--clients", "2"}
	want := rhizome(t, append([]string{"run", "--json", "--dir", in("run")}, job...)...).Result(t)
	n := &network{t: t, dir: dir, job: job, server: "server"}
	n.serve()
	first, second := n.join("client0", "client0"), n.join("client1", "client1")
	n.rounds(20)

	// A client comes back from a copy that is some rounds old.
	n.stop(first)
	copied(t, in("client0"), in("client0.copy"))
	first = n.join("client0", "client0")
	n.rounds(20)
	n.stop(first)
	moved(t, in("client0.copy"), in("client0"))
	first = n.join("client0", "client0")
	back := first.Await(t, "the word that its directory went back", isEvent("surpassed"))
	if back.Saw == "" || !strings.Contains(back.Text, "nothing counts twice") {
		t.Errorf("a client that went back says %+v", back)
	}
	n.rounds(20)

	// The server comes back from a copy.
	n.stop(n.s)
	copied(t, in("server"), in("server.copy"))
	n.serve()
	n.rounds(20)
	n.stop(n.s)
	moved(t, in("server.copy"), in("server"))
	n.last = 0
	n.serve()
	n.s.Await(t, "the word that its directory went back", isEvent("surpassed"))
	n.rounds(20)

	// A copy of a client's directory runs beside the original, which was told to take over: the copy ends.
	n.stop(first)
	copied(t, in("client0"), in("twin0"))
	first = n.join("client0", "client0", "--takeover")
	n.rounds(5)
	if twin := n.join("twin0", "client0"); twin.End(t) != exitSuperseded {
		t.Errorf("beside one that takes over, the other ends with %q", twin.Errs)
	}
	n.rounds(5)

	// Without that, the copy began later, so the original ends.
	n.stop(first)
	first = n.join("client0", "client0")
	n.rounds(5)
	twin := n.join("twin0", "client0")
	said := 0
	for e := range first.Lines {
		if e.Event == "warning" && strings.HasPrefix(e.Text, "the server ") {
			said++
		}
	}
	if said > 8 { // it was some 50, before each of the two gave the other time
		t.Errorf("the first of two at once says %d times whether the server is there", said)
	}
	if code := first.End(t); code != exitSuperseded || !strings.Contains(first.Errs.String(),
		"another process runs as this node") {
		t.Errorf("the first of two at once ends with code %d, %q", code, first.Errs)
	}
	n.rounds(5)
	n.stop(twin)
	first = n.join("client0", "client0") // behind what the twin did, and the one that is left
	t.Logf("went on from round %d", n.last)
	done := n.s.Await(t, "the result", isEvent("done"))
	if done.ModelSHA256 != want.ModelSHA256 || done.Rounds != rounds {
		t.Errorf("%+v, undisturbed %+v", done, want)
	}
	for _, c := range []*started{first, second, n.s} {
		if code := c.End(t); code != exitOK {
			t.Errorf("exit code %d: %s", code, c.Errs)
		}
	}
}

// network is a server and its clients as processes.
type network struct {
	t       *testing.T
	dir     string
	job     []string
	server  string
	s       *started
	address string
	last    int // round

	invitation string
}

func (n *network) serve() {
	n.t.Helper()
	n.s = start(n.t, n.dir, append([]string{"server", "--json", "--dir", filepath.Join(n.dir, n.server), "--listen",
		loopback}, n.job...)...)
	at := n.s.Await(n.t, "address", isEvent("listening"))
	if n.address = at.Addresses[0]; n.invitation == "" {
		n.invitation = n.s.Await(n.t, "invitation", isEvent("invitation")).Invitation
	}
}

// join starts a client in a directory, with the data of another name.
func (n *network) join(name, data string, more ...string) *started {
	n.t.Helper()
	to := n.invitation
	if _, err := os.Stat(filepath.Join(n.dir, name, "node.json")); err == nil {
		to = n.address // it is a member
	}
	c := start(n.t, n.dir, append([]string{"join", to, "--json", "--dir", filepath.Join(n.dir, name), "--listen",
		loopback,
		"--data", filepath.Join(n.dir, "part"+data[len(data)-1:]+".csv"), "--member", data[len(data)-1:]}, more...)...)
	c.Await(n.t, "a start", isEvent("listening"))
	return c
}

// rounds waits for so many more rounds.
func (n *network) rounds(more int) {
	n.t.Helper()
	began := n.last
	n.last = n.s.Await(n.t, "more rounds", func(e told) bool {
		if began == 0 && e.Event == "round" {
			began = e.Round
		}
		return e.Event == "round" && e.Round >= began+more
	}).Round
}

func (n *network) stop(p *started) {
	n.t.Helper()
	p.Cmd.Process.Signal(os.Interrupt)
	if code := p.End(n.t); code != exitInterrupted {
		n.t.Fatalf("stopped with code %d: %s", code, p.Errs)
	}
	time.Sleep(10 * time.Millisecond) // another start has another time
}

func copied(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func moved(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
